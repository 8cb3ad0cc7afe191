from __future__ import annotations

from typing import Any

import pytest

from components.external_secrets import ExternalSecrets
from tests.unit import rendered
from tests.unit.components.examples import ROLE
from tests.unit.components.installing import around, installed


def values(**changes: Any) -> Any:
    return rendered.values_of(installed(ExternalSecrets, **changes), "external-secrets")


def test_the_store_has_no_credentials_of_its_own() -> None:
    """SEC-6. What it may read is what the operator's role may."""
    (store,) = rendered.objects(installed(ExternalSecrets), "ClusterSecretStore").values()
    assert store["spec"]["provider"] == {
        "aws": {"service": "SecretsManager", "region": "us-east-1"}
    }
    assert values()["serviceAccount"] == {"name": "external-secrets", "annotations": ROLE}


def test_secrets_are_for_tenants_and_for_those_who_are_named() -> None:
    graph = installed(ExternalSecrets, namespaces=["monitoring"])
    (store,) = rendered.objects(graph, "ClusterSecretStore").values()
    assert store["spec"]["conditions"] == [
        {"namespaces": ["monitoring"]},
        {"namespaceSelector": {"matchExpressions": [{"key": "tenant", "operator": "Exists"}]}},
    ]


@pytest.mark.parametrize(
    "what", ["ClusterExternalSecret", "ClusterGenerator", "ClusterPushSecret", "PushSecret"]
)
def test_nothing_carries_secrets_around_or_out(what: str) -> None:
    assert values()[f"process{what}"] is False


@pytest.mark.parametrize(("replicas", "elected"), [(1, False), (2, True)])
def test_of_several_one_leads(replicas: int, elected: bool) -> None:
    found = values(surroundings=around(replicas=replicas))
    assert (found["replicaCount"], found["leaderElect"]) == (replicas, elected)


def test_the_store_is_known_when_its_kind_is() -> None:
    graph = installed(ExternalSecrets)
    store = graph.one("kubernetes:external-secrets.io/v1:ClusterSecretStore")
    assert graph.one(rendered.RELEASE).urn in store.dependencies
    outputs = graph.one("serving:index:ExternalSecrets").outputs
    assert outputs == {"store": "platform"}
