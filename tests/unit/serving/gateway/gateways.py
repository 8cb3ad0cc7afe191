"""Gateways for tests: every model that the tests know, in any state of its releases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hypothesis import strategies as st

from serving.contract.model import ModelContract
from serving.gateway.documents import Document
from serving.gateway.table import Gateway, Served, Server
from serving.settings import Release
from serving.tenancy import Quota, Tenant
from tests.contracts import changed, contract

NAMES = ("scan", "forms", "writer")


def tenant(name: str, per_second: float = 10) -> Tenant:
    return Tenant(
        name=name, team=name, contacts=("a@example.com",), monthly_budget_usd=1,
        quota=Quota(models=9, cpu=1000, memory=1 << 40), requests_per_second=per_second,
    )  # fmt: skip


def servers(model: str, versions: Iterable[int], replicas: int = 1) -> dict[int, list[Server]]:
    return {
        version: [
            Server(
                name=f"{model}-{version}-{replica}",
                http_port=10_000 + 100 * version + replica,
                grpc_port=20_000 + 100 * version + replica,
            )
            for replica in range(replicas)
        ]
        for version in versions
    }


def served(model: ModelContract, replicas: int = 1, **release: Any) -> Served:
    told = Release(**release)
    named = (told.stable, told.canary, told.previous)
    versions = [version for version in named if version is not None]
    return Served(contract=model, release=told, servers=servers(model.name, versions, replicas))


def gateway(*models: Served) -> Gateway:
    return Gateway(
        port=8080, admin_port=9901, served=models,
        tenants={one.contract.tenant: tenant(one.contract.tenant) for one in models},
        issuer="issuer", audience="audience", jwks='{"keys":[]}', edges=(1.0, 2.5),
        folder="/state/envoy", access_log="/state/log",
    )  # fmt: skip


@st.composite
def any_served(draw: st.DrawFn) -> Served:
    """Any model in any state of its release."""
    name = draw(st.sampled_from(NAMES))
    rollout = contract(name).rollout.model_dump(mode="json") | {
        "shadow_percent": draw(st.sampled_from([0, 30])),
        "sticky_by": draw(st.sampled_from([None, "x-user"])),
    }
    one, two, three = draw(st.lists(st.integers(1, 99), min_size=3, max_size=3, unique=True))
    release: dict[str, int] = {"canary": two}
    if draw(st.booleans()):
        release = {"stable": one, **({"previous": three} if draw(st.booleans()) else {})}
        if draw(st.booleans()):
            release |= {"canary": two, "weight": draw(st.integers(0, 100))}
    model = changed(name, ("rollout",), rollout)
    return served(model, draw(st.integers(1, 3)), **release)


def virtual_hosts(document: Document) -> dict[str, dict[str, Any]]:
    (configuration,) = document["resources"]
    return {host["name"]: host for host in configuration["virtual_hosts"]}


def actions(host: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What its routes do that lead anywhere."""
    return [route["route"] for route in host["routes"] if "route" in route]


def clusters_named(action: Mapping[str, Any]) -> Iterator[str]:
    if "cluster" in action:
        yield action["cluster"]
    for one in action.get("weighted_clusters", {}).get("clusters", ()):
        yield one["name"]
    for copy in action.get("request_mirror_policies", ()):
        yield copy["cluster"]
