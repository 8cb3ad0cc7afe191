"""The pack as the engine runs it. `PolicyPack` serves until the engine ends, and never returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyPack,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError

from serving_policies import RULES
from serving_policies.rule import Context, Message, Resource, Rule, Verdict
from serving_policies.values import plain

PACK = "serving"
CONFIG = "serving:environment"
"""What the program itself is told, so that the two cannot differ."""


class Undecided(UnknownValueError):
    """The engine's own third verdict: shown as `can't run policy …`, and never a pass."""

    def __init__(self, message: str) -> None:
        super().__init__(UNKNOWN_STRING_VALUE, [])
        self.message = message


def level(rule: Rule, environment: str | None) -> EnforcementLevel:
    if rule.level.binds(environment):
        return EnforcementLevel.MANDATORY
    return EnforcementLevel.ADVISORY


def policy(rule: Rule, environment: str | None) -> Policy:
    def resource(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type in rule.kinds:
            ctx = Context(name=args.name, urn=args.urn, protect=args.opts.protect)
            tell(rule(args.resource_type, plain(args.props, UnknownValueError), ctx), report)

    def stack(args: StackValidationArgs, report: ReportViolation) -> None:
        known = [seen(each) for each in args.resources]
        tell(
            [
                message
                for each in known
                for message in rule(
                    each.kind,
                    each.props,
                    Context(name=each.name, urn=each.urn, links=each.links, stack=known),
                )
            ],
            report,
        )

    said = {
        "name": rule.id,
        "description": rule.holds,
        "enforcement_level": level(rule, environment),
        "remediation_steps": rule.fix,
    }
    if rule.stack:
        return StackValidationPolicy(validate=stack, **said)
    return ResourceValidationPolicy(validate=resource, **said)


def seen(resource: PolicyResource) -> Resource:
    links: Mapping[str, Any] = resource.property_dependencies
    return Resource(
        kind=resource.resource_type,
        name=resource.name,
        urn=resource.urn,
        props=plain(resource.props, UnknownValueError),
        links={key: frozenset(each.urn for each in found) for key, found in links.items()},
    )


def tell(messages: list[Message], report: ReportViolation) -> None:
    for message in messages:
        if message.verdict is Verdict.VIOLATION:
            report(message.text, message.urn)
    if undecided := [each.text for each in messages if each.verdict is Verdict.UNDECIDED]:
        raise Undecided("\n".join(undecided))


if __name__ == "__main__":
    told = pulumi.runtime.get_config_env().get(CONFIG)
    PolicyPack(name=PACK, policies=[policy(rule, told) for rule in RULES])
