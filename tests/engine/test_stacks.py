from __future__ import annotations

from typing import Any

import pulumi
import pytest
from pulumi import automation as auto

from serving import catalog
from serving.stacks import config
from serving.stacks.program import build
from tests.cloud import ACCOUNT, CONTROL_PLANE
from tests.engine.conftest import PACK, Engine, Steps, Verdicts, state_of, together
from tests.unit import golden, stacks

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("name", stacks.STACKS)
def test_a_stack_is_built_as_previewed_and_then_left_alone(engine: Engine, name: str) -> None:
    stack = engine.stack(name)
    announced, done, again = Steps(), Steps(), Steps()
    before, after = Verdicts(), Verdicts()
    packs = {"policy_packs": [str(PACK)]}
    stack.preview(on_event=together(announced, before), **packs)
    outputs = stack.up(on_event=done, **packs).outputs
    stack.up(on_event=together(again, after), **packs)
    assert done.changes() == announced.changes()
    assert set(done.changes().values()) == {"create"}
    assert again.changes() == {}
    kept = said(stack)
    stack.refresh()
    assert said(stack) == kept
    assert before.mandatory == after.mandatory == set()
    told = {rule for rule, _ in after.advisory}
    assert told == ({"stateful-protected"} if name == "dev" else set())
    assert before.undecided
    assert after.undecided == set()
    assert outputs["cluster_name"].value == f"serving-{name}"
    assert outputs["model_bucket"].value == f"serving-{name}-models-{ACCOUNT}"
    assert outputs["audit_bucket"].value == f"serving-{name}-audit-{ACCOUNT}"
    assert outputs["image_repositories"].value.keys() == {"tritonserver", "vllm"}
    assert outputs["releases"].value == {}


def said(stack: auto.Stack) -> dict[str, tuple[Any, Any]]:
    """By a state, of each resource."""
    return {each["urn"]: (each.get("inputs"), each.get("outputs")) for each in state_of(stack)}


def test_the_state_holds_the_agreed_names_under_providers_of_our_own(engine: Engine) -> None:
    stack = engine.stack("dev")
    stack.up()
    state = state_of(stack)
    names = {f"{each['type']}  {each['urn'].rpartition('::')[2]}" for each in state}
    assert set(golden.file("dev").read_text(encoding="utf-8").splitlines()) <= names
    providers = {each["urn"].split("::", 2)[2] for each in state if "providers" in each["type"]}
    assert "pulumi:providers:aws::aws" in providers
    assert not [each for each in providers if each.startswith("pulumi:providers:aws::default")]
    assert not [each for each in providers if each.startswith("pulumi:providers:kubernetes::def")]
    (control_plane,) = [each for each in state if each["type"] == CONTROL_PLANE]
    assert control_plane["inputs"]["accessConfig"] == {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": False,
    }


def test_a_throw_away_stack_leaves_nothing_behind(engine: Engine) -> None:
    stack = engine.stack("dev")
    stack.up()
    stack.destroy()
    assert state_of(stack) == []


def test_a_mistyped_key_stops_the_program_with_its_name_and_no_traceback(engine: Engine) -> None:
    stack = engine.stack("dev")
    stack.set_config("serving:netwrok", auto.ConfigValue("anything"))
    with pytest.raises(auto.CommandError) as refused:
        stack.preview()
    said = str(refused.value)
    assert "Pulumi.dev.yaml: serving:netwrok: is not a known field, expected one of" in said
    assert "Traceback" not in said


def test_adding_a_tenant_touches_nothing_but_its_own_objects(engine: Engine) -> None:
    known = catalog.load("dev")
    newcomer = known.tenants["shop"].model_copy(update={"name": "audio"})
    more = catalog.Catalog(models=known.models, tenants={**known.tenants, "audio": newcomer})

    def with_a_newcomer() -> None:
        for name, value in build(config.read(), more).items():
            pulumi.export(name, value)

    engine.stack("dev").up()
    steps = Steps()
    engine.stack("dev", with_a_newcomer).preview(on_event=steps)
    assert set(steps.changes().values()) == {"create"}
    names = {urn.rpartition("::")[2] for urn in steps.changes()}
    assert {"audio" in name.split("-") for name in names} == {True}
