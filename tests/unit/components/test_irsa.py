"""SEC-1, SEC-9, SEC-10, CLU-8: exactly one service account of exactly one cluster."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components.irsa import (
    Irsa,
    PodIdentity,
    ServiceAccountRole,
    ServiceAccountRoleArgs,
    irsa_trust,
    pod_identity_trust,
)
from tests.cloud import ACCOUNT, ISSUER
from tests.conftest import Graph, Synth
from tests.iam import assumes, web_identity

PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
CLUSTER = f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/serving-prod"
DIGITS = "system:serviceaccount:tenant-vision:digits"
READ, WRITE = '{"Statement": ["read"]}', '{"Statement": ["write"]}'


@pytest.mark.parametrize(
    ("audience", "subject", "allowed"),
    [
        ("sts.amazonaws.com", DIGITS, True),
        ("sts.amazonaws.com", "system:serviceaccount:tenant-vision:other", False),
        ("sts.amazonaws.com", "system:serviceaccount:tenant-text:digits", False),
        ("sts.amazonaws.com", f"{DIGITS}2", False),
        ("sts.amazonaws.com", DIGITS.upper(), False),
        ("sts.amazonaws.com", f"{DIGITS}\n", False),
        ("sts.amazonaws.com", f" {DIGITS}", False),
        ("sts.amazonaws.com", "system:serviceaccount:*:*", False),
        ("sts.amazonaws.com", "system:serviceaccount:tenant-vision:*", False),
        ("sts.amazonaws.com", "system:serviceaccount:tenant-vision:digits:default", False),
        ("sts.amazonaws.com", "system:node:digits", False),
        ("sts.amazonaws.com", "", False),
        ("STS.amazonaws.com", DIGITS, False),
        ("https://kubernetes.default.svc", DIGITS, False),
    ],
)
def test_exactly_one_service_account_may_assume_the_role(
    audience: str, subject: str, allowed: bool
) -> None:
    trust = irsa_trust(PROVIDER, "tenant-vision", "digits")
    assert web_identity(trust, PROVIDER, {"aud": audience, "sub": subject}) is allowed


@pytest.mark.parametrize("claim", ["aud", "sub"])
def test_a_token_without_the_claim_is_no_token(claim: str) -> None:
    claims = {"aud": "sts.amazonaws.com", "sub": DIGITS}
    del claims[claim]
    assert not web_identity(irsa_trust(PROVIDER, "tenant-vision", "digits"), PROVIDER, claims)


def test_another_clusters_token_for_the_same_account_is_refused() -> None:
    trust = irsa_trust(PROVIDER, "tenant-vision", "digits")
    other = PROVIDER.replace("0123", "9876")
    assert not web_identity(trust, other, {"aud": "sts.amazonaws.com", "sub": DIGITS})


TAGS = {
    "aws:RequestTag/eks-cluster-arn": CLUSTER,
    "aws:RequestTag/kubernetes-namespace": "tenant-vision",
    "aws:RequestTag/kubernetes-service-account": "digits",
}


@pytest.mark.parametrize("action", ["sts:AssumeRole", "sts:TagSession"])
@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({}, True),
        ({"kubernetes-namespace": "tenant-text"}, False),
        ({"kubernetes-service-account": "other"}, False),
        ({"kubernetes-service-account": "*"}, False),
        ({"eks-cluster-arn": CLUSTER.replace("prod", "dev")}, False),
        ({"eks-cluster-arn": CLUSTER.replace(ACCOUNT, "210987654321")}, False),
    ],
)
def test_with_pod_identity_too_it_is_one_account_of_one_cluster(
    action: str, changes: dict[str, str], allowed: bool
) -> None:
    trust = pod_identity_trust(CLUSTER, "tenant-vision", "digits")
    tags = TAGS | {f"aws:RequestTag/{name}": value for name, value in changes.items()}
    assert assumes(trust, action, {"Service": "pods.eks.amazonaws.com"}, tags) is allowed


@pytest.mark.parametrize("missing", TAGS)
def test_a_session_without_its_tags_is_refused(missing: str) -> None:
    tags = {name: value for name, value in TAGS.items() if name != missing}
    trust = pod_identity_trust(CLUSTER, "tenant-vision", "digits")
    pods = {"Service": "pods.eks.amazonaws.com"}
    assert not assumes(trust, "sts:AssumeRole", pods, tags)


def test_only_eks_itself_speaks_for_pods() -> None:
    trust = pod_identity_trust(CLUSTER, "tenant-vision", "digits")
    for principal in ({"Service": "ec2.amazonaws.com"}, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}):
        assert not assumes(trust, "sts:AssumeRole", principal, TAGS)


def controller(synth: Synth, identity: Irsa | PodIdentity) -> Graph:
    args = ServiceAccountRoleArgs(
        identity=identity,
        namespace="kube-system",
        service_account="controller",
        policies={"read": READ, "write": WRITE},
    )
    return synth(lambda: ServiceAccountRole("controller", args))


def outputs(graph: Graph) -> Any:
    return graph.one("serving:index:ServiceAccountRole").outputs


def test_a_role_trusts_the_account_of_its_arguments_and_carries_its_policies(
    synth: Synth,
) -> None:
    graph = controller(synth, Irsa(oidc_provider_arn=PROVIDER))
    trust = json.loads(graph.one("aws:iam/role:Role").inputs["assumeRolePolicy"])
    assert trust == irsa_trust(PROVIDER, "kube-system", "controller")
    policies = graph.all("aws:iam/rolePolicy:RolePolicy")
    assert {each.name: each.inputs["policy"] for each in policies} == {
        "controller-read": READ,
        "controller-write": WRITE,
    }
    assert {each.inputs["role"] for each in policies} == {"controller"}


def test_the_annotation_is_the_roles_arn(synth: Synth) -> None:
    graph = controller(synth, Irsa(oidc_provider_arn=PROVIDER))
    arn = outputs(graph)["arn"]
    assert outputs(graph)["annotations"] == {"eks.amazonaws.com/role-arn": arn}
    assert not graph.all("aws:eks/podIdentityAssociation:PodIdentityAssociation")


def test_pod_identity_is_an_association_and_no_annotation(synth: Synth) -> None:
    identity = PodIdentity(cluster_name="serving-prod", cluster_arn=CLUSTER)
    graph = controller(synth, identity)
    trust = json.loads(graph.one("aws:iam/role:Role").inputs["assumeRolePolicy"])
    assert trust == pod_identity_trust(CLUSTER, "kube-system", "controller")
    association = graph.one("aws:eks/podIdentityAssociation:PodIdentityAssociation").inputs
    assert association == {
        "clusterName": "serving-prod",
        "namespace": "kube-system",
        "serviceAccount": "controller",
        "roleArn": outputs(graph)["arn"],
    }
    assert outputs(graph)["annotations"] == {}


@pytest.mark.parametrize("output", ["arn", "annotations"])
@pytest.mark.parametrize(
    "identity",
    [
        Irsa(oidc_provider_arn=PROVIDER),
        PodIdentity(cluster_name="serving-prod", cluster_arn=CLUSTER),
    ],
)
def test_whoever_is_given_the_role_comes_after_all_that_it_may_do_and_goes_before(
    synth: Synth, identity: Irsa | PodIdentity, output: str
) -> None:
    """Pitfall 39: also where there is nothing to write on its service account."""

    def build() -> None:
        args = ServiceAccountRoleArgs(
            identity=identity,
            namespace="kube-system",
            service_account="controller",
            policies={"read": READ, "write": WRITE},
        )
        role = ServiceAccountRole("controller", args)
        told = pulumi.Output.json_dumps(getattr(role, output))
        aws.ssm.Parameter("user", type="String", value=told)

    graph = synth(build)
    needed = [
        *graph.all("aws:iam/rolePolicy:RolePolicy"),
        *graph.all("aws:eks/podIdentityAssociation:PodIdentityAssociation"),
    ]
    assert len(needed) == (3 if isinstance(identity, PodIdentity) else 2)
    user = graph.one("aws:ssm/parameter:Parameter")
    assert {each.urn for each in needed} <= user.dependencies


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"namespace": "*"}, "namespace must be one exact name"),
        ({"namespace": ""}, "namespace must be one exact name"),
        ({"service_account": "efs-csi-*"}, "account must be one exact name"),
        ({"service_account": "a?"}, "account must be one exact name"),
        ({"service_account": "a:b"}, "account must be one exact name"),
        ({"policies": {}}, "at least one document"),
    ],
)
def test_a_role_for_several_accounts_or_for_nothing_is_refused(
    changes: dict[str, Any], message: str
) -> None:
    arguments: dict[str, Any] = {
        "identity": Irsa(oidc_provider_arn=PROVIDER),
        "namespace": "kube-system",
        "service_account": "controller",
        "policies": {"read": READ},
    }
    with pytest.raises(ValueError, match=message):
        ServiceAccountRoleArgs(**arguments | changes)
