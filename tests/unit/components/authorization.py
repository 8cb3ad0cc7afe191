"""Who may ask whom for what under a set of Istio's policies, as its proxies decide it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.unit.components.network import Pod

ROOT: Final = "istio-system"
"""What lies here and selects nobody holds for all."""


@dataclass(frozen=True, kw_only=True)
class Request:
    host: str
    path: str
    port: int
    method: str = "POST"
    peer: str | None = None
    """Whom the other side's certificate names."""
    token: Mapping[str, Any] | None = None
    """Its claims; of one whose signature is sound."""


def allowed(objects: Sequence[Mapping[str, Any]], pod: Pod, request: Request) -> bool:
    """Of a pod whose requests end at its proxy, under all objects that there are."""
    applied = [each for each in objects if _applies(each, pod)]
    rules = [
        rule
        for each in applied
        if each["kind"] == "RequestAuthentication"
        for rule in each["spec"]["jwtRules"]
    ]
    refused = request.token is not None and rules and not _verified(rules, request.token)
    claims = request.token if rules and request.token is not None else {}
    policies = [each["spec"] for each in applied if each["kind"] == "AuthorizationPolicy"]
    assert all(spec.get("action", "ALLOW") == "ALLOW" for spec in policies)
    if refused:
        return False
    return not policies or any(
        _passes(rule, request, claims) for spec in policies for rule in spec.get("rules", ())
    )


def _applies(each: Mapping[str, Any], pod: Pod) -> bool:
    selected = each["spec"].get("selector", {}).get("matchLabels", {})
    place = each["metadata"]["namespace"]
    return place in (pod.namespace, ROOT) and selected.items() <= pod.labels.items()


def _verified(rules: Sequence[Mapping[str, Any]], token: Mapping[str, Any]) -> bool:
    """A token of nobody that is known is refused, whatever the policies are."""
    return any(
        token.get("iss") == rule["issuer"] and token.get("aud") in rule["audiences"]
        for rule in rules
    )


def _passes(rule: Mapping[str, Any], request: Request, claims: Mapping[str, Any]) -> bool:
    assert rule.keys() <= {"from", "to", "when"}, rule
    sources = [each["source"] for each in rule.get("from", ())]
    operations = [each["operation"] for each in rule.get("to", ())]
    return (
        (not sources or any(_from(each, request, claims) for each in sources))
        and (not operations or any(_to(each, request) for each in operations))
        and all(_when(each, claims) for each in rule.get("when", ()))
    )


def _from(source: Mapping[str, Any], request: Request, claims: Mapping[str, Any]) -> bool:
    assert source.keys() <= {"principals", "requestPrincipals"}, source
    peers, principals = source.get("principals"), source.get("requestPrincipals")
    known = request.peer is not None and _any(peers or (), request.peer)
    return (peers is None or known) and (
        principals is None or any(_made_for(each, claims) for each in principals)
    )


def _made_for(principal: str, claims: Mapping[str, Any]) -> bool:
    """`<issuer>/<subject>`; an issuer may have a slash itself, and both must be there."""
    issuer, _, subject = principal.rpartition("/")
    return claims.get("iss") == issuer and bool(claims.get("sub")) and _is(subject, claims["sub"])


def _to(operation: Mapping[str, Any], request: Request) -> bool:
    known = {
        "hosts": request.host.lower(),
        "methods": request.method,
        "paths": request.path,
        "ports": str(request.port),
    }
    return all(_any(patterns, known[key]) for key, patterns in operation.items())


def _when(condition: Mapping[str, Any], claims: Mapping[str, Any]) -> bool:
    assert condition.keys() == {"key", "values"}, condition
    claim = condition["key"].removeprefix("request.auth.claims[").removesuffix("]")
    return claim in claims and _any(condition["values"], claims[claim])


def _any(patterns: Sequence[str], value: str) -> bool:
    return any(_is(each, value) for each in patterns)


def _is(pattern: str, value: str) -> bool:
    if pattern == "*":
        return bool(value)
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    return value == pattern
