"""CARD-6, POL-1 to 3: the pack in the real engine, started by the real analyzer."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from pulumi import automation as auto

from serving_policies import RULES
from tests.engine import mutants
from tests.engine.conftest import PACK, Engine, Verdicts, state_of
from tests.unit import stacks

pytestmark = pytest.mark.engine


def previewed(stack: auto.Stack) -> tuple[Verdicts, bool]:
    """What the pack says, and whether the preview was refused."""
    heard = Verdicts()
    try:
        stack.preview(on_event=heard, policy_packs=[str(PACK)])
    except auto.CommandError:
        return heard, True
    return heard, False


def edit(stack: auto.Stack, key: str, value: Any) -> None:
    """As a person does in the stack's file."""
    said: dict[str, Any] = {"value": json.dumps(value), "secret": False}
    if isinstance(value, dict):
        said["objectValue"] = value
    stack.set_all_config_json(json.dumps({f"serving:{key}": said}))


@pytest.mark.parametrize("name", stacks.STACKS)
def test_every_rule_refuses_its_mutant_and_nothing_else(engine: Engine, name: str) -> None:
    heard, refused = previewed(engine.stack(name, mutants.mutated))
    in_production = mutants.REFUSED_IN_PRODUCTION
    assert refused
    if name == "prod":
        assert heard.mandatory == mutants.REFUSED | in_production
        assert heard.advisory == set()
    else:
        assert heard.mandatory == mutants.REFUSED
        assert heard.advisory >= in_production
    assert {rule for rule, _ in mutants.REFUSED | in_production} == {rule.id for rule in RULES}


def test_what_only_the_update_knows_is_undecided_before_and_refused_then(engine: Engine) -> None:
    stack = engine.stack("dev", _powerful)
    before, refused = previewed(stack)
    assert not refused
    assert before.undecided == {"iam-no-star-action", "iam-no-escalation"}
    update = Verdicts()
    with pytest.raises(auto.CommandError):
        stack.up(on_event=update, policy_packs=[str(PACK)])
    assert update.mandatory == {("iam-no-star-action", "powerful")}
    assert update.undecided == set()
    assert "aws:iam/policy:Policy" not in {each["type"] for each in state_of(stack)}


def _powerful() -> None:
    queue = aws.sqs.Queue("queue")
    statement = {"Effect": "Allow", "Action": "sqs:*", "Resource": queue.arn}
    document = pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.iam.Policy("powerful", policy=document)


def test_a_stack_that_does_not_say_what_it_is_is_held_to_production(engine: Engine) -> None:
    stack = engine.stack("dev", lambda: pulumi.export("key", aws.kms.Key("key").arn))
    heard, refused = previewed(stack)
    assert (refused, heard.advisory) == (False, {("stateful-protected", "key")})
    stack.remove_config("serving:environment")
    heard, refused = previewed(stack)
    assert (refused, heard.mandatory) == (True, {("stateful-protected", "key")})


def test_settings_that_open_production_or_let_it_be_lost_are_refused(engine: Engine) -> None:
    """What else a setting could do wrong, components refuse before there is a resource."""
    stack = engine.stack("prod")
    cluster = stacks.values("prod")["cluster"]
    edit(stack, "cluster", {**cluster, "public_access_cidrs": ["203.0.113.0/24"]})
    edit(stack, "retain", False)
    heard, refused = previewed(stack)
    assert refused
    unprotected = {name for rule, name in heard.mandatory if rule == "stateful-protected"}
    assert {"models", "store", "keys-models", "cluster-eksCluster"} <= unprotected
    assert {each for each in heard.mandatory if each[0] != "stateful-protected"} == {
        ("eks-endpoint-not-public", "cluster-eksCluster")
    }
