"""A rule: what it is about, how grave it is, how it is checked and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeAlias

from serving_policies.values import ABSENT, UNKNOWN, Props, at, items, shown

PRODUCTION: Final = "prod"


class Level(StrEnum):
    """How much a violation weighs. Every rule says which."""

    EVERYWHERE = "mandatory"
    IN_PRODUCTION = "mandatory in prod"
    """And advisory elsewhere."""

    def binds(self, environment: str | None) -> bool:
        """An environment that does not say what it is, is held to what production is held to."""
        return self is Level.EVERYWHERE or environment in (PRODUCTION, None)


class Verdict(StrEnum):
    VIOLATION = "violation"
    UNDECIDED = "undecided"


@dataclass(frozen=True, kw_only=True)
class Resource:
    kind: str
    name: str
    urn: str
    props: Props = field(default_factory=dict)
    links: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Property → urns of the resources that its value comes from; known when the value is not."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a rule may know beside a resource's type and properties."""

    name: str = ""
    urn: str = ""
    protect: bool = False
    links: Mapping[str, frozenset[str]] = field(default_factory=dict)
    stack: Sequence[Resource] = ()
    """All resources; empty for rules that look at one alone."""

    def of(self, *kinds: str) -> Iterator[Resource]:
        return (each for each in self.stack if each.kind in kinds)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is not as it must be; its value may be UNKNOWN, which decides nothing."""

    path: str
    value: Any
    must_be: str


Check: TypeAlias = Callable[[str, Props, Context], Iterator[Finding]]
"""Pure: type, properties, context."""


@dataclass(frozen=True, kw_only=True)
class Message:
    verdict: Verdict
    text: str
    urn: str


@dataclass(frozen=True, kw_only=True)
class Rule:
    id: str
    level: Level
    kinds: tuple[str, ...]
    """Types of resources that it is asked about."""
    holds: str
    """A sentence that is true when all is well."""
    risk: str
    """What can happen where it does not hold."""
    fix: str
    source: str
    check: Check
    stack: bool = False
    """Whether it compares resources, and so sees the whole stack."""

    def __call__(self, kind: str, props: Props, ctx: Context) -> list[Message]:
        if kind not in self.kinds:
            return []
        try:
            return [self._message(kind, ctx, each) for each in self.check(kind, props, ctx)]
        except Exception as error:  # a rule that breaks has proved nothing
            text = f"{self.id}: resource '{ctx.name}' ({kind}): the rule itself failed: {error!r}"
            return [Message(verdict=Verdict.VIOLATION, text=text, urn=ctx.urn)]

    def _message(self, kind: str, ctx: Context, finding: Finding) -> Message:
        undecided = finding.value is UNKNOWN
        text = (
            f"{self.id}: {'undecided: ' if undecided else ''}resource '{ctx.name}' ({kind}): "
            f"{finding.path} is {shown(finding.value)}, must be {finding.must_be}; "
            f"fix: {self.fix}; source: {self.source}"
        )
        verdict = Verdict.UNDECIDED if undecided else Verdict.VIOLATION
        return Message(verdict=verdict, text=text, urn=ctx.urn)


def belonging(ctx: Context, props: Props, property_: str, *kinds: str) -> Sequence[Resource]:
    """The resources whose property refers to this one: by what the value comes from, or by the
    value where both sides know it."""
    own = [props.get(key) for key in ("id", "arn", "bucket")]
    return [
        each
        for each in ctx.of(*kinds)
        if ctx.urn in each.links.get(property_, ())
        or (isinstance(value := each.props.get(property_), str) and value in own)
    ]


def lacking(ctx: Context, props: Props, property_: str, *kinds: str) -> Any:
    """What to say where nothing belongs: that there is nothing, or that there is something of
    which it cannot be known yet. Only a bucket can be named before there is one."""
    strays = [each for each in ctx.of(*kinds) if not each.links.get(property_)]
    if strays and props.get("bucket") is UNKNOWN:
        return UNKNOWN
    unknown = any(at(each.props, property_) is UNKNOWN for each in strays)
    return UNKNOWN if unknown else ABSENT


def differing(props: Props, path: str, wanted: Any, must_be: str) -> Iterator[Finding]:
    """For the many rules that want one value in one place."""
    value = at(props, path)
    if value is UNKNOWN or value is ABSENT or value != wanted:
        yield Finding(path=path, value=value, must_be=must_be)


def missing(props: Props, path: str, wanted: Sequence[str]) -> Iterator[Finding]:
    """For lists that have to hold certain values."""
    value = at(props, path)
    held = items(value) if value is not UNKNOWN else [UNKNOWN]
    lacks = [each for each in wanted if each not in held]
    if not lacks:
        return
    # an item that is not known may be the one that is missed
    value = UNKNOWN if any(each is UNKNOWN for each in held) else value
    yield Finding(path=path, value=value, must_be=f"a list with {', '.join(wanted)}")
