"""Who calls, who administers the cluster, and whom GitHub's provider is."""

from __future__ import annotations

import pytest

from serving.preflight import people
from serving.preflight.finding import Outcome
from serving.preflight.people import Caller, Provider
from tests.cloud import ACCOUNT
from tests.unit.serving.preflight.prepared import stack

GITHUB = {
    "repository": "octo-org/octo-repo",
    "owner_id": 123456,
    "repository_id": 456789,
    "environment": "prod",
    "promotion_environment": "prod-promotion",
}


def role(name: str) -> Caller:
    return Caller(arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/somebody", account=ACCOUNT)


USER = Caller(arn=f"arn:aws:iam::{ACCOUNT}:user/admins/alice", account=ACCOUNT)
ROOT = Caller(arn=f"arn:aws:iam::{ACCOUNT}:root", account=ACCOUNT)


def test_whoever_calls_is_named_with_the_account() -> None:
    (found,) = people.credentials(USER)
    assert (found.outcome, found.about) == (Outcome.PASS, f"account {ACCOUNT}")
    assert found.said == f"the caller is {USER.arn}"


@pytest.mark.parametrize("name", ["serving-deploy", "serving-break-glass"])
def test_who_builds_has_to_be_one_of_the_administrators(name: str) -> None:
    (found,) = people.is_administrator(stack(), role(name))
    assert found.outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("caller", "who"),
    [(role("developer"), "developer"), (USER, "user/admins/alice"), (ROOT, "root"),
     (role("serving-prod-deploy"), "serving-prod-deploy")],
)  # fmt: skip
def test_anybody_else_is_told_before_the_cluster_refuses_him(caller: Caller, who: str) -> None:
    (found,) = people.is_administrator(stack(), caller)
    assert found.outcome is Outcome.FAIL
    assert found.said == (
        f"{who} is no administrator of the cluster: `up` would make it and then be refused"
    )
    assert found.do == (
        "assume serving-deploy or serving-break-glass, or name the role under "
        "cluster.administrators"
    )


def test_githubs_job_that_deploys_is_an_administrator_once_there_is_one() -> None:
    (found,) = people.is_administrator(stack(github=GITHUB), role("serving-prod-deploy"))
    assert found.outcome is Outcome.PASS


def test_a_role_that_the_settings_name_has_to_be_there() -> None:
    (there,) = people.administrator("deploy", "serving-deploy", exists=True)
    (missing,) = people.administrator("deploy", "serving-deploy", exists=False)
    assert there.outcome is Outcome.PASS
    assert (missing.outcome, missing.said) == (Outcome.FAIL, "is no role of this account")
    assert missing.do == "make it, or name another under cluster.administrators.deploy"


@pytest.mark.parametrize(
    ("provider", "found", "outcome", "do"),
    [
        ("own", None, Outcome.PASS, None),
        ("own", Provider(ours=True), Outcome.PASS, None),
        ("own", Provider(ours=False), Outcome.FAIL, "write github.provider: shared"),
        ("shared", Provider(ours=False), Outcome.PASS, None),
        ("shared", None, Outcome.FAIL, "write github.provider: own"),
    ],
)
def test_an_account_has_one_provider_for_github(
    provider: str, found: Provider | None, outcome: Outcome, do: str | None
) -> None:
    (said,) = people.github(stack(github={**GITHUB, "provider": provider}), found)
    assert (said.outcome, said.do) == (outcome, do)
