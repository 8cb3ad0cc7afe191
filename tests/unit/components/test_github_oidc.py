"""SEC-4, T10: which of GitHub's tokens becomes which role."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest

from components.github_oidc import (
    ISSUER,
    GitHubOidc,
    GitHubOidcArgs,
    GitHubRole,
    Repository,
    github_trust,
    subjects,
)
from tests.cloud import ACCOUNT
from tests.conftest import Graph, Synth
from tests.iam import web_identity

PROVIDER: Final = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
REPOSITORY: Final = Repository(owner="octo-org", owner_id=123456, name="octo-repo", id=456789)
CLASSIC, IMMUTABLE = "repo:octo-org/octo-repo", "repo:octo-org@123456/octo-repo@456789"

MAIN, PULL = "refs/heads/main", "refs/pull/7/merge"
ROLES: Final[Mapping[str, tuple[str, str | None]]] = {
    "deploy": ("environment:prod", "main"),
    "promote": ("environment:prod-promotion", "main"),
    "preview": ("pull_request", None),
}


def token(sub: str, **claims: str) -> dict[str, str]:
    """As GitHub would sign it for a job of ours, but for what a test changes."""
    ref = PULL if sub.endswith(":pull_request") else MAIN
    return {"aud": "sts.amazonaws.com", "repository_id": "456789", "ref": ref, "sub": sub} | claims


def assumed(claims: Mapping[str, str]) -> set[str]:
    """The roles that a token opens."""
    return {
        name
        for name, (job, branch) in ROLES.items()
        if web_identity(github_trust(PROVIDER, REPOSITORY, job, branch), PROVIDER, claims)
    }


@pytest.mark.parametrize("form", [CLASSIC, IMMUTABLE])
@pytest.mark.parametrize(
    ("job", "role"),
    [
        ("environment:prod", "deploy"),
        ("environment:prod-promotion", "promote"),
        ("pull_request", "preview"),
    ],
)
def test_each_job_gets_its_role_and_no_other(form: str, job: str, role: str) -> None:
    assert assumed(token(f"{form}:{job}")) == {role}


SAME_REPOSITORY = [
    "environment:staging",
    "environment:Prod",
    "environment:PROD",
    "environment:prod2",
    "environment:prod-promotion2",
    "environment:prod/",
    "environment:prod ",
    "environment:prod%3Apromotion",
    "environment:prod:pull_request",
    "environment:pull_request",
    "environment:",
    "environment:*",
    "environment",
    "environment:prod\n",
    "ref:refs/heads/main",
    "ref:refs/heads/prod",
    "ref:refs/heads/environment:prod",
    "ref:refs/tags/environment:prod",
    "ref:refs/tags/v1.0.0",
    "ref:refs/pull/7/merge",
    "pull_request:environment:prod",
    "pull_request_target",
    "pull_requests",
    "Pull_request",
    "job_workflow_ref:octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main",
    "*",
    "",
]


@pytest.mark.parametrize("form", [CLASSIC, IMMUTABLE])
@pytest.mark.parametrize("job", SAME_REPOSITORY)
def test_no_other_job_of_the_repository_gets_a_role(form: str, job: str) -> None:
    assert assumed(token(f"{form}:{job}")) == set()


OTHERS = [
    "repo:octo-org/octo-repo2",
    "repo:octo-org/octo-rep",
    "repo:octo-org/Octo-Repo",
    "repo:Octo-Org/octo-repo",
    "repo:octo-org2/octo-repo",
    "repo:octo/org-octo-repo",
    "repo:fork-owner/octo-repo",
    "repo:octo-org/octo-repo/../other",
    "repo:octo-org/*",
    "repo:*",
    "*",
    "octo-org/octo-repo",
    "repo:octo-org@123456/octo-repo",
    "repo:octo-org/octo-repo@456789",
    "repo:octo-org@456789/octo-repo@123456",
    "repo:octo-org@1234567/octo-repo@456789",
    "repo:octo-org@123456/octo-repo@4567890",
    "repo:octo-org@0123456/octo-repo@456789",
    "repo:octo-org@123457/octo-repo@456789",
    "repo:octo-org@123456/octo-repo@456788",
    "repo:octo-org@123456@123456/octo-repo@456789",
    "repo:octo-org-123456/octo-repo-456789",
    "repo:octo-org@123456/octo-repo@456789@456789",
    "repo:renamed@123456/octo-repo@456789",
    "repo:octo-org@123456/renamed@456789",
    "repo:octo-org@*/octo-repo@*",
    "repo:octo-org%40123456/octo-repo%40456789",
    " repo:octo-org/octo-repo",
    "repository:octo-org/octo-repo",
    "",
]


@pytest.mark.parametrize("job", [job for job, _ in ROLES.values()])
@pytest.mark.parametrize("repository", OTHERS)
def test_no_other_repository_gets_a_role(repository: str, job: str) -> None:
    assert assumed(token(f"{repository}:{job}")) == set()


def test_as_many_hostile_subjects_are_tried_as_the_threat_model_asks_for() -> None:
    assert len({*SAME_REPOSITORY}) + len({*OTHERS}) >= 40


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("form", [CLASSIC, IMMUTABLE])
@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("aud", "https://github.com/octo-org"),
        ("aud", "sts.amazonaws.com.cn"),
        ("repository_id", "456788"),
        ("repository_id", "4567890"),
        ("repository_id", "*"),
        ("ref", "refs/heads/feature"),
        ("ref", "refs/heads/main2"),
        ("ref", "refs/heads/refs/heads/main"),
        ("ref", "refs/tags/main"),
        ("ref", "refs/heads/*"),
        ("ref", "refs/pull/7/head"),
        ("ref", ""),
    ],
)
def test_the_subject_alone_opens_nothing(role: str, form: str, claim: str, value: str) -> None:
    job, _ = ROLES[role]
    assert assumed(token(f"{form}:{job}", **{claim: value})) == set()


def test_a_recycled_name_opens_nothing_though_its_classic_subject_is_the_same() -> None:
    """The organisation was deleted, its name taken, a repository of the same name made in it."""
    assert assumed(token(f"{CLASSIC}:environment:prod", repository_id="999999")) == set()


def test_a_workflow_on_a_pull_request_deploys_nothing_even_from_the_environment() -> None:
    """Where the environment's own rule for branches was forgotten."""
    for form in (CLASSIC, IMMUTABLE):
        assert assumed(token(f"{form}:environment:prod", ref=PULL)) == set()


def test_a_workflow_that_runs_for_forks_previews_nothing() -> None:
    """`pull_request_target` has the base branch for its ref."""
    for form in (CLASSIC, IMMUTABLE):
        assert assumed(token(f"{form}:pull_request", ref=MAIN)) == set()


@pytest.mark.parametrize("claim", ["aud", "sub", "ref", "repository_id"])
def test_a_token_without_a_claim_opens_nothing(claim: str) -> None:
    for job, _ in ROLES.values():
        claims = token(f"{IMMUTABLE}:{job}")
        del claims[claim]
        assert assumed(claims) == set()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("key", "hostile"),
    [
        ("aud", {"aud": "https://github.com/octo-org"}),
        ("sub", {"sub": f"{CLASSIC}:ref:refs/heads/main"}),
        ("repository_id", {"repository_id": "999999"}),
        ("ref", {"ref": "refs/heads/feature"}),
    ],
)
def test_no_condition_is_there_for_nothing(role: str, key: str, hostile: dict[str, str]) -> None:
    """Each keeps out a token that all others would let in."""
    job, branch = ROLES[role]
    trust = json.loads(json.dumps(github_trust(PROVIDER, REPOSITORY, job, branch)))
    claims = token(f"{CLASSIC}:{job}") | hostile
    assert not web_identity(trust, PROVIDER, claims)

    operators = trust["Statement"][0]["Condition"]
    found = [operator.pop(f"{ISSUER}:{key}", None) for operator in operators.values()]
    assert len([condition for condition in found if condition is not None]) == 1
    assert web_identity(trust, PROVIDER, claims)


def test_a_token_of_another_issuer_opens_nothing() -> None:
    other = PROVIDER.replace("actions", "actions.acme.ghe")
    for job, branch in ROLES.values():
        trust = github_trust(PROVIDER, REPOSITORY, job, branch)
        assert not web_identity(trust, other, token(f"{CLASSIC}:{job}"))


def test_the_subjects_are_as_in_githubs_reference() -> None:
    assert subjects(REPOSITORY, "environment:Production") == [
        "repo:octo-org@123456/octo-repo@456789:environment:Production",
        "repo:octo-org/octo-repo:environment:Production",
    ]


def built(synth: Synth, **changes: Any) -> Graph:
    roles = {
        name: GitHubRole(
            role_name=f"serving-{name}",
            job=job,
            branch=branch,
            policies={"all": f'{{"Statement": ["{name}"]}}'},
            session_seconds=7200 if name == "deploy" else 3600,
        )
        for name, (job, branch) in ROLES.items()
    }
    args = GitHubOidcArgs(repository=REPOSITORY, roles=roles, **changes)
    return synth(lambda: GitHubOidc("github", args))


def test_each_role_trusts_its_job_and_carries_its_policy(synth: Synth) -> None:
    graph = built(synth)
    provider = graph.one("aws:iam/openIdConnectProvider:OpenIdConnectProvider")
    assert provider.inputs == {"url": f"https://{ISSUER}", "clientIdLists": ["sts.amazonaws.com"]}
    outputs = graph.one("serving:index:GitHubOidc").outputs
    assert outputs is not None
    assert outputs["role_arns"].keys() == ROLES.keys()
    for name, (job, branch) in ROLES.items():
        role = graph.one("aws:iam/role:Role", f"github-{name}").inputs
        assert role["name"] == f"serving-{name}"
        assert role["maxSessionDuration"] == (7200 if name == "deploy" else 3600)
        trust = json.loads(role["assumeRolePolicy"])
        assert trust == github_trust(outputs["provider_arn"], REPOSITORY, job, branch)
        policy = graph.one("aws:iam/policy:Policy", f"github-{name}-all").inputs
        assert policy["name"] == f"serving-{name}-all"
        assert json.loads(policy["policy"]) == {"Statement": [name]}
        attached = graph.one(
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment", f"github-{name}-all"
        ).inputs
        assert attached["role"] == f"serving-{name}"
        assert attached["policyArn"].endswith(f":github-{name}-all")


def test_an_account_that_has_the_provider_gets_no_second_one(synth: Synth) -> None:
    graph = built(synth, provider_arn=PROVIDER)
    assert not graph.all("aws:iam/openIdConnectProvider:OpenIdConnectProvider")
    trust = json.loads(graph.one("aws:iam/role:Role", "github-deploy").inputs["assumeRolePolicy"])
    assert trust["Statement"][0]["Principal"] == {"Federated": PROVIDER}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"job": "environment:*"}, "job must be pull_request or environment"),
        ({"job": "environment:"}, "job must be pull_request or environment"),
        ({"job": "environment:a:b"}, "job must be pull_request or environment"),
        ({"job": "ref:refs/heads/main"}, "job must be pull_request or environment"),
        ({"job": "*"}, "job must be pull_request or environment"),
        ({"job": "pull_request"}, "branch goes with an environment"),
        ({"branch": None}, "branch goes with an environment"),
        ({"branch": "release/*"}, "branch must be one exact name"),
        ({"branch": "ma?n"}, "branch must be one exact name"),
    ],
)
def test_a_role_for_many_jobs_is_refused(changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {
        "role_name": "serving-deploy",
        "job": "environment:prod",
        "branch": "main",
        "policies": {},
    }
    with pytest.raises(ValueError, match=message):
        GitHubRole(**arguments | changes)


@pytest.mark.parametrize("name", ["*", "octo/org", "octo@1", "", "a b", "a:b"])
def test_a_repository_has_exact_names(name: str) -> None:
    with pytest.raises(ValueError, match="exact names"):
        Repository(owner=name, owner_id=1, name="octo-repo", id=2)
    with pytest.raises(ValueError, match="exact names"):
        Repository(owner="octo-org", owner_id=1, name=name, id=2)


def test_two_roles_for_the_same_jobs_would_be_one() -> None:
    role = GitHubRole(role_name="a", job="environment:prod", branch="main", policies={})
    with pytest.raises(ValueError, match="jobs of its own"):
        GitHubOidcArgs(repository=REPOSITORY, roles={"deploy": role, "promote": role})
