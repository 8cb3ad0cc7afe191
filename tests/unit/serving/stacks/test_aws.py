from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from serving import catalog
from serving.contract.model import S3Repository
from serving.errors import InputError
from serving.stacks.outputs import Outputs
from serving.stacks.program import build
from tests.cloud import ACCOUNT
from tests.conftest import Graph, Synth
from tests.unit import stacks

STATEFUL = ("aws:kms/key:Key", "aws:s3/bucket:Bucket", "eks:index:Cluster")


@pytest.fixture
def prod() -> Graph:
    return stacks.graph("prod")


def test_every_resource_of_a_cloud_has_the_provider_of_the_stack(prod: Graph) -> None:
    for resource in prod:
        cloud = resource.type.partition(":")[0]
        if cloud in ("aws", "eks", "kubernetes"):
            assert resource.providers, f"{resource.urn} has a default provider"


def test_everything_that_aws_bills_says_whose_it_is(prod: Graph) -> None:
    provider = prod.one("pulumi:providers:aws").inputs
    assert '"Env": "prod"' in provider["defaultTags"]
    assert provider["region"] == "us-east-1"


@pytest.mark.parametrize(("stack", "protected"), [("dev", False), ("prod", True)])
def test_what_holds_state_is_protected_where_it_must_stay(stack: str, protected: bool) -> None:
    graph = stacks.graph(stack)
    stateful = [resource for resource in graph if resource.type in STATEFUL]
    assert {resource.type for resource in stateful} == set(STATEFUL)
    assert {resource.protect for resource in stateful} == {protected}


def test_the_api_server_of_prod_cannot_be_reached_from_outside(prod: Graph) -> None:
    assert prod.one("eks:index:Cluster").inputs["endpointPublicAccess"] is False


def test_nothing_is_asked_of_the_cluster_before_its_administrators_may_ask(prod: Graph) -> None:
    allowed = prod.all("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
    assert len(allowed) == 2
    kubernetes = prod.one("pulumi:providers:kubernetes")
    assert {each.urn for each in allowed} <= kubernetes.dependencies


def test_what_people_type_is_named_after_the_stack(prod: Graph) -> None:
    assert prod.one("eks:index:Cluster").inputs["name"] == "serving-prod"
    assert prod.one("aws:s3/bucket:Bucket").inputs["bucket"] == f"serving-prod-models-{ACCOUNT}"


def test_every_tenant_has_its_namespace(prod: Graph) -> None:
    known = catalog.load("prod")
    assert {
        each.inputs["metadata"]["name"] for each in prod.all("kubernetes:core/v1:Namespace")
    } == {tenant.namespace for tenant in known.tenants.values()}


def test_pods_reach_aws_through_the_endpoints_and_nothing_else(prod: Graph) -> None:
    policy = prod.one("kubernetes:networking.k8s.io/v1:NetworkPolicy", "vision-aws")
    (rule,) = policy.inputs["spec"]["egress"]
    assert {peer["ipBlock"]["cidr"] for peer in rule["to"]} == {
        "10.20.17.0/24", "10.20.49.0/24", "10.20.81.0/24", "198.51.100.0/24", "203.0.113.0/24",
    }  # fmt: skip


def test_adding_a_tenant_changes_no_object_that_was_there(synth: Synth) -> None:
    settings, known = stacks.settings("prod"), catalog.load("prod")
    newcomer = known.tenants["shop"].model_copy(update={"name": "audio"})
    more = replace(known, tenants={**known.tenants, "audio": newcomer})
    before = stacks.graph("prod")
    after = synth(lambda: build(settings, more), stack="prod")
    added = [resource for resource in after if resource not in list(before)]
    assert [resource for resource in before if resource not in list(after)] == []
    assert {resource.name.partition("-")[0] for resource in added} == {"audio"}


def test_a_model_that_its_server_reads_from_s3_may_read_that_and_no_other(synth: Synth) -> None:
    settings, known = stacks.settings("prod"), catalog.load("prod")
    repository = S3Repository(kind="s3", uri="s3://models")
    digits = known.models["digits"].model_copy(update={"repository": repository})
    some = replace(known, models={**known.models, "digits": digits})
    graph = synth(lambda: build(settings, some), stack="prod")
    (policy,) = graph.all("aws:iam/policy:Policy")
    assert policy.name == "digits-read"
    assert "/digits/*" in policy.inputs["policy"]
    trust = graph.one("aws:iam/role:Role", "digits").inputs["assumeRolePolicy"]
    assert "system:serviceaccount:tenant-vision:digits" in trust


def released(synth: Synth, releases: dict[str, Any]) -> Outputs:
    settings, known = stacks.settings("prod", releases=releases), catalog.load("prod")
    built: list[Outputs] = []
    synth(lambda: built.append(build(settings, known)), stack="prod")
    return built[0]


def test_the_table_of_releases_is_exported_as_it_is_deployed(synth: Synth) -> None:
    assert released(synth, {})["releases"] == {}


@pytest.mark.parametrize(
    ("releases", "message"),
    [
        ({"digit": {"stable": 1}}, "serving:releases: digit is not a model, expected one of"),
        ({"digits": {"stable": 999}}, "digits: version 999 was never published"),
    ],
)
def test_traffic_goes_to_published_versions_of_known_models_only(
    synth: Synth, releases: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        released(synth, releases)
