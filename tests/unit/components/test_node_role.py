from __future__ import annotations

import json

import pulumi_aws as aws

from components.node_role import NodeRole, NodeRoleArgs
from tests.conftest import Graph, Synth


def role(synth: Synth) -> Graph:
    return synth(lambda: NodeRole("nodes", NodeRoleArgs()))


def test_only_instances_have_the_role(synth: Synth) -> None:
    trust = json.loads(role(synth).one("aws:iam/role:Role").inputs["assumeRolePolicy"])
    (statement,) = trust["Statement"]
    assert statement["Principal"] == {"Service": "ec2.amazonaws.com"}
    assert statement["Action"] == "sts:AssumeRole"


def test_nodes_may_join_and_pull_and_leave_the_pods_addresses_to_the_add_on(synth: Synth) -> None:
    attached = role(synth).all("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert {each.inputs["policyArn"].rpartition("/")[2] for each in attached} == {
        "AmazonEKSWorkerNodePolicy",
        "AmazonEC2ContainerRegistryPullOnly",
    }
    assert {each.inputs["role"] for each in attached} == {"nodes"}


def test_whoever_is_given_the_role_comes_after_its_policies(synth: Synth) -> None:
    def build() -> None:
        nodes = NodeRole("nodes", NodeRoleArgs())
        NodeRole("other", NodeRoleArgs())
        aws.iam.InstanceProfile("user", role=nodes.name)

    graph = synth(build)
    attached = graph.all("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    ours = {each.urn for each in attached if each.name.startswith("nodes-")}
    assert ours <= graph.one("aws:iam/instanceProfile:InstanceProfile").dependencies
