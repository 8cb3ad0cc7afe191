from __future__ import annotations

from components.service_account import ServiceAccount, ServiceAccountArgs
from tests.conftest import Synth
from tests.unit import rendered
from tests.unit.components.examples import ROLE

ACCOUNT = "kubernetes:core/v1:ServiceAccount"


def test_it_carries_its_role_and_no_token_of_the_cluster(synth: Synth) -> None:
    args = ServiceAccountArgs(namespace="tenant-vision", account="digits", annotations=ROLE)
    graph = synth(lambda: ServiceAccount("thing", args))
    found = graph.one(ACCOUNT).inputs
    assert found["metadata"] == {
        "name": "digits",
        "namespace": "tenant-vision",
        "annotations": ROLE,
    }
    assert found["automountServiceAccountToken"] is False
    assert rendered.wrong_objects(graph) == []
