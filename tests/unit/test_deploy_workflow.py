"""SEC-4, T10, T11: the workflow that the documents show, and the trusts that the stack makes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from components.github_oidc import ISSUER, Repository, github_trust
from serving.settings import AwsSettings
from tests.iam import web_identity
from tests.unit import stacks
from tests.unit.test_docs import blocks

PAGE: Final = stacks.ROOT / "docs" / "how-to" / "deploy-from-github.md"
YAML: Final = [yaml.safe_load(block) for block in blocks(PAGE.read_text(encoding="utf-8"), "yaml")]
PROVIDER: Final = f"arn:aws:iam::123456789012:oidc-provider/{ISSUER}"

(WORKFLOW,) = [block for block in YAML if isinstance(block, dict) and "jobs" in block]
(NAMED,) = [block for block in YAML if isinstance(block, dict) and "serving:github" in block]
JOBS: Final[Mapping[str, Any]] = WORKFLOW["jobs"]
EVENTS: Final = {
    "deploy": ("push", "refs/heads/main"),
    "preview": ("pull_request", "refs/pull/7/merge"),
}


def settings() -> AwsSettings:
    named = {key.removeprefix("serving:"): value for key, value in NAMED.items()}
    found = stacks.settings("prod", **named)
    assert isinstance(found, AwsSettings)
    return found


def assumed(job: str, event: str, ref: str) -> set[str]:
    """The roles that GitHub's token for a job opens, in both forms that it may have."""
    github = settings().github
    assert github is not None
    owner, _, name = github.repository.partition("/")
    repository = Repository(
        owner=owner, owner_id=github.owner_id, name=name, id=github.repository_id
    )
    trusts = {
        "deploy": github_trust(
            PROVIDER, repository, f"environment:{github.environment}", github.branch
        ),
        "preview": github_trust(PROVIDER, repository, "pull_request", None),
        "promote": github_trust(
            PROVIDER, repository, f"environment:{github.promotion_environment}", github.branch
        ),
    }
    environment = JOBS[job].get("environment")
    context = f"environment:{environment}" if environment else event
    claims = {"aud": "sts.amazonaws.com", "ref": ref, "repository_id": str(github.repository_id)}
    forms = (
        f"repo:{owner}/{name}:{context}",
        f"repo:{owner}@{github.owner_id}/{name}@{github.repository_id}:{context}",
    )
    return {
        role
        for role, trust in trusts.items()
        for sub in forms
        if web_identity(trust, PROVIDER, {**claims, "sub": sub})
    }


@pytest.mark.parametrize("job", EVENTS)
def test_each_job_asks_for_the_role_that_it_gets(job: str) -> None:
    (asked,) = [
        step["with"] for step in JOBS[job]["steps"] if "role-to-assume" in step.get("with", {})
    ]
    assert asked["role-to-assume"] == f"arn:aws:iam::123456789012:role/serving-prod-{job}"
    assert asked["aws-region"] == settings().region
    assert assumed(job, *EVENTS[job]) == {job}


def test_a_workflow_that_ran_for_forks_would_get_nothing() -> None:
    assert assumed("preview", "pull_request_target", "refs/heads/main") == set()
    assert assumed("preview", "pull_request", "refs/heads/main") == set()
    assert "pull_request_target" not in WORKFLOW[True]  # YAML takes `on` for a truth


def test_every_job_is_of_the_settings() -> None:
    assert JOBS.keys() == EVENTS.keys()
    github = settings().github
    assert github is not None
    assert JOBS["deploy"]["environment"] == github.environment


@pytest.mark.parametrize("job", JOBS)
def test_a_job_holds_no_more_than_it_needs(job: str) -> None:
    assert WORKFLOW["permissions"] == {}
    assert JOBS[job]["permissions"] == {"contents": "read", "id-token": "write"}
    for step in JOBS[job]["steps"]:
        if "uses" in step:
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", step["uses"])
        else:
            assert "${{" not in step["run"]


def test_no_known_weakness_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (text,) = [
        block
        for block in blocks(PAGE.read_text(encoding="utf-8"), "yaml")
        if block.startswith("name: deploy")
    ]
    (folder / "deploy.yml").write_text(text, encoding="utf-8")
    zizmor = Path(sys.executable).parent / "zizmor"
    command = [str(zizmor), "--offline", "--no-progress", str(tmp_path / ".github")]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("job", JOBS)
def test_whatever_a_job_does_to_the_stack_it_does_under_the_policies(job: str) -> None:
    """CARD-6, POL-2."""
    commands = [step["run"] for step in JOBS[job]["steps"] if "path pulumi)" in step.get("run", "")]
    assert commands
    assert all("--policy-pack policies" in command for command in commands)
