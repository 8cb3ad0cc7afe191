"""T12: what the engine makes of a stack that names its repository."""

from __future__ import annotations

import re
from typing import Any

import pulumi_aws as aws
import pytest
import yaml
from pulumi import automation as auto

from tests.cloud import ACCOUNT
from tests.engine.conftest import Engine, Steps, state_of
from tests.unit.serving.stacks.test_pipeline import JOBS
from tests.unit.serving.stacks.variants import GITHUB, STATE

pytestmark = pytest.mark.engine


def named(engine: Engine, **changes: Any) -> auto.Stack:
    file = engine.project("dev") / "Pulumi.dev.yaml"
    described = yaml.safe_load(file.read_text(encoding="utf-8"))
    described["config"] |= {f"serving:{key}": value for key, value in changes.items()}
    file.write_text(yaml.safe_dump(described), encoding="utf-8")
    return engine.stack("dev")


def test_no_role_is_made_without_its_bound_but_the_pipelines_own(engine: Engine) -> None:
    stack = named(engine, github=GITHUB, state=STATE)
    outputs = stack.up().outputs
    assert set(outputs["github_roles"].value) == set(JOBS)
    bounds = {
        each["urn"].rpartition("::")[2]: each["inputs"].get("permissionsBoundary")
        for each in state_of(stack)
        if each["type"] == "aws:iam/role:Role"
    }
    own = {f"github-{job}" for job in JOBS}
    assert {name for name, bound in bounds.items() if bound is None} == own
    assert {bound for bound in bounds.values() if bound} == {f"arn:aws:iam::{ACCOUNT}:boundary"}
    assert len(bounds) > len(own) + 3
    again = Steps()
    stack.up(on_event=again)
    assert again.changes() == {}


def one_role() -> None:
    aws.iam.Role("flow-logs", assume_role_policy="{}")


def test_the_deploying_role_knows_the_roles_of_its_stack_by_name(engine: Engine) -> None:
    """As the project's own `Pulumi.yaml` has the engine name them."""
    stack = engine.stack("dev", one_role)
    stack.up()
    (role,) = [each for each in state_of(stack) if each["type"] == "aws:iam/role:Role"]
    assert re.fullmatch(r"serving-dev-flow-logs-[0-9a-f]{7}", role["inputs"]["name"])
    again = Steps()
    stack.up(on_event=again)
    assert again.changes() == {}


def test_naming_a_repository_touches_nothing_but_roles_and_who_is_let_in(engine: Engine) -> None:
    engine.stack("dev").up()
    steps = Steps()
    named(engine, github=GITHUB, state=STATE).preview(on_event=steps)
    changed = steps.changes()
    updated = {urn.rpartition("$")[2] for urn, step in changed.items() if step != "create"}
    assert {each.partition("::")[0] for each in updated} <= {
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
    }
    created = {urn.rpartition("::")[2] for urn, step in changed.items() if step == "create"}
    assert {each.partition("-")[0] for each in created} == {"boundary", "cluster", "github"}
