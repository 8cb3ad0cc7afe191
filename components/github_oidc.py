"""IAM for GitHub Actions: roles that certain jobs of one repository may assume, without a key."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

ISSUER: Final = "token.actions.githubusercontent.com"
AUDIENCE: Final = "sts.amazonaws.com"

_JOB: Final = re.compile(r"pull_request|environment:[A-Za-z0-9_.-]+")
_PART: Final = re.compile(r"[A-Za-z0-9_.-]+")
_BRANCH: Final = re.compile(r"[A-Za-z0-9_./-]+")


@dataclass(frozen=True, kw_only=True)
class Repository:
    """By name and by number: a name can be given up and taken by somebody else, a number not."""

    owner: str
    owner_id: int
    name: str
    id: int

    def __post_init__(self) -> None:
        for part in (self.owner, self.name):
            if not _PART.fullmatch(part):
                raise ValueError(f"owner and name must be exact names, got {part!r}")


@dataclass(frozen=True, kw_only=True)
class GitHubRole:
    role_name: str
    """Typed into workflows."""
    job: str
    """`environment:<name>`, for jobs of a protected environment, or `pull_request`."""
    branch: str | None = None
    """Whose workflows; required of an environment, which only GitHub's own settings tie to one."""
    policies: Mapping[str, pulumi.Input[str]]
    """Policy documents, of 6,144 characters at most. The key names the policy, so it never
    changes."""
    session_seconds: int = 3600
    """How long a job may go on with what it was given."""

    def __post_init__(self) -> None:
        if not _JOB.fullmatch(self.job):
            raise ValueError(f"job must be pull_request or environment:<name>, got {self.job!r}")
        if (self.job == "pull_request") is (self.branch is not None):
            raise ValueError(f"branch goes with an environment and with nothing else: {self.job}")
        if self.branch is not None and not _BRANCH.fullmatch(self.branch):
            raise ValueError(f"branch must be one exact name, got {self.branch!r}")


@dataclass(frozen=True, kw_only=True)
class GitHubOidcArgs:
    repository: Repository
    roles: Mapping[str, GitHubRole]
    provider_arn: pulumi.Input[str] | None = None
    """Of the account's provider where it has one already: it cannot have two."""

    def __post_init__(self) -> None:
        jobs = [role.job for role in self.roles.values()]
        if len(set(jobs)) != len(jobs):
            raise ValueError(f"each role needs jobs of its own, got {', '.join(jobs)}")


class GitHubOidc(pulumi.ComponentResource):
    provider_arn: pulumi.Output[str]
    role_arns: pulumi.Output[Mapping[str, str]]
    """By the keys of `roles`."""

    def __init__(
        self, name: str, args: GitHubOidcArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:GitHubOidc", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)

        self.provider_arn = (
            # AWS checks this issuer's certificate by itself and looks at no thumbprint.
            aws.iam.OpenIdConnectProvider(
                name, url=f"https://{ISSUER}", client_id_lists=[AUDIENCE], opts=within
            ).arn
            if args.provider_arn is None
            else pulumi.Output.from_input(args.provider_arn)
        )
        roles = {
            key: self._role(f"{name}-{key}", role, args.repository, within)
            for key, role in args.roles.items()
        }
        self.role_arns = pulumi.Output.all(**{key: role.arn for key, role in roles.items()})
        self.register_outputs({"provider_arn": self.provider_arn, "role_arns": self.role_arns})

    def _role(
        self, name: str, args: GitHubRole, repository: Repository, opts: pulumi.ResourceOptions
    ) -> aws.iam.Role:
        role = aws.iam.Role(
            name,
            name=args.role_name,
            assume_role_policy=self.provider_arn.apply(
                lambda arn: json.dumps(github_trust(arn, repository, args.job, args.branch))
            ),
            max_session_duration=args.session_seconds,
            opts=opts,
        )
        for key, document in args.policies.items():
            policy = aws.iam.Policy(
                f"{name}-{key}", name=f"{args.role_name}-{key}", policy=document, opts=opts
            )
            aws.iam.RolePolicyAttachment(
                f"{name}-{key}", role=role.name, policy_arn=policy.arn, opts=opts
            )
        return role


def github_trust(
    provider_arn: str, repository: Repository, job: str, branch: str | None
) -> dict[str, object]:
    """Both forms of `sub`; the repository's number is asked for beside it, because the older form
    holds names alone."""
    wanted: dict[str, object] = {
        f"{ISSUER}:aud": AUDIENCE,
        f"{ISSUER}:repository_id": str(repository.id),
        f"{ISSUER}:sub": subjects(repository, job),
    }
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": wanted},
    }
    if branch is None:
        # `pull_request_target` runs for forks too, and with the base branch for its ref.
        statement["Condition"] = {
            "StringEquals": wanted,
            "StringLike": {f"{ISSUER}:ref": "refs/pull/*/merge"},
        }
    else:
        wanted[f"{ISSUER}:ref"] = f"refs/heads/{branch}"
    return {"Version": "2012-10-17", "Statement": [statement]}


def subjects(repository: Repository, job: str) -> list[str]:
    """What GitHub writes for a job: the immutable form of repositories that were created, renamed
    or moved after 15 July 2026 or have opted in, and the classic one of all others."""
    owner, name = repository.owner, repository.name
    return [
        f"repo:{owner}@{repository.owner_id}/{name}@{repository.id}:{job}",
        f"repo:{owner}/{name}:{job}",
    ]
