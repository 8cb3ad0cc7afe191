from __future__ import annotations

from dataclasses import replace
from typing import Any

import pulumi
import pytest

from components.cluster import ADMINISTRATOR_POLICY, Cluster, ClusterArgs, without_creator_admin
from tests.cloud import ACCOUNT, CLUSTER_OUTPUTS, CONTROL_PLANE
from tests.conftest import Graph, Synth
from tests.unit.components.examples import EXAMPLES

INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"


def args(**changes: Any) -> ClusterArgs:
    example = EXAMPLES[Cluster]
    assert isinstance(example, ClusterArgs)
    return replace(example, **changes)


def cluster(synth: Synth, **changes: Any) -> Graph:
    return synth(lambda: Cluster("cluster", args(**changes)))


def test_the_api_server_is_private_unless_somebody_is_named(synth: Synth) -> None:
    inputs = cluster(synth).one("eks:index:Cluster").inputs
    assert inputs["endpointPrivateAccess"] is True
    assert inputs["endpointPublicAccess"] is False
    assert "publicAccessCidrs" not in inputs


def test_those_who_are_named_reach_it_from_outside_too(synth: Synth) -> None:
    graph = cluster(synth, public_access_cidrs=("203.0.113.0/24",))
    inputs = graph.one("eks:index:Cluster").inputs
    assert inputs["endpointPrivateAccess"] is True
    assert inputs["endpointPublicAccess"] is True
    assert inputs["publicAccessCidrs"] == ["203.0.113.0/24"]


def test_inside_of_the_vpc_it_answers_the_networks_that_are_named_and_no_others(
    synth: Synth,
) -> None:
    """The group that EKS makes has its members alone: whoever deploys is none of them."""
    assert not cluster(synth).all(INGRESS_RULE)
    graph = cluster(synth, private_access_cidrs=("10.20.0.0/16", "10.30.0.0/24"))
    rules = {each.name: each.inputs for each in graph.all(INGRESS_RULE)}
    assert {name: rule["cidrIpv4"] for name, rule in rules.items()} == {
        "cluster-10.20.0.0/16": "10.20.0.0/16",
        "cluster-10.30.0.0/24": "10.30.0.0/24",
    }
    for rule in rules.values():
        assert rule["securityGroupId"] == CLUSTER_OUTPUTS["clusterSecurityGroupId"]
        assert (rule["ipProtocol"], rule["fromPort"], rule["toPort"]) == ("tcp", 443, 443)
    assert graph.one("eks:index:Cluster").inputs["endpointPublicAccess"] is False


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"public_access_cidrs": ("0.0.0.0/0",)}, "no wider than a /24, got 0.0.0.0/0"),
        ({"public_access_cidrs": ("203.0.112.0/23",)}, "no wider than a /24"),
        ({"administrators": {}}, "at least one role"),
        ({"subnets": {"us-east-1a": "subnet-1"}}, "two zones or more, got 1"),
    ],
)
def test_unsafe_or_impossible_arguments_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        args(**changes)


def test_every_control_plane_log_is_kept_with_an_end(synth: Synth) -> None:
    graph = cluster(synth, log_retention_days=365)
    inputs = graph.one("eks:index:Cluster").inputs
    assert sorted(inputs["enabledClusterLogTypes"]) == [
        "api", "audit", "authenticator", "controllerManager", "scheduler",
    ]  # fmt: skip
    group = graph.one("aws:cloudwatch/logGroup:LogGroup")
    assert group.inputs["name"] == "/aws/eks/serving-test/cluster"
    assert group.inputs["retentionInDays"] == 365
    assert group.urn in graph.one("eks:index:Cluster").dependencies


def test_secrets_and_logs_are_encrypted_with_the_keys_that_are_given(synth: Synth) -> None:
    graph = cluster(synth, secrets_key_arn="arn:secrets", log_key_arn="arn:logs")
    assert graph.one("eks:index:Cluster").inputs["encryptionConfigKeyArn"] == "arn:secrets"
    assert graph.one("aws:cloudwatch/logGroup:LogGroup").inputs["kmsKeyId"] == "arn:logs"


def test_only_access_entries_let_anyone_in(synth: Synth) -> None:
    assert cluster(synth).one("eks:index:Cluster").inputs["authenticationMode"] == "API"


def test_each_administrator_has_an_entry_and_the_policy(synth: Synth) -> None:
    roles = {name: f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("deploy", "break-glass")}
    graph = cluster(synth, administrators=roles)
    entries = graph.all("aws:eks/accessEntry:AccessEntry")
    policies = graph.all("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
    for resources in (entries, policies):
        assert {each.name: each.inputs["principalArn"] for each in resources} == {
            f"cluster-{name}": arn for name, arn in roles.items()
        }
    assert {each.inputs["policyArn"] for each in policies} == {ADMINISTRATOR_POLICY}
    assert {each.inputs["clusterName"] for each in [*entries, *policies]} == {"serving-test"}


def test_nothing_but_the_control_plane_is_left_to_pulumi_eks(synth: Synth) -> None:
    inputs = cluster(synth).one("eks:index:Cluster").inputs
    assert inputs["skipDefaultNodeGroup"] is True
    assert inputs["skipDefaultSecurityGroups"] is True
    assert inputs["useDefaultVpcCni"] is True
    assert inputs["kubeProxyAddonOptions"]["enabled"] is False


@pytest.mark.parametrize("retain", [True, False])
def test_a_cluster_is_protected_unless_it_may_go(synth: Synth, retain: bool) -> None:
    graph = cluster(synth, retain=retain)
    assert graph.one("eks:index:Cluster").protect is retain
    assert graph.one("eks:index:Cluster").inputs["deletionProtection"] is retain


def test_versions_leave_with_their_standard_support(synth: Synth) -> None:
    inputs = cluster(synth).one("eks:index:Cluster").inputs
    assert inputs["upgradePolicy"] == {"supportType": "STANDARD"}


def transform_of(type_: str, props: dict[str, Any]) -> pulumi.ResourceTransformResult | None:
    return without_creator_admin(
        pulumi.ResourceTransformArgs(
            custom=True, type_=type_, name="cluster", props=props, opts=pulumi.ResourceOptions()
        )
    )


def test_whoever_creates_the_cluster_is_not_made_its_administrator() -> None:
    access = {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": True,
    }
    result = transform_of(CONTROL_PLANE, {"version": "1.35", "accessConfig": access})
    assert result is not None
    assert result.props == {
        "version": "1.35",
        "accessConfig": {
            "authenticationMode": "API",
            "bootstrapClusterCreatorAdminPermissions": False,
        },
    }


def test_no_other_resource_is_touched_on_the_way() -> None:
    assert transform_of("aws:iam/role:Role", {}) is None
