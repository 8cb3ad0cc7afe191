"""Which request goes to which version: the routes of all models, read while the gateway runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from serving.gateway import names
from serving.gateway.calls import Call, Protocol, calls
from serving.gateway.clusters import METADATA
from serving.gateway.documents import (
    ROUTE_CONFIGURATION,
    Document,
    document,
    extension,
    seconds,
)
from serving.gateway.filters import BUFFER, CLAIMS, JWT, RBAC
from serving.gateway.limits import body_limit, timeouts
from serving.gateway.names import DOMAIN, SERVED_VERSION, authority
from serving.gateway.table import Gateway, Served

NAME: Final = "gateway"
PIN: Final = "x-model-version"

IDLE_STREAM: Final = "300s"
UPLOAD_SECONDS: Final = 30.0
"""For a request to arrive as a whole."""

RETRY_ON: Final = "5xx,deadline-exceeded,internal,unavailable"


def routes(gateway: Gateway) -> Document:
    hosts = [_virtual_host(served) for served in gateway.served]
    configuration = {
        "name": NAME,
        "validate_clusters": True,
        "virtual_hosts": [*hosts, _unknown_host()],
        "request_headers_to_remove": [PIN],
    }
    return document(ROUTE_CONFIGURATION, [configuration])


def weighted(model: str, protocol: Protocol, shares: Mapping[int, int]) -> list[dict[str, Any]]:
    """Stable first: where the choice sticks to a caller, a growing canary keeps whom it has."""
    return [
        {"name": names.cluster(model, version, protocol=protocol), "weight": share}
        for version, share in shares.items()
    ]


def _virtual_host(served: Served) -> dict[str, Any]:
    tenant = {"string_match": {"exact": served.contract.tenant}}
    claim = {"filter": JWT, "path": [{"key": CLAIMS}, {"key": "tenant"}], "value": tenant}
    principal = {"sourced_metadata": {"metadata_matcher": claim}}
    owner = {"permissions": [{"any": True}], "principals": [principal]}
    rules = {"action": "ALLOW", "policies": {served.contract.tenant: owner}}
    return {
        "name": served.name,
        "domains": [authority(served.name)],
        "routes": [
            *_refused_encodings(),
            _refused_version(served),
            *_pinned(served),
            *_unpinned(served),
            _refusal({"prefix": "/"}, 404, _offer(served)),
        ],
        "typed_per_filter_config": {
            RBAC: extension("filters.http.rbac.v3.RBACPerRoute", rbac={"rules": rules}),
            BUFFER: _buffer(buffer={"max_request_bytes": body_limit(served.contract)}),
        },
    }


def _unknown_host() -> dict[str, Any]:
    """Whoever has a token may hear that there is no such model."""
    return {
        "name": "unknown",
        "domains": ["*"],
        "routes": [
            _refusal({"prefix": "/"}, 404, f"no such model here; ask the host <model>.{DOMAIN}")
        ],
        "typed_per_filter_config": {RBAC: extension("filters.http.rbac.v3.RBACPerRoute")},
    }


def _refused_encodings() -> Iterator[dict[str, Any]]:
    """A few kilobytes may unpack to gigabytes, in the server."""
    what = "compressed requests are not taken: send it without {}"
    for header in ("content-encoding", "grpc-encoding"):
        plain = {"exact": "identity"}
        packed = {"name": header, "string_match": plain, "invert_match": True}
        there = {"name": header, "present_match": True}
        yield _refusal({"prefix": "/", "headers": [there, packed]}, 415, what.format(header))


def _refused_version(served: Served) -> dict[str, Any]:
    pattern = {"regex": "/v2/models/[^/]+/versions(/.*)?"}
    text = (
        f"the gateway chooses the version of {served.name}: ask without /versions/…; the answer's "
        f"header {SERVED_VERSION} names the version, and a token with the claim pin may choose it "
        f"by the header {PIN}"
    )
    return _refusal({"safe_regex": pattern}, 400, text)


def _pinned(served: Served) -> Iterator[dict[str, Any]]:
    """Chosen by the caller, so no sample of the version's traffic, and nobody takes over."""
    claim = {
        "filter": JWT,
        "path": [{"key": CLAIMS}, {"key": "pin"}],
        "value": {"bool_match": True},
    }
    for version in served.versions:
        wanted = {"name": PIN, "string_match": {"exact": str(version)}}
        for call in calls(served.contract):
            match = _matching(call, wanted) | {"dynamic_metadata": [claim]}
            yield _forward(served, call, match, _aside(served, version, call))
    there = {"name": PIN, "present_match": True}
    text = f"no such version here: expected {PIN} to be one of {_listed(served.versions)}"
    yield _refusal({"prefix": "/", "headers": [there], "dynamic_metadata": [claim]}, 404, text)


def _unpinned(served: Served) -> Iterator[dict[str, Any]]:
    release = served.release
    for call in calls(served.contract):
        match = _matching(call)
        if release.stable is None:
            yield _refusal(match, 503, f"{served.name} has no released version yet")
        elif call.kind == "ask":
            yield _forward(served, call, match, _aside(served, release.stable, call))
        else:
            yield _split(served, call, match, release.stable)


def _split(served: Served, call: Call, match: Mapping[str, Any], stable: int) -> dict[str, Any]:
    release, sticky = served.release, served.contract.rollout.sticky_by
    shares = {stable: 100 - release.weight}
    if release.canary is not None:
        shares[release.canary] = release.weight
    action: dict[str, Any] = {
        "weighted_clusters": {"clusters": weighted(served.name, call.protocol, shares)}
    }
    if sticky:
        action["weighted_clusters"]["use_hash_policy"] = True
        action["hash_policy"] = [{"header": {"header_name": sticky}}]
    if call.kind == "infer":
        one_try = timeouts(served.contract).one_try
        action["retry_policy"] = _retry(one_try)
        if served.shadow is not None:
            action["request_mirror_policies"] = [_copied(served, served.shadow, call)]
    return _forward(served, call, match, action) | {"stat_prefix": call.protocol}


def _copied(served: Served, version: int, call: Call) -> dict[str, Any]:
    share = {"numerator": served.contract.rollout.shadow_percent, "denominator": "HUNDRED"}
    return {
        "cluster": names.cluster(served.name, version, "mirror", protocol=call.protocol),
        "runtime_fraction": {"default_value": share},
        "disable_shadow_host_suffix_append": True,
    }


def _retry(one_try: float) -> dict[str, Any]:
    """Once, and at the other member of the aggregate."""
    return {
        "retry_on": RETRY_ON,
        "num_retries": 1,
        "per_try_timeout": seconds(one_try),
        "retry_back_off": {"base_interval": "0.005s", "max_interval": "0.010s"},
        "retry_priority": {
            "name": "envoy.retry_priorities.previous_priorities",
            "typed_config": extension(
                "retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
                update_frequency=1,
            ),
        },
    }


def _forward(
    served: Served, call: Call, match: Mapping[str, Any], action: Mapping[str, Any]
) -> dict[str, Any]:
    whole = timeouts(served.contract).whole
    limits: dict[str, Any] = {"timeout": "0s", "idle_timeout": IDLE_STREAM}
    if call.kind != "stream":
        limits = {
            "timeout": seconds(whole),
            "idle_timeout": seconds(whole + UPLOAD_SECONDS),
            "max_stream_duration": {"max_stream_duration": seconds(whole + UPLOAD_SECONDS)},
        }
    route: dict[str, Any] = {
        "name": f"{served.name}/{call.name}",
        "match": dict(match),
        "route": {**action, **limits},
        "metadata": {"filter_metadata": {METADATA: {"model": served.name, "call": call.name}}},
    }
    if call.kind == "stream":
        route["typed_per_filter_config"] = {BUFFER: _buffer(disabled=True)}
    return route


def _aside(served: Served, version: int, call: Call) -> dict[str, Any]:
    return {"cluster": names.cluster(served.name, version, "aside", protocol=call.protocol)}


def _matching(call: Call, *more: Mapping[str, Any]) -> dict[str, Any]:
    method = {"name": ":method", "string_match": {"exact": call.method}}
    match: dict[str, Any] = {"path": call.path, "headers": [method, *more]}
    return match | ({"grpc": {}} if call.protocol == "grpc" else {})


def _refusal(match: Mapping[str, Any], status: int, text: str) -> dict[str, Any]:
    return {
        "match": dict(match),
        "direct_response": {"status": status, "body": {"inline_string": text}},
    }


def _offer(served: Served) -> str:
    offered = [
        f"{call.method} {call.path}" for call in calls(served.contract) if call.protocol == "http"
    ]
    return f"the gateway does not serve this; {served.name} takes {', '.join(offered)}"


def _buffer(**fields: Any) -> dict[str, Any]:
    return extension("filters.http.buffer.v3.BufferPerRoute", **fields)


def _listed(versions: tuple[int, ...]) -> str:
    return ", ".join(map(str, versions))
