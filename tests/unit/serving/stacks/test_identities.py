"""SEC-1, SEC-2, SEC-3, CLU-8: every role and document that a stack holds, whoever wrote it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from serving.identity.boundary import boundary
from serving.identity.kind import kinds
from serving.identity.lookups import ASKED
from tests.cloud import ACCOUNT, ISSUER
from tests.conftest import Registered
from tests.iam import Call, allows, assumes, like, listed, statements, web_identity
from tests.unit.serving.identity.documents import actions, managed
from tests.unit.serving.stacks.variants import VARIANTS, graph, held

each_variant = pytest.mark.parametrize("variant", VARIANTS)
PROVIDER: Final = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"


READS: Final = re.compile(r"[a-z0-9-]+:(Describe|Get|List|View)\w*")
DATA: Final = {"kms:Decrypt", "s3:GetObject", "secretsmanager:GetSecretValue", "ssm:GetParameter"}


@each_variant
def test_no_document_names_an_action_that_there_is_not(variant: str) -> None:
    for each in held(variant):
        for statement in statements(each.document):
            for action in listed(statement["Action"]):
                assert action.lower() in actions(), f"{each.name}: {action}"


@each_variant
def test_on_any_resource_a_role_only_looks(variant: str) -> None:
    """Or does what AWS lets nobody name a resource for, in its own region or with its own tags."""
    for each in held(variant):
        for statement in statements(each.document):
            if statement["Effect"] == "Allow" and "*" in listed(statement["Resource"]):
                changes = [
                    action
                    for action in listed(statement["Action"])
                    if not READS.fullmatch(action) or action in DATA
                ]
                assert not changes or statement["Condition"], f"{each.name}: {changes}"
                assert set(changes) <= UNNAMED, each.name


UNNAMED: Final = {
    "ecr:CreatePullThroughCacheRule",
    "ecr:CreateRepositoryCreationTemplate",
    "ecr:DeletePullThroughCacheRule",
    "ecr:DeleteRepositoryCreationTemplate",
    "ecr:UpdateRepositoryCreationTemplate",
    "kms:CreateKey",
    "sns:Unsubscribe",
}


@each_variant
def test_nothing_is_allowed_by_exclusion(variant: str) -> None:
    for each in held(variant):
        for statement in statements(each.document):
            assert not statement.keys() & {"NotAction", "NotResource", "NotPrincipal"}, each.name


@each_variant
def test_every_document_fits(variant: str) -> None:
    """IAM counts 10,240 characters of a role's inline policies, and 6,144 of a policy."""
    inline: dict[str, int] = {}
    for policy in graph(variant).all("aws:iam/rolePolicy:RolePolicy"):
        size = len(re.sub(r"\s", "", policy.inputs["policy"]))
        inline[policy.inputs["role"]] = inline.get(policy.inputs["role"], 0) + size
    assert max(inline.values()) <= 10_240
    for policy in graph(variant).all("aws:iam/policy:Policy"):
        assert len(re.sub(r"\s", "", policy.inputs["policy"])) <= 6_144, policy.name
    attached = [
        each.inputs["role"]
        for each in graph(variant).all("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    ]
    assert all(attached.count(role) <= 10 for role in attached)


@each_variant
def test_every_trust_is_of_one_exact_stranger(variant: str) -> None:
    for role in graph(variant).all("aws:iam/role:Role"):
        for statement in statements(json.loads(role.inputs["assumeRolePolicy"])):
            (kind, principals), *others = statement["Principal"].items()
            assert not others
            assert kind in ("Federated", "Service"), role.name
            assert not [each for each in listed(principals) if "*" in each]
            if kind == "Federated":
                exact = statement["Condition"]["StringEquals"]
                subjects = [v for k, v in exact.items() if k.endswith(":sub")]
                audiences = [v for k, v in exact.items() if k.endswith(":aud")]
                assert audiences == ["sts.amazonaws.com"], role.name
                assert len(subjects) == 1
                assert not [each for each in listed(subjects[0]) if set(each) & set("*?")]


ACCOUNTS: Final = {
    "ebs-csi": "kube-system:ebs-csi-controller-sa",
    "efs-csi": "kube-system:efs-csi-node-sa",
    "cluster-autoscaler": "cluster-autoscaler:cluster-autoscaler",
    "external-secrets": "external-secrets:external-secrets",
    "load-balancer-controller": "aws-load-balancer-controller:aws-load-balancer-controller",
    "logs": "loki:loki",
    "promotion": "promotion:promotion",
    "vpc-cni": "kube-system:aws-node",
}


@pytest.mark.parametrize("name", ACCOUNTS)
def test_each_account_gets_its_own_role_and_no_other(name: str) -> None:
    subject = f"system:serviceaccount:{ACCOUNTS[name]}"
    opened = {
        role.name
        for role in graph("prod").all("aws:iam/role:Role")
        if web_identity(
            json.loads(role.inputs["assumeRolePolicy"]),
            PROVIDER,
            {"aud": "sts.amazonaws.com", "sub": subject},
        )
    }
    assert opened == {name}


@pytest.mark.parametrize("name", ACCOUNTS)
def test_with_pod_identity_each_account_gets_the_same(name: str) -> None:
    namespace, _, account = ACCOUNTS[name].partition(":")
    arn = f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/serving-prod"
    tags = {
        "aws:RequestTag/eks-cluster-arn": arn,
        "aws:RequestTag/kubernetes-namespace": namespace,
        "aws:RequestTag/kubernetes-service-account": account,
    }
    pods = {"Service": "pods.eks.amazonaws.com"}
    found = graph("everything")
    opened = {
        role.name
        for role in found.all("aws:iam/role:Role")
        if assumes(json.loads(role.inputs["assumeRolePolicy"]), "sts:AssumeRole", pods, tags)
    }
    assert opened == {name}
    association = found.one("aws:eks/podIdentityAssociation:PodIdentityAssociation", name).inputs
    assert (association["namespace"], association["serviceAccount"]) == (namespace, account)


def test_one_account_has_one_role() -> None:
    trusts = [
        role.inputs["assumeRolePolicy"] for role in graph("everything").all("aws:iam/role:Role")
    ]
    assert len(trusts) == len(set(trusts))


ANNOTATION: Final = "eks.amazonaws.com/role-arn"


def annotated(values: Any) -> Iterator[tuple[str, str]]:
    """Service accounts that a chart is told to make with a role: name and role."""
    if isinstance(values, Mapping):
        arn = (values.get("annotations") or {}).get(ANNOTATION)
        if arn:
            yield values["name"], arn
        for below in values.values():
            yield from annotated(below)


@pytest.mark.parametrize("variant", ["dev", "prod"])
def test_every_annotated_account_is_let_into_the_role_that_it_names(variant: str) -> None:
    """SEC-9: the annotation is all that a pod is given."""
    found = graph(variant)
    trusts = {
        f"arn:aws:iam::{ACCOUNT}:{role.name}": json.loads(role.inputs["assumeRolePolicy"])
        for role in found.all("aws:iam/role:Role")
    }
    releases = found.all("kubernetes:helm.sh/v3:Release")
    asked = [
        (release.inputs["namespace"], account, arn)
        for release in releases
        for account, arn in annotated(release.inputs["values"])
    ]
    assert len(asked) >= 4
    for namespace, account, arn in asked:
        subject = f"system:serviceaccount:{namespace}:{account}"
        claims = {"aud": "sts.amazonaws.com", "sub": subject}
        assert web_identity(trusts[arn], PROVIDER, claims), subject


def accounts(values: Any) -> Iterator[str]:
    """Service accounts that a chart is told to make, with a role or without."""
    if isinstance(values, Mapping):
        if isinstance(values.get("name"), str) and "annotations" in values:
            yield values["name"]
        for below in values.values():
            yield from accounts(below)


def holder(role: Registered) -> str | None:
    """The service account that a role trusts, as a token names it."""
    (statement,) = statements(json.loads(role.inputs["assumeRolePolicy"]))
    exact = statement.get("Condition", {}).get("StringEquals", {})
    namespace, account = (
        exact.get(f"aws:RequestTag/kubernetes-{each}") for each in ("namespace", "service-account")
    )
    if namespace and account:
        return f"system:serviceaccount:{namespace}:{account}"
    return next((str(value) for key, value in exact.items() if key.endswith(":sub")), None)


IN_CHARTS: Final = {
    "dev": {"cluster-autoscaler"},
    "prod": {"cluster-autoscaler"},
    "everything": {"cluster-autoscaler", "traces"},
    "karpenter": {"karpenter"},
    "meshless": {"cluster-autoscaler", "traces"},
    "released": {"cluster-autoscaler"},
}
"""Roles whose service accounts come with a chart, beside those of every stack."""


@each_variant
def test_no_chart_is_there_without_all_that_its_role_may_do(variant: str) -> None:
    """Pitfalls 29, 39: on the way up a pod would start without a role; on the way down a controller
    would be denied taking away what it made."""
    found = graph(variant)
    roles = {holder(each): each for each in found.all("aws:iam/role:Role")}
    used = set()
    for release in found.all("kubernetes:helm.sh/v3:Release"):
        for account in accounts(release.inputs["values"]):
            subject = f"system:serviceaccount:{release.inputs['namespace']}:{account}"
            if subject not in roles:
                continue
            role = roles[subject]
            needed = {each.urn for each in found if each.parent == role.parent}
            assert needed > {role.urn}
            assert needed <= release.dependencies, role.name
            used.add(role.name)
    each_has = {"alertmanager", "external-secrets", "load-balancer-controller", "logs"}
    assert used == each_has | IN_CHARTS[variant]


def test_with_pod_identity_nothing_is_annotated() -> None:
    for release in graph("everything").all("kubernetes:helm.sh/v3:Release"):
        assert not list(annotated(release.inputs["values"])), release.name


@each_variant
def test_no_key_of_aws_is_in_the_cluster(variant: str) -> None:
    for each in graph(variant):
        if each.type.startswith("kubernetes:"):
            assert not re.search(
                r"AWS_(ACCESS_KEY|SECRET|SESSION)|A[KS]IA[A-Z0-9]{16}", json.dumps(each.inputs)
            )


BELOW_EKS: Final = {
    "aws:eks/cluster:Cluster",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
}
"""What pulumi-eks makes inside its component (4.4.0), where no stand-in shows it."""

OF_PEOPLE: Final = {"aws:iam/policy:Policy"}
"""The pipeline's own; who deploys must not change it."""


def test_a_deployment_may_manage_every_kind_of_resource_and_no_other() -> None:
    """A new kind is entered in `platform/serving/data/resource_kinds.yaml`."""
    made = {
        resource.type
        for variant in VARIANTS
        for resource in graph(variant)
        if resource.type.startswith("aws:")
    }
    assert made - OF_PEOPLE | BELOW_EKS == kinds().keys()


@each_variant
def test_whatever_the_program_looks_up_the_pipeline_may_look_up(variant: str) -> None:
    """A new function of a provider is entered in `serving.identity.lookups`."""
    asked = {each for each in graph(variant).lookups if each.startswith("aws:")}
    assert asked <= ASKED.keys()


OF_AWS: Final = {
    "cluster": ("AmazonEKSClusterPolicy",),
    "nodes": ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"),
}
"""AWS's own policies on the roles that EKS needs."""


@each_variant
def test_the_boundary_leaves_every_role_its_work(variant: str) -> None:
    limits = [a for s in statements(boundary("serving-prod")) for a in listed(s["Action"])]
    documents = [each for each in held(variant) if not each.name.startswith("github-")]
    for each in documents:
        for statement in statements(each.document):
            for action in listed(statement["Action"]):
                assert any(like(limit, action) for limit in limits), f"{each.name}: {action}"


@pytest.mark.parametrize("policy", [name for names in OF_AWS.values() for name in names])
def test_the_boundary_leaves_eks_its_work(policy: str) -> None:
    limits = [a for s in statements(boundary("serving-prod")) for a in listed(s["Action"])]
    for statement in statements(managed(policy)):
        for action in listed(statement["Action"]):
            assert any(like(limit, action) for limit in limits), action


@pytest.mark.parametrize(
    "action",
    [
        "iam:AttachRolePolicy", "iam:CreateAccessKey", "iam:CreateRole", "iam:PassRole",
        "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "kms:PutKeyPolicy",
        "kms:ScheduleKeyDeletion", "organizations:LeaveOrganization", "s3:DeleteBucket",
        "s3:DeleteObjectVersion", "s3:PutBucketPolicy", "sts:AssumeRole",
    ],
)  # fmt: skip
def test_the_boundary_keeps_everybody_from_more(action: str) -> None:
    assert not allows(boundary("serving-prod"), Call(action=action, resource="*"))


@pytest.mark.parametrize(
    ("role", "service", "allowed"),
    [
        ("serving-prod-nodes-1a2b3c4", "ec2", True),
        ("serving-prod-nodes-1a2b3c4", "lambda", False),
        ("administrator", "ec2", False),
        ("serving-dev-nodes-1a2b3c4", "ec2", False),
    ],
)
def test_the_boundary_lets_machines_have_roles_of_the_stack_alone(
    role: str, service: str, allowed: bool
) -> None:
    """No other is sure to be bounded."""
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
    context = {"iam:PassedToService": f"{service}.amazonaws.com"}
    call = Call(action="iam:PassRole", resource=arn, context=context)
    assert allows(boundary("serving-prod"), call) is allowed


def test_the_boundary_links_roles_to_load_balancers_alone() -> None:
    for service, allowed in (("elasticloadbalancing", True), ("organizations", False)):
        context = {"iam:AWSServiceName": f"{service}.amazonaws.com"}
        call = Call(action="iam:CreateServiceLinkedRole", context=context)
        assert allows(boundary("serving-prod"), call) is allowed
