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

STATEFUL = (
    "aws:cloudtrail/trail:Trail",
    "aws:ecr/repository:Repository",
    "aws:efs/fileSystem:FileSystem",
    "aws:kms/key:Key",
    "aws:s3/bucket:Bucket",
    "aws:secretsmanager/secret:Secret",
    "eks:index:Cluster",
)


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


def test_nothing_is_asked_of_the_cluster_before_its_vpc_is_let_in(prod: Graph) -> None:
    """Whoever deploys prod is in it, and has no other way."""
    rule = prod.one(
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "cluster-10.20.0.0/16"
    )
    assert rule.inputs["cidrIpv4"] == prod.one("aws:ec2/vpc:Vpc").inputs["cidrBlock"]
    assert rule.urn in prod.one("pulumi:providers:kubernetes").dependencies


def test_what_people_type_is_named_after_the_stack(prod: Graph) -> None:
    assert prod.one("eks:index:Cluster").inputs["name"] == "serving-prod"
    for what in ("models", "audit", "access-logs"):
        bucket = prod.one("aws:s3/bucket:Bucket", what).inputs["bucket"]
        assert bucket == f"serving-prod-{what}-{ACCOUNT}"
    repositories = {each.inputs["name"] for each in prod.all("aws:ecr/repository:Repository")}
    assert repositories == {"serving-prod/tritonserver", "serving-prod/vllm"}
    secrets = {each.inputs["name"] for each in prod.all("aws:secretsmanager/secret:Secret")}
    assert secrets == {"serving-prod/grafana"}


def test_every_tenant_has_its_namespace(prod: Graph) -> None:
    found = [each.inputs["metadata"] for each in prod.all("kubernetes:core/v1:Namespace")]
    assert {each["name"] for each in found if "tenant" in each["labels"]} == {
        tenant.namespace for tenant in catalog.load("prod").tenants.values()
    }


def test_pods_reach_aws_through_the_endpoints_and_nothing_else(prod: Graph) -> None:
    policy = prod.one("kubernetes:networking.k8s.io/v1:NetworkPolicy", "vision-aws")
    rule, agent = policy.inputs["spec"]["egress"]
    # Link-local: the node's own, where Pod Identity is used.
    assert agent["to"] == [{"ipBlock": {"cidr": "169.254.170.23/32"}}]
    assert [port["port"] for port in agent["ports"]] == [80]
    assert {peer["ipBlock"]["cidr"] for peer in rule["to"]} == {
        "10.20.17.0/24", "10.20.49.0/24", "10.20.81.0/24", "198.51.100.0/24", "203.0.113.0/24",
    }  # fmt: skip


def test_tenants_read_their_models_from_one_store_and_no_two_through_one_volume(
    prod: Graph,
) -> None:
    volumes = prod.all("kubernetes:core/v1:PersistentVolume")
    handles = {each.inputs["spec"]["csi"]["volumeHandle"] for each in volumes}
    assert {each.name for each in volumes} == set(catalog.load("prod").tenants)
    assert handles == {f"store::store-{each.name}" for each in volumes}
    claims = prod.all("kubernetes:core/v1:PersistentVolumeClaim")
    assert {each.inputs["metadata"]["namespace"] for each in claims} == {
        tenant.namespace for tenant in catalog.load("prod").tenants.values()
    }


def test_all_data_at_rest_is_encrypted_with_keys_of_ours_each_with_its_own(prod: Graph) -> None:
    encrypted = {
        "aws:ec2/launchTemplate:LaunchTemplate": ("volumes", "blockDeviceMappings"),
        "aws:ecr/repository:Repository": ("images", "encryptionConfigurations"),
        "aws:efs/fileSystem:FileSystem": ("models", "kmsKeyId"),
        "aws:secretsmanager/secret:Secret": ("secrets", "kmsKeyId"),
        "aws:cloudwatch/logGroup:LogGroup": ("logs", "kmsKeyId"),
        "aws:cloudtrail/trail:Trail": ("logs", "kmsKeyId"),
        "eks:index:Cluster": ("cluster", "encryptionConfigKeyArn"),
    }
    for type_, (purpose, key) in encrypted.items():
        assert prod.all(type_)
        for each in prod.all(type_):
            assert f":keys-{purpose}" in str(each.inputs[key]), each.urn
    buckets = prod.all(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    )
    assert {each.name for each in buckets if "keys-" not in str(each.inputs)} == {"access-logs"}


def test_every_bucket_but_the_logs_own_says_who_used_it(prod: Graph) -> None:
    logged = {each.name for each in prod.all("aws:s3/bucketLogging:BucketLogging")}
    assert logged == {each.name for each in prod.all("aws:s3/bucket:Bucket")} - {"access-logs"}


def test_the_environment_and_each_tenant_have_a_budget(prod: Graph) -> None:
    found = {each.inputs["name"]: each.inputs for each in prod.all("aws:budgets/budget:Budget")}
    tenants = catalog.load("prod").tenants
    assert found.keys() == {"serving-prod", *(f"serving-prod-{name}" for name in tenants)}
    assert found["serving-prod"]["limitAmount"] == "20000"
    vision = found["serving-prod-vision"]
    assert vision["limitAmount"] == str(tenants["vision"].monthly_budget_usd)
    counted = [each["tags"] for each in vision["filterExpression"]["ands"]]
    assert counted == [
        {"key": "Env", "values": ["prod"]},
        {"key": "Project", "values": ["serving"]},
        {"key": "Tenant", "values": ["vision"]},
    ]
    heard = {tuple(each["subscriberEmailAddresses"]) for each in vision["notifications"]}
    assert heard == {tenants["vision"].contacts}


def test_what_belongs_to_one_tenant_says_so_on_the_bill(prod: Graph) -> None:
    points = {
        each.name: each.inputs["tags"] for each in prod.all("aws:efs/accessPoint:AccessPoint")
    }
    for tenant in catalog.load("prod").tenants:
        assert points[f"store-{tenant}"]["Tenant"] == tenant


def test_adding_a_tenant_changes_no_object_that_was_there(synth: Synth) -> None:
    settings, known = stacks.settings("prod"), catalog.load("prod")
    newcomer = known.tenants["shop"].model_copy(update={"name": "audio"})
    more = replace(known, tenants={**known.tenants, "audio": newcomer})
    before = stacks.graph("prod")
    after = synth(lambda: build(settings, more), stack="prod")
    # What a component hands on is no object.
    were, are = ([replace(each, outputs=None) for each in graph] for graph in (before, after))
    assert [resource for resource in were if resource not in are] == []
    added = [resource for resource in are if resource not in were]
    assert {"audio" in resource.name.split("-") for resource in added} == {True}


def test_a_model_that_its_server_reads_from_s3_may_read_that_and_no_other(synth: Synth) -> None:
    settings, known = stacks.settings("prod"), catalog.load("prod")
    repository = S3Repository(kind="s3", uri="s3://models")
    digits = known.models["digits"].model_copy(update={"repository": repository})
    some = replace(known, models={**known.models, "digits": digits})
    graph = synth(lambda: build(settings, some), stack="prod")
    policy = graph.one("aws:iam/rolePolicy:RolePolicy", "digits-work")
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
