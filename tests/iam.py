"""What IAM decides from a document of ours, and what STS decides from a role's trust.

Only what these documents use is understood; anything else raises, so that no test passes because
something was not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

Document: TypeAlias = Mapping[str, Any]
Context: TypeAlias = Mapping[str, str | Sequence[str]]
"""Condition key → value, or values of a key that has several."""

_KNOWN: Final = {"Sid", "Effect", "Action", "Resource", "Condition"}
_KNOWN_OF_TRUST: Final = {"Sid", "Effect", "Action", "Principal", "Condition"}


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request; where AWS asks about several resources, each of them is a call."""

    action: str
    resource: str = "*"
    context: Context = field(default_factory=dict)


def allows(documents: Document | Sequence[Document], call: Call) -> bool:
    """Of all documents of a principal: a denial wins, and what nobody allows is denied."""
    several = [documents] if isinstance(documents, Mapping) else documents
    verdicts = [effect for document in several for effect in _effects(document, call)]
    return "Allow" in verdicts and "Deny" not in verdicts


def assumes(trust: Document, action: str, principal: Mapping[str, str], context: Context) -> bool:
    verdicts = []
    for statement in statements(trust):
        _refuse_unknown(statement, _KNOWN_OF_TRUST)
        asked = statement["Principal"]
        trusted = isinstance(asked, Mapping) and all(
            kind in asked and name in listed(asked[kind]) for kind, name in principal.items()
        )
        if (
            trusted
            and _matches_any(statement["Action"], action, ignore_case=True)
            and holds(statement.get("Condition", {}), context)
        ):
            verdicts.append(statement["Effect"])
    return "Allow" in verdicts and "Deny" not in verdicts


def web_identity(trust: Document, provider_arn: str, claims: Mapping[str, str]) -> bool:
    """A token that a provider signed; its claims are keys under the provider's name."""
    issuer = provider_arn.partition("oidc-provider/")[2]
    context = {f"{issuer}:{name}": value for name, value in claims.items()}
    action = "sts:AssumeRoleWithWebIdentity"
    return assumes(trust, action, {"Federated": provider_arn}, context)


def statements(document: Document) -> Sequence[Mapping[str, Any]]:
    if document["Version"] != "2012-10-17":
        raise NotImplementedError(document["Version"])
    found = document["Statement"]
    return [found] if isinstance(found, Mapping) else found


def listed(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


def _effects(document: Document, call: Call) -> Iterator[str]:
    for statement in statements(document):
        _refuse_unknown(statement, _KNOWN)
        if (
            _matches_any(statement["Action"], call.action, ignore_case=True)
            and _matches_any(statement["Resource"], call.resource)
            and holds(statement.get("Condition", {}), call.context)
        ):
            yield statement["Effect"]


def _refuse_unknown(statement: Mapping[str, Any], known: set[str]) -> None:
    if unknown := statement.keys() - known:
        raise NotImplementedError(f"{sorted(unknown)} of a statement")


def _matches_any(patterns: str | Sequence[str], value: str, ignore_case: bool = False) -> bool:
    return any(like(pattern, value, ignore_case) for pattern in listed(patterns))


def like(pattern: str, value: str, ignore_case: bool = False) -> bool:
    """`*` is any characters, `?` is one; everything else is itself."""
    if "${" in pattern:
        raise NotImplementedError(f"a variable: {pattern}")
    parts = re.split(r"([*?])", pattern)
    known = {"*": ".*", "?": "."}
    expression = "".join(known.get(part, re.escape(part)) for part in parts)
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return re.fullmatch(expression, value, flags) is not None


def holds(conditions: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """Every key of every operator; one of the values given for a key."""
    return all(
        _holds(operator, listed(wanted), context.get(key))
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


_ONE_OF: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "StringEquals": lambda wanted, value: wanted == value,
    "StringLike": like,
    "ArnEquals": like,
    "ArnLike": like,
    "Bool": lambda wanted, value: wanted == value.lower(),
}
_NONE_OF: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "StringNotEquals": lambda wanted, value: wanted == value,
    "StringNotLike": like,
    "ArnNotEquals": like,
}


def _holds(operator: str, wanted: Sequence[str], found: str | Sequence[str] | None) -> bool:
    if operator == "Null":
        return wanted == ["true" if found is None else "false"]
    quantifier, _, plain = operator.rpartition(":")
    if plain.endswith("IfExists"):
        if found is None:
            return True
        plain = plain.removesuffix("IfExists")
    values = [] if found is None else listed(found)
    match quantifier:
        case "ForAnyValue":
            return any(_satisfies(plain, wanted, value) for value in values)
        case "ForAllValues":
            return all(_satisfies(plain, wanted, value) for value in values)
        case "":
            # A key that is missing satisfies a negated operator, and no other.
            if not values:
                return plain in _NONE_OF
            if len(values) > 1:
                raise NotImplementedError(f"{operator} on a key with several values")
            return _satisfies(plain, wanted, values[0])
    raise NotImplementedError(operator)


def _satisfies(operator: str, wanted: Sequence[str], value: str) -> bool:
    if operator in _ONE_OF:
        return any(_ONE_OF[operator](each, value) for each in wanted)
    if operator in _NONE_OF:
        return not any(_NONE_OF[operator](each, value) for each in wanted)
    raise NotImplementedError(operator)
