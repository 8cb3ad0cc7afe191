"""Where container images are pushed to, and through which public ones may come."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import pulumi
import pulumi_aws as aws

Upstream: TypeAlias = Literal["ecr-public", "kubernetes", "quay"]

UPSTREAMS: Final[Mapping[Upstream, str]] = {
    "ecr-public": "public.ecr.aws",
    "kubernetes": "registry.k8s.io",
    "quay": "quay.io",
}
"""Of the registries that ECR can copy from, those that ask for no password. NVIDIA's is none."""

KEPT: Final = 50
UNTAGGED_DAYS: Final = 14


@dataclass(frozen=True, kw_only=True)
class PullThrough:
    """Images of public registries, copied when they are first pulled."""

    upstreams: Sequence[Upstream]
    puller: pulumi.Input[str]
    """Name of the role of who pulls: the first pull makes a repository."""
    account_id: pulumi.Input[str]
    region: str


@dataclass(frozen=True, kw_only=True)
class ImageRegistryArgs:
    prefix: str
    """Before every repository's name, because all stacks of an account share the names."""
    repositories: Sequence[str]
    pull_through: PullThrough | None = None
    key_arn: pulumi.Input[str]
    retain: bool = True

    def __post_init__(self) -> None:
        for upstream in self.pull_through.upstreams if self.pull_through else ():
            if len(cached(self.prefix, upstream)) > 30:
                raise ValueError(
                    f"prefix is too long to cache {upstream} under it, got {self.prefix}"
                )


class ImageRegistry(pulumi.ComponentResource):
    urls: Mapping[str, pulumi.Output[str]]
    """Repository → what images are pushed to and pulled from."""

    def __init__(
        self, name: str, args: ImageRegistryArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:ImageRegistry", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)

        repositories = {
            repository: aws.ecr.Repository(
                f"{name}-{repository}",
                name=f"{args.prefix}/{repository}",
                image_tag_mutability="IMMUTABLE",
                image_scanning_configuration={"scan_on_push": True},
                encryption_configurations=[{"encryption_type": "KMS", "kms_key": args.key_arn}],
                force_delete=not args.retain,
                opts=pulumi.ResourceOptions(parent=self, protect=args.retain),
            )
            for repository in args.repositories
        }
        for key, repository in repositories.items():
            aws.ecr.LifecyclePolicy(
                f"{name}-{key}",
                repository=repository.name,
                policy=json.dumps(lifecycle()),
                opts=within,
            )
        if args.pull_through is not None:
            _caches(name, args.prefix, args.pull_through, within)

        self.urls = {key: each.repository_url for key, each in repositories.items()}
        self.register_outputs({"urls": self.urls})


def _caches(name: str, prefix: str, args: PullThrough, opts: pulumi.ResourceOptions) -> None:
    for upstream in args.upstreams:
        # ECR makes a repository at the first pull, as the template says.
        aws.ecr.RepositoryCreationTemplate(
            f"{name}-{upstream}",
            prefix=cached(prefix, upstream),
            applied_fors=["PULL_THROUGH_CACHE"],
            image_tag_mutability="IMMUTABLE",
            lifecycle_policy=json.dumps(lifecycle()),
            opts=opts,
        )
        aws.ecr.PullThroughCacheRule(
            f"{name}-{upstream}",
            ecr_repository_prefix=cached(prefix, upstream),
            upstream_registry_url=UPSTREAMS[upstream],
            opts=opts,
        )
    policy = pulumi.Output.from_input(args.account_id).apply(
        lambda account: json.dumps(
            pull_through_policy(args.region, account, prefix, args.upstreams)
        )
    )
    aws.iam.RolePolicy(f"{name}-pull-through", role=args.puller, policy=policy, opts=opts)


def cached(prefix: str, upstream: Upstream) -> str:
    return f"{prefix}/{upstream}"


def lifecycle() -> dict[str, object]:
    """What runs has a tag, which cannot move away from it, and is not older than the last 50."""
    return {
        "rules": [
            _expire(
                1,
                "without a tag",
                {
                    "tagStatus": "untagged",
                    "countType": "sinceImagePushed",
                    "countUnit": "days",
                    "countNumber": UNTAGGED_DAYS,
                },
            ),
            _expire(
                2,
                f"but the last {KEPT}",
                {
                    "tagStatus": "tagged",
                    "tagPatternList": ["*"],
                    "countType": "imageCountMoreThan",
                    "countNumber": KEPT,
                },
            ),
        ]
    }


def _expire(priority: int, what: str, selection: Mapping[str, object]) -> dict[str, object]:
    return {
        "rulePriority": priority,
        "description": what,
        "selection": selection,
        "action": {"type": "expire"},
    }


def pull_through_policy(
    region: str, account: str, prefix: str, upstreams: Sequence[Upstream]
) -> dict[str, object]:
    repositories = f"arn:aws:ecr:{region}:{account}:repository"
    statement = {
        "Effect": "Allow",
        "Action": ["ecr:BatchImportUpstreamImage", "ecr:CreateRepository"],
        "Resource": [f"{repositories}/{cached(prefix, upstream)}/*" for upstream in upstreams],
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
