"""A broken component is caught by the promise that it breaks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import pulumi
import pulumi_aws as aws
import pytest

from tests.unit.components.promises import PROMISES, Case

Opts: TypeAlias = pulumi.ResourceOptions | None

TOKEN: Final = "serving:index:Thing"


@dataclass(frozen=True, kw_only=True)
class ThingArgs:
    description: str = "a key"


@dataclass(kw_only=True)
class LooseArgs:
    description: str = "a key"


def init(self: Any, name: str, opts: Opts, token: str = TOKEN) -> None:
    pulumi.ComponentResource.__init__(self, token, name, None, opts)


def child(self: Any, name: str, args: ThingArgs, opts: Opts) -> None:
    self.arn = aws.kms.Key(name, description=args.description, opts=opts).arn


def within(self: Any) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(parent=self)


def sound(self: Any, name: str, args: ThingArgs, opts: Opts = None) -> None:
    init(self, name, opts)
    child(self, name, args, within(self))
    self.register_outputs({"arn": self.arn})


def orphaned_child(self: Any, name: str, args: ThingArgs, opts: Opts = None) -> None:
    init(self, name, opts)
    child(self, name, args, None)
    self.register_outputs({"arn": self.arn})


def child_with_the_callers_options(
    self: Any, name: str, args: ThingArgs, opts: Opts = None
) -> None:
    init(self, name, opts)
    child(self, name, args, opts)
    self.register_outputs({"arn": self.arn})


def child_with_merged_options(self: Any, name: str, args: ThingArgs, opts: Opts = None) -> None:
    init(self, name, opts)
    child(self, name, args, pulumi.ResourceOptions.merge(within(self), opts))
    self.register_outputs({"arn": self.arn})


def options_dropped(self: Any, name: str, args: ThingArgs, opts: Opts = None) -> None:
    init(self, name, None)
    child(self, name, args, within(self))
    self.register_outputs({"arn": self.arn})


def protection_dropped(self: Any, name: str, args: ThingArgs, opts: Opts = None) -> None:
    init(self, name, opts)
    child(self, name, args, pulumi.ResourceOptions(parent=self, protect=False))
    self.register_outputs({"arn": self.arn})


def provider_of_its_own(self: Any, name: str, args: ThingArgs, opts: Opts = None) -> None:
    init(self, name, opts)
    provider = aws.Provider(name, region="us-east-1", opts=within(self))
    child(self, name, args, pulumi.ResourceOptions(parent=self, provider=provider))
    self.register_outputs({"arn": self.arn})


def outputs_forgotten(self: Any, name: str, args: ThingArgs, opts: Opts = None) -> None:
    init(self, name, opts)
    child(self, name, args, within(self))


def one_output_too_many(self: Any, name: str, args: ThingArgs, opts: Opts = None) -> None:
    init(self, name, opts)
    child(self, name, args, within(self))
    self.register_outputs({"arn": self.arn, "name": name})


def output_renamed(self: Any, name: str, args: ThingArgs, opts: Opts = None) -> None:
    init(self, name, opts)
    child(self, name, args, within(self))
    self.register_outputs({"keyArn": self.arn})


def output_without_value(self: Any, name: str, args: ThingArgs, opts: Opts = None) -> None:
    init(self, name, opts)
    child(self, name, args, within(self))
    self.register_outputs({"arn": None})


def another_token(self: Any, name: str, args: ThingArgs, opts: Opts = None) -> None:
    init(self, name, opts, token="serving:index:Key")
    child(self, name, args, within(self))
    self.register_outputs({"arn": self.arn})


def child_with_a_fixed_name(self: Any, name: str, args: ThingArgs, opts: Opts = None) -> None:
    init(self, name, opts)
    child(self, "key", args, within(self))
    self.register_outputs({"arn": self.arn})


def account_looked_up(self: Any, name: str, args: ThingArgs, opts: Opts = None) -> None:
    sound(self, name, args, opts)
    aws.get_caller_identity()


def config_read(self: Any, name: str, args: ThingArgs, opts: Opts = None) -> None:
    sound(self, name, args, opts)
    pulumi.Config("serving").get("region")


def child_inside_apply(self: Any, name: str, args: ThingArgs, opts: Opts = None) -> None:
    sound(self, name, args, opts)
    self.arn.apply(lambda arn: aws.kms.Alias(name, target_key_id=arn, opts=within(self)))


def args_that_can_change(self: Any, name: str, args: LooseArgs, opts: Opts = None) -> None:
    sound(self, name, ThingArgs(), opts)


def options_required(self: Any, name: str, args: ThingArgs, opts: Opts) -> None:
    sound(self, name, args, opts)


def another_parameter(
    self: Any, name: str, args: ThingArgs, extra: str = "", opts: Opts = None
) -> None:
    sound(self, name, args, opts)


MUTANTS: Final[dict[Callable[..., None], str]] = {
    orphaned_child: "owns_all_it_registers",
    child_with_the_callers_options: "owns_all_it_registers",
    child_with_merged_options: "owns_all_it_registers",
    options_dropped: "obeys_its_options",
    protection_dropped: "obeys_its_options",
    provider_of_its_own: "makes_no_provider",
    outputs_forgotten: "publishes_its_annotated_outputs",
    one_output_too_many: "publishes_its_annotated_outputs",
    output_renamed: "publishes_its_annotated_outputs",
    output_without_value: "publishes_its_annotated_outputs",
    another_token: "has_its_class_for_a_token",
    child_with_a_fixed_name: "names_all_after_itself",
    account_looked_up: "looks_nothing_up",
    config_read: "looks_nothing_up",
    child_inside_apply: "registers_the_same_in_a_preview",
    args_that_can_change: "has_the_one_shape",
    options_required: "has_the_one_shape",
    another_parameter: "has_the_one_shape",
}


def case(constructor: Callable[..., None]) -> Case:
    members = {
        "__init__": constructor,
        "__annotations__": {"arn": "pulumi.Output[str]"},
        "__module__": __name__,
    }
    return Case(type("Thing", (pulumi.ComponentResource,), members), ThingArgs())


@pytest.mark.parametrize("promise", PROMISES)
def test_a_sound_component_keeps_every_promise(promise: str) -> None:
    PROMISES[promise](case(sound))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_mutant_is_caught(mutant: Callable[..., None]) -> None:
    with pytest.raises(AssertionError):
        PROMISES[MUTANTS[mutant]](case(mutant))


def test_a_module_that_can_read_the_environment_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "os", object(), raising=False)
    with pytest.raises(AssertionError):
        PROMISES["looks_nothing_up"](case(sound))
