"""The layer of models: what a release is made of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from serving.catalog import Catalog, load
from serving.contract.model import S3Repository
from serving.errors import InputError
from serving.settings import Settings
from serving.stacks.program import build
from tests.conftest import Graph, Synth
from tests.unit import rendered, stacks
from tests.unit.serving.stacks.releases import IDENTITY, built, published, released

DEPLOYMENT: Final = "kubernetes:apps/v1:Deployment"
SERVICE: Final = "kubernetes:core/v1:Service"
ACCOUNT: Final = "kubernetes:core/v1:ServiceAccount"
JOB: Final = "kubernetes:batch/v1:Job"
VIRTUAL_SERVICE: Final = "kubernetes:networking.istio.io/v1:VirtualService"
INGRESS: Final = "kubernetes:networking.k8s.io/v1:Ingress"
RULE: Final = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"
SCALED: Final = "kubernetes:keda.sh/v1alpha1:ScaledObject"

MODELS: Final = frozenset(load("prod").models)
CANARY: Final = {"stable": 1, "canary": 2, "weight": 5}


def names(graph: Graph, kind: str) -> set[str]:
    """Of what lies in tenants' namespaces."""
    found = (each.inputs["metadata"] for each in graph.all(kind))
    return {each["name"] for each in found if str(each.get("namespace", "")).startswith("tenant-")}


def changed(before: Graph, after: Graph) -> set[str]:
    """Kind and name of each object that the second asks for and the first did not."""
    known = {each.urn: each.inputs for each in before}
    return {
        f"{each.type.rpartition(':')[2]} {each.name}"
        for each in after
        if not each.type.startswith("serving:") and known.get(each.urn) != each.inputs
    }


def shares(graph: Graph) -> Iterator[Mapping[str, int]]:
    """Service → percent, for each call that digits answers."""
    for each in graph.one(VIRTUAL_SERVICE, "digits").inputs["spec"]["http"]:
        if "route" in each:
            yield {
                to["destination"]["host"].partition(".")[0]: to.get("weight", 100)
                for to in each["route"]
            }


@pytest.mark.parametrize("meshed", [True, False])
def test_every_object_of_every_model_is_one_that_the_cluster_takes(meshed: bool) -> None:
    graph = released(meshed=meshed, **CANARY)
    assert {f"{model}-{version}" for model in MODELS for version in (1, 2)} == names(
        graph, DEPLOYMENT
    )
    assert rendered.wrong_objects(graph) == []


def test_each_version_has_servers_of_its_own_and_all_share_an_account_and_rules() -> None:
    graph = released(stable=2, canary=3, weight=5, previous=1)
    workloads = {f"{model}-{version}" for model in MODELS for version in (1, 2, 3)}
    for kind in (DEPLOYMENT, SERVICE, SCALED):
        assert names(graph, kind) == workloads
    for kind in (ACCOUNT, RULE, VIRTUAL_SERVICE):
        assert names(graph, kind) == MODELS


def test_every_object_of_a_model_lies_with_its_tenant() -> None:
    graph, known = released(**CANARY), load("prod").models
    for kind in (DEPLOYMENT, SERVICE, SCALED, ACCOUNT, RULE, VIRTUAL_SERVICE):
        for each in graph.all(kind):
            metadata = each.inputs["metadata"]
            model = known.get(str(metadata["name"]).removesuffix("-1").removesuffix("-2"))
            if model is not None and each.name.startswith(model.name):
                assert metadata["namespace"] == model.namespace


def test_callers_are_told_where_to_ask() -> None:
    _, outputs = built(**CANARY)
    assert outputs["models"].keys() == MODELS


@pytest.mark.parametrize("weight", [0, 5, 50])
def test_the_gateway_shares_requests_out_as_the_release_says(weight: int) -> None:
    found = list(shares(released(stable=1, canary=2, weight=weight)))
    wanted = {"digits-1": 100 - weight} | ({"digits-2": weight} if weight else {})
    assert wanted in [{to: share for to, share in each.items() if share} for each in found]
    assert {sum(each.values()) for each in found} == {100}


def test_another_weight_changes_routes_alone() -> None:
    before, after = released(**CANARY), released(**{**CANARY, "weight": 50})
    routes = {f"VirtualService {model}" for model in MODELS}
    assert changed(before, after) == changed(after, before) == routes


def test_the_first_and_the_last_weight_also_say_whether_the_canary_is_waited_for() -> None:
    idle, busy = released(stable=1, canary=2, weight=0), released(**CANARY)
    touched = {f"{kind} {model}" for model in MODELS for kind in ("VirtualService", "Deployment")}
    touched = {each if "Virtual" in each else f"{each}-2" for each in touched}
    assert changed(idle, busy) == changed(busy, idle) == touched


def test_a_canary_holds_an_update_up_only_where_it_takes_requests() -> None:
    def waits(graph: Graph, name: str) -> bool:
        metadata = graph.one(DEPLOYMENT, name).inputs["metadata"]
        return "pulumi.com/skipAwait" not in metadata.get("annotations", {})

    idle, busy = released(stable=1, canary=2, weight=0), released(**CANARY)
    assert [waits(idle, "digits-1"), waits(idle, "digits-2")] == [True, False]
    assert [waits(busy, "digits-1"), waits(busy, "digits-2")] == [True, True]


@pytest.mark.parametrize(("meshed", "route"), [(True, "ModelRoute"), (False, "BalancerRoute")])
def test_nobody_is_sent_to_servers_before_they_are_there(meshed: bool, route: str) -> None:
    graph = released(meshed=meshed, **CANARY)
    waited_for = graph.one(f"serving:index:{route}", "digits").dependencies
    for version in (1, 2):
        for needed in (DEPLOYMENT, SERVICE, SCALED):
            assert graph.one(needed, f"digits-{version}").urn in waited_for


def test_a_first_release_has_servers_before_anybody_can_ask_it() -> None:
    graph = released("digits", canary=1)
    assert names(graph, DEPLOYMENT) == {"digits-1"}
    assert list(shares(graph)) == []
    answers = graph.one(VIRTUAL_SERVICE, "digits").inputs["spec"]["http"]
    assert {"status": 503, "body": {"string": "digits has no released version yet"}} in [
        each["directResponse"] for each in answers
    ]


def test_servers_that_read_the_bucket_themselves_have_the_role_for_it(synth: Synth) -> None:
    bucket = S3Repository(kind="s3", uri="s3://models")
    known = published("digits", repository=bucket)
    settings = stacks.settings("prod", releases={"digits": {"stable": 1}}, identity=IDENTITY)
    graph = synth(lambda: build(settings, known))
    account = graph.one(ACCOUNT, "digits").inputs["metadata"]
    role = graph.one("aws:iam/role:Role", "digits").inputs
    assert "system:serviceaccount:tenant-vision:digits" in role["assumeRolePolicy"]
    assert account["annotations"].keys() == {"eks.amazonaws.com/role-arn"}
    assert (account["namespace"], account["name"]) == ("tenant-vision", "digits")
    assert graph.all(JOB) == []


def test_versions_are_carried_to_the_store_before_nodes_look_for_them() -> None:
    graph = released(**CANARY)
    (copies,) = graph.all("serving:index:ModelCache")
    carried = {each.name: each.urn for each in graph.all(JOB)}
    assert "model-delivery-vision-digits-2" in carried
    assert len(carried) == 2 * len(MODELS)
    assert set(carried.values()) <= copies.dependencies


def test_a_version_stays_on_the_nodes_for_as_long_as_a_route_may_send_to_it() -> None:
    graph = released(**CANARY)
    (kept,) = graph.all("serving:index:ServedVersions")
    routes = {each.urn for each in graph.all(VIRTUAL_SERVICE)}
    assert len(routes) == len(MODELS)
    assert routes <= kept.dependencies
    wanted, still = (
        graph.one("kubernetes:core/v1:ConfigMap", f"model-cache-{name}").inputs["data"]
        for name in ("wanted", "kept")
    )
    assert json.loads(wanted["wanted.json"]) == json.loads(still["kept.json"])


def test_without_somebody_whose_tokens_are_taken_no_model_is_served(synth: Synth) -> None:
    settings = stacks.settings("prod", releases={"digits": {"stable": 1}})
    why = "serving:identity is missing: nobody may ask a model"
    refused(synth, settings, published("digits"), why)


def refused(synth: Synth, settings: Settings, known: Catalog, why: str) -> None:
    """Before anything is made."""

    def attempt() -> None:
        with pytest.raises(InputError, match=why):
            build(settings, known)

    assert list(synth(attempt)) == []


def test_what_was_published_with_another_contract_is_refused(synth: Synth) -> None:
    settings = stacks.settings("prod", releases={"digits": {"stable": 2}}, identity=IDENTITY)
    known = published("digits")
    versions = known.models["digits"].versions
    versions[2] = versions[2].model_copy(update={"contract": f"sha256:{64 * '0'}"})
    refused(synth, settings, known, "version 2 was published with another contract")


def test_without_a_mesh_the_weights_are_on_the_balancers_actions() -> None:
    """NET-9; other weights: test_balancer_routes."""
    graph = released(meshed=False, **CANARY)
    assert graph.all(VIRTUAL_SERVICE) == []
    found = [
        {one["serviceName"]: one.get("weight", 100) for one in forward["targetGroups"]}
        for each in graph.all(INGRESS)
        for key, text in each.inputs["metadata"]["annotations"].items()
        if key.startswith("alb.ingress.kubernetes.io/actions.")
        if (forward := json.loads(text).get("forwardConfig"))
    ]
    assert {"digits-1": 95, "digits-2": 5} in found
    assert {sum(shares.values()) for shares in found} == {100}


def test_without_a_release_there_is_nothing_of_models() -> None:
    graph = stacks.graph("prod")
    assert names(graph, DEPLOYMENT) == set()
    assert graph.all(JOB) == []
