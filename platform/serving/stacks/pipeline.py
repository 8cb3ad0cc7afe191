"""Of the AWS stack, the roles that jobs of a GitHub repository get: deploy, preview, promote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from components.cluster import Cluster
from components.github_oidc import ISSUER, GitHubOidc, GitHubOidcArgs, GitHubRole, Repository
from components.model_bucket import ModelBucket
from serving.identity import pipeline
from serving.identity.boundary import boundary
from serving.identity.bucket import Bucket
from serving.identity.document import Document, written
from serving.identity.lookups import lookups
from serving.identity.promotion import promotion
from serving.identity.scope import PARTITION, Scope
from serving.identity.state import State
from serving.settings.aws import GitHub
from serving.stacks.foundation import Place
from serving.stacks.identities import state_of

NAME: Final = "github"

VIEWER_POLICY: Final = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
"""Everything but secrets."""
PROMOTERS: Final = "serving:promotion"
"""The group that roles of the cluster let promote; by itself it may do nothing."""

DEPLOY_SECONDS: Final = 2 * 3600
"""A cluster with its pools takes most of an hour."""
PREVIEW_SECONDS: Final = 3600
PROMOTE_SECONDS: Final = 6 * 3600
"""As long as GitHub lets a job run."""


def bound(place: Place) -> None:
    """From here on no role of the stack can do more than the boundary, whatever its policies say:
    the pipeline makes roles, and must not be able to make one that is more powerful than itself."""
    policy = aws.iam.Policy(
        "boundary",
        name=f"{place.name}-boundary",
        policy=written(boundary(place.name)),
        opts=place.opts,
    )

    pulumi.runtime.register_resource_transform(lambda args: bounded(args, policy.arn))


def bounded(
    args: pulumi.ResourceTransformArgs, boundary_arn: pulumi.Input[str]
) -> pulumi.ResourceTransformResult | None:
    """Also of roles that other people's components make. The pipeline's own are not for the
    pipeline to change, and need no bound."""
    if args.type_ != "aws:iam/role:Role" or args.name.startswith(f"{NAME}-"):
        return None
    props: Mapping[str, Any] = args.props
    return pulumi.ResourceTransformResult({**props, "permissionsBoundary": boundary_arn}, args.opts)


@dataclass(frozen=True, kw_only=True)
class Rights:
    """Of each job, once AWS has said where the stack is."""

    name: str
    tags: Mapping[str, str]
    administrators: Sequence[str]
    state: State | None

    def documents(self, job: str, scope: Scope, models: Bucket) -> Mapping[str, Document]:
        looked = lookups(scope, self.administrators)
        if job == "promote":
            return {"work": promotion(scope, models, self.state, looked)}
        rights = pipeline.Pipeline(
            scope=scope,
            tags=self.tags,
            roles=[f"{self.name}-{each}" for each in ("deploy", "preview", "promote")],
            boundary_arn=f"arn:{PARTITION}:iam::{scope.account}:policy/{self.name}-boundary",
            lookups=looked,
            state=self.state,
        )
        return rights.deploy() if job == "deploy" else rights.preview()


def github_roles(
    place: Place, github: GitHub, scope: pulumi.Output[Scope], models: ModelBucket
) -> GitHubOidc:
    """Changed by people alone: what may deploy must not widen what it may do."""
    rights = Rights(
        name=place.name,
        tags={key: place.tags[key] for key in ("Project", "Env")},
        administrators=sorted(place.settings.cluster.administrators.values()),
        state=state_of(place),
    )
    known = pulumi.Output.all(scope, models.arn, models.key_arn)

    def policy(job: str, name: str) -> pulumi.Output[str]:
        def text(facts: Sequence[Any]) -> str:
            scope, arn, key_arn = facts
            bucket = Bucket(arn=arn, key_arn=key_arn)
            return written(rights.documents(job, scope, bucket)[name])

        return known.apply(text)

    def role(key: str, job: str, branch: str | None, seconds: int) -> GitHubRole:
        names = ("work",) if key == "promote" else pipeline.NAMES
        return GitHubRole(
            role_name=f"{place.name}-{key}",
            job=job,
            branch=branch,
            policies={name: policy(key, name) for name in names},
            session_seconds=seconds,
        )

    owner, _, repository = github.repository.partition("/")
    deploys = f"environment:{github.environment}"
    promotes = f"environment:{github.promotion_environment}"
    return GitHubOidc(
        NAME,
        GitHubOidcArgs(
            repository=Repository(
                owner=owner, owner_id=github.owner_id, name=repository, id=github.repository_id
            ),
            roles={
                "deploy": role("deploy", deploys, github.branch, DEPLOY_SECONDS),
                "preview": role("preview", "pull_request", None, PREVIEW_SECONDS),
                "promote": role("promote", promotes, github.branch, PROMOTE_SECONDS),
            },
            provider_arn=scope.apply(_provider) if github.provider == "shared" else None,
        ),
        place.opts,
    )


def let_in(place: Place, github: GitHubOidc, cluster: Cluster) -> None:
    """Who deploys is an administrator and was named with the others."""
    preview = aws.eks.AccessEntry(
        f"{NAME}-preview",
        cluster_name=cluster.name,
        principal_arn=github.role_arns["preview"],
        opts=place.opts,
    )
    aws.eks.AccessPolicyAssociation(
        f"{NAME}-preview",
        cluster_name=cluster.name,
        principal_arn=preview.principal_arn,
        policy_arn=VIEWER_POLICY,
        access_scope={"type": "cluster"},
        opts=place.opts,
    )
    aws.eks.AccessEntry(
        f"{NAME}-promote",
        cluster_name=cluster.name,
        principal_arn=github.role_arns["promote"],
        kubernetes_groups=[PROMOTERS],
        opts=place.opts,
    )


def _provider(scope: Scope) -> str:
    return f"arn:{PARTITION}:iam::{scope.account}:oidc-provider/{ISSUER}"
