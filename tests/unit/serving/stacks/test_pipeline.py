"""SEC-3, SEC-4, T10, T12: a stack that names its repository, and what its jobs may do to it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import pulumi
import pytest

from components.github_oidc import ISSUER
from components.model_bucket import ModelBucket, ModelBucketArgs
from serving.settings import AwsSettings
from serving.stacks.foundation import Place
from serving.stacks.pipeline import bounded, github_roles
from tests.cloud import ACCOUNT
from tests.conftest import Synth
from tests.iam import Call, allows, listed, statements, web_identity
from tests.unit import stacks
from tests.unit.serving.identity.documents import SCOPE
from tests.unit.serving.stacks.variants import GITHUB, STATE, everything, graph

JOBS: Final = ("deploy", "preview", "promote")


def role(job: str) -> Mapping[str, Any]:
    return graph("everything").one("aws:iam/role:Role", f"github-{job}").inputs


def test_a_stack_that_names_no_repository_trusts_none() -> None:
    found = graph("prod")
    assert not found.all("serving:index:GitHubOidc")
    assert not [each for each in found if ISSUER in json.dumps(each.inputs)]


@pytest.mark.parametrize(
    ("sub", "ref", "job"),
    [
        ("environment:prod", "refs/heads/main", "deploy"),
        ("environment:prod-promotion", "refs/heads/main", "promote"),
        ("pull_request", "refs/pull/7/merge", "preview"),
    ],
)
def test_the_jobs_of_the_settings_get_their_roles(sub: str, ref: str, job: str) -> None:
    provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
    for form in ("octo-org/octo-repo", "octo-org@123456/octo-repo@456789"):
        claims = {
            "aud": "sts.amazonaws.com",
            "repository_id": "456789",
            "ref": ref,
            "sub": f"repo:{form}:{sub}",
        }
        trusts = {each: json.loads(role(each)["assumeRolePolicy"]) for each in JOBS}
        opened = {each for each, trust in trusts.items() if web_identity(trust, provider, claims)}
        assert opened == {job}


def test_workflows_can_spell_the_roles() -> None:
    assert [role(job)["name"] for job in JOBS] == [f"serving-prod-{job}" for job in JOBS]


def documents(job: str) -> Mapping[str, Any]:
    found = graph("everything")
    attached = found.all("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    names = [each.name for each in attached if each.name.startswith(f"github-{job}-")]
    assert names
    return {
        name: json.loads(found.one("aws:iam/policy:Policy", name).inputs["policy"])
        for name in names
    }


def test_the_cluster_lets_the_jobs_in_as_far_as_they_need() -> None:
    """Deployments make what only an administrator may; previews look; promotions are let in by
    roles of the cluster."""
    found, exported = everything()
    assert "github_roles" in exported
    outputs = found.one("serving:index:GitHubOidc").outputs
    assert outputs is not None
    arns = outputs["role_arns"]
    entries = {
        each.inputs["principalArn"]: each.inputs.get("kubernetesGroups", [])
        for each in found.all("aws:eks/accessEntry:AccessEntry")
    }
    policies = {
        each.inputs["principalArn"]: each.inputs["policyArn"].rpartition("/")[2]
        for each in found.all("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
    }
    assert {job: policies.get(arn) for job, arn in arns.items()} == {
        "deploy": "AmazonEKSClusterAdminPolicy",
        "preview": "AmazonEKSViewPolicy",
        "promote": None,
    }
    assert entries[arns["promote"]] == ["serving:promotion"]


def test_an_account_that_has_githubs_provider_shares_it(synth: Synth) -> None:
    settings = stacks.settings("prod", github={**GITHUB, "provider": "shared"})
    assert isinstance(settings, AwsSettings)
    assert settings.github is not None
    github = settings.github

    def roles() -> None:
        place = Place(
            name="serving-prod",
            settings=settings,
            account_id=pulumi.Output.from_input(ACCOUNT),
            tags=TAGS,
            opts=pulumi.ResourceOptions(),
        )
        models = ModelBucket(
            "models",
            ModelBucketArgs(bucket_name="models", key_arn=KEY, access_log_bucket="access-logs"),
        )
        github_roles(place, github, pulumi.Output.from_input(SCOPE), models)

    found = synth(roles)
    assert not found.all("aws:iam/openIdConnectProvider:OpenIdConnectProvider")
    trust = json.loads(found.one("aws:iam/role:Role", "github-deploy").inputs["assumeRolePolicy"])
    (statement,) = trust["Statement"]
    assert statement["Principal"]["Federated"].endswith(f":oidc-provider/{ISSUER}")


OUR_ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/serving-prod-loki-1a2b3c4"
BOUNDARY: Final = f"arn:aws:iam::{ACCOUNT}:policy/serving-prod-boundary"
TAGS: Final = {"Project": "serving", "Env": "prod"}


def ec2(resource: str) -> str:
    return f"arn:aws:ec2:us-east-1:{ACCOUNT}:{resource}"


def brought(tags: Mapping[str, str] = TAGS, **more: str) -> dict[str, str]:
    return {f"aws:RequestTag/{key}": value for key, value in tags.items()} | more


def had(tags: Mapping[str, str] = TAGS, **more: str) -> dict[str, str]:
    return {f"aws:ResourceTag/{key}": value for key, value in tags.items()} | more


def of_eks(cluster: str) -> dict[str, str]:
    """What EKS makes for a cluster has tags of EKS's, and none of ours."""
    return had({"aws:eks:cluster-name": cluster})


OTHERS: Final = {"Project": "serving", "Env": "dev"}
KEY: Final = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
STATE_FILE: Final = "arn:aws:s3:::serving-state/.pulumi/stacks/serving/prod.json"
BUCKET: Final = "arn:aws:s3:::serving-prod-models-1"

DEPLOYS: Final = [
    Call(action="ec2:CreateVpc", resource=ec2("vpc/*"), context=brought()),
    Call(action="ec2:CreateSubnet", resource=ec2("subnet/*"), context=brought()),
    Call(action="ec2:CreateSubnet", resource=ec2("vpc/vpc-1"), context=had()),
    Call(action="ec2:CreateTags", resource=ec2("subnet/subnet-1"),
         context=brought(**{"ec2:CreateAction": "CreateSubnet"})),
    Call(action="ec2:DeleteSubnet", resource=ec2("subnet/subnet-1"), context=had()),
    Call(action="ec2:AuthorizeSecurityGroupIngress", resource=ec2("security-group/1"),
         context=had()),
    Call(action="ec2:AuthorizeSecurityGroupIngress", resource=ec2("security-group-rule/*"),
         context=brought()),
    Call(action="ec2:AuthorizeSecurityGroupIngress", resource=ec2("security-group/eks"),
         context=of_eks("serving-prod")),
    Call(action="ec2:RevokeSecurityGroupIngress", resource=ec2("security-group/eks"),
         context=of_eks("serving-prod")),
    Call(action="kms:CreateKey", context=brought()),
    Call(action="kms:TagResource", resource=KEY, context=brought()),
    Call(action="kms:PutKeyPolicy", resource=KEY, context=had()),
    Call(action="iam:CreateRole", resource=OUR_ROLE, context={"iam:PermissionsBoundary": BOUNDARY}),
    Call(action="iam:PutRolePolicy", resource=OUR_ROLE,
         context={"iam:PermissionsBoundary": BOUNDARY}),
    Call(action="iam:PassRole", resource=OUR_ROLE,
         context={"iam:PassedToService": "eks.amazonaws.com"}),
    Call(action="s3:CreateBucket", resource=BUCKET),
    Call(action="s3:PutBucketPolicy", resource=BUCKET),
    Call(action="eks:UpdateClusterVersion",
         resource=f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/serving-prod"),
    Call(action="s3:PutObject", resource=STATE_FILE),
]  # fmt: skip

DEPLOYS_NOT: Final = [
    Call(action="ec2:CreateVpc", resource=ec2("vpc/*"), context=brought(OTHERS)),
    Call(action="ec2:CreateSubnet", resource=ec2("vpc/vpc-1"), context=brought() | had(OTHERS)),
    Call(action="ec2:DeleteVpc", resource=ec2("vpc/vpc-1"), context=had(OTHERS)),
    Call(action="ec2:DeleteVpc", resource=ec2("vpc/vpc-1")),
    Call(action="ec2:AuthorizeSecurityGroupIngress", resource=ec2("security-group/1"),
         context=brought() | had(OTHERS)),
    Call(action="ec2:AuthorizeSecurityGroupIngress", resource=ec2("security-group/eks"),
         context=of_eks("serving-dev")),
    Call(action="ec2:DeleteSecurityGroup", resource=ec2("security-group/eks"),
         context=of_eks("serving-prod")),
    Call(action="ec2:CreateTags", resource=ec2("vpc/vpc-1"), context=brought() | had(OTHERS)),
    Call(action="ec2:CreateTags", resource=ec2("vpc/vpc-1"), context=brought()),
    Call(action="ec2:RunInstances", resource=ec2("instance/*")),
    Call(action="kms:TagResource", resource=KEY, context=brought() | had(OTHERS)),
    Call(action="kms:ScheduleKeyDeletion", resource=KEY, context=had(OTHERS)),
    Call(action="kms:Decrypt", resource=KEY, context=had()),
    Call(action="iam:CreateRole", resource=OUR_ROLE),
    Call(action="iam:CreateRole", resource=OUR_ROLE,
         context={"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"}),
    Call(action="iam:PutRolePolicy", resource=OUR_ROLE),
    Call(action="iam:PutRolePolicy", resource=f"arn:aws:iam::{ACCOUNT}:role/serving-dev-loki-1",
         context={"iam:PermissionsBoundary": BOUNDARY}),
    Call(action="iam:DeleteRolePermissionsBoundary", resource=OUR_ROLE,
         context={"iam:PermissionsBoundary": BOUNDARY}),
    Call(action="iam:CreatePolicyVersion", resource=BOUNDARY),
    Call(action="iam:PassRole", resource=OUR_ROLE,
         context={"iam:PassedToService": "lambda.amazonaws.com"}),
    Call(action="iam:CreateUser"),
    Call(action="iam:CreateAccessKey"),
    Call(action="sts:AssumeRole", resource=OUR_ROLE),
    Call(action="s3:PutBucketPolicy", resource="arn:aws:s3:::serving-state"),
    Call(action="s3:DeleteObject", resource=STATE_FILE),
    Call(action="s3:DeleteObjectVersion", resource=STATE_FILE),
    Call(action="s3:GetObject", resource=f"{BUCKET}/digits/1/manifest.json"),
    Call(action="s3:PutObject", resource=STATE_FILE.replace("prod", "dev")),
    Call(action="eks:DeleteCluster",
         resource=f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/serving-dev"),
]  # fmt: skip


@pytest.mark.parametrize("call", DEPLOYS, ids=str)
def test_a_deployment_builds_its_stack(call: Call) -> None:
    assert allows(list(documents("deploy").values()), call)


@pytest.mark.parametrize("call", DEPLOYS_NOT, ids=str)
def test_a_deployment_touches_nothing_else(call: Call) -> None:
    assert not allows(list(documents("deploy").values()), call)


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize(
    "action", ["iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "iam:DeleteRole", "iam:PassRole"]
)
def test_no_job_changes_what_jobs_may_do(job: str, action: str) -> None:
    """T12: not even if somebody gave the roles the boundary."""
    context = {"iam:PermissionsBoundary": BOUNDARY, "iam:PassedToService": "eks.amazonaws.com"}
    for target in JOBS:
        name = f"arn:aws:iam::{ACCOUNT}:role/serving-prod-{target}"
        call = Call(action=action, resource=name, context=context)
        assert not allows(list(documents(job).values()), call)


READS: Final = re.compile(r"[a-z0-9-]+:(Describe|Get|List|View)\w+")


def test_a_preview_only_looks_and_at_no_content_but_its_own_state() -> None:
    """Whoever may open a pull request may run it."""
    content = []
    for document in documents("preview").values():
        for statement in statements(document):
            for action in listed(statement["Action"]):
                if action in ("kms:Decrypt", "s3:GetObject"):
                    content += listed(statement["Resource"])
                else:
                    assert READS.fullmatch(action), action
                    assert action != "secretsmanager:GetSecretValue"
    assert sorted(content) == [
        STATE["key_arn"],
        "arn:aws:s3:::serving-state/.pulumi/meta.yaml",
        "arn:aws:s3:::serving-state/.pulumi/stacks/serving/prod.*",
    ]


def test_a_promotion_changes_nothing_that_aws_holds_but_its_state() -> None:
    """T15."""
    (document,) = documents("promote").values()
    written = {
        (action, resource)
        for statement in statements(document)
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
        if not READS.fullmatch(action) and not action.startswith("kms:")
    }
    assert {action for action, _ in written} == {
        "s3:DeleteObject", "s3:PutObject", "s3:PutObjectRetention",
    }  # fmt: skip
    assert {resource.partition("/")[0] for _, resource in written} == {"arn:aws:s3:::serving-state"}


def test_a_role_is_bounded_and_nothing_else_is() -> None:
    def transformed(type_: str, name: str) -> Any:
        args = pulumi.ResourceTransformArgs(
            custom=True, type_=type_, name=name, props={"path": "/"}, opts=pulumi.ResourceOptions()
        )
        result = bounded(args, BOUNDARY)
        return result and result.props

    assert transformed("aws:iam/role:Role", "flow-logs") == {
        "path": "/",
        "permissionsBoundary": BOUNDARY,
    }
    assert transformed("aws:iam/role:Role", "github-deploy") is None
    assert transformed("aws:s3/bucket:Bucket", "models") is None
