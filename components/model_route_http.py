"""Which request goes to which version of a model: the rules of its VirtualService."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from components.addon import CustomObject
from components.gateway import NAMESPACE
from components.model_route_args import ModelRouteArgs, Offer
from components.tenant import INFERENCE_PORTS

PORTS: Final = dict(zip(("http", "grpc"), INFERENCE_PORTS, strict=True))
SERVED_VERSION: Final = "x-served-version"

RETRY_ON: Final = "connect-failure,refused-stream,reset"
"""No status: what a version answers is its own, and it would be asked again itself."""
RETRY_STREAM_ON: Final = "connect-failure,refused-stream"
"""What has never reached a server."""


def virtual_service(args: ModelRouteArgs) -> CustomObject:
    return CustomObject(
        api_version="networking.istio.io/v1",
        kind="VirtualService",
        spec={
            "hosts": [args.host],
            "gateways": [f"{NAMESPACE}/models"],
            "exportTo": [NAMESPACE],
            "http": [
                *_refused_encodings(),
                _refused_version(args),
                *(_answered(args, offer) for offer in args.offers),
                _refusal(404, _offered(args)),
            ],
        },
    )


def _refused_encodings() -> Iterator[dict[str, Any]]:
    """A few kilobytes may unpack to gigabytes, in the server."""
    for header in ("content-encoding", "grpc-encoding"):
        packed = {
            "headers": {header: {"regex": ".*"}},
            "withoutHeaders": {header: {"exact": "identity"}},
        }
        text = f"compressed requests are not taken: send it without {header}"
        yield _refusal(415, text, packed)


def _refused_version(args: ModelRouteArgs) -> dict[str, Any]:
    text = (
        f"the gateway chooses the version of {args.model}: ask without /versions/…; the answer's "
        f"header {SERVED_VERSION} names the version"
    )
    return _refusal(400, text, {"uri": {"regex": "/v2/models/[^/]+/versions(/.*)?"}})


def _offered(args: ModelRouteArgs) -> str:
    offered = [f"{each.method} {each.path}" for each in args.offers if each.protocol == "http"]
    return f"the gateway does not serve this; {args.model} takes {', '.join(offered)}"


def _answered(args: ModelRouteArgs, offer: Offer) -> dict[str, Any]:
    matched = _matching(offer)
    if args.stable is None:
        return _refusal(503, f"{args.model} has no released version yet", matched)
    return {
        "name": offer.name,
        "match": [matched],
        "route": _destinations(args, offer, args.stable),
        **_limits(args, offer),
        **_copied(args, offer),
    }


def _destinations(args: ModelRouteArgs, offer: Offer, stable: int) -> list[dict[str, Any]]:
    """A question is no sample of a version's work, so it stays with stable."""
    if args.canary is None or offer.kind == "ask":
        return [_destination(args, offer, stable)]
    shares = {stable: 100 - args.weight, args.canary: args.weight}
    return [
        {**_destination(args, offer, version), "weight": share} for version, share in shares.items()
    ]


def _destination(args: ModelRouteArgs, offer: Offer, version: int) -> dict[str, Any]:
    return {
        "destination": _service(args, offer, version),
        "headers": {"response": {"set": {SERVED_VERSION: str(version)}}},
    }


def _service(args: ModelRouteArgs, offer: Offer, version: int) -> dict[str, Any]:
    return {"host": args.service(version), "port": {"number": PORTS[offer.protocol]}}


def _limits(args: ModelRouteArgs, offer: Offer) -> dict[str, Any]:
    """Unless told, Istio retries twice."""
    if offer.kind == "stream":
        return {"retries": {"attempts": 1, "retryOn": RETRY_STREAM_ON}}
    one_try = f"{args.try_seconds:g}s"
    return {
        "timeout": f"{args.answer_seconds:g}s",
        "retries": {"attempts": 1, "perTryTimeout": one_try, "retryOn": RETRY_ON},
    }


def _copied(args: ModelRouteArgs, offer: Offer) -> dict[str, Any]:
    if args.canary is None or args.weight or not args.shadow_percent or offer.kind != "infer":
        return {}
    return {
        "mirror": _service(args, offer, args.canary),
        "mirrorPercentage": {"value": args.shadow_percent},
    }


def _matching(offer: Offer) -> dict[str, Any]:
    exact = {"uri": {"exact": offer.path}, "method": {"exact": offer.method}}
    if offer.protocol == "http":
        return exact
    return {**exact, "headers": {"content-type": {"prefix": "application/grpc"}}}


def _refusal(status: int, text: str, match: Mapping[str, Any] | None = None) -> dict[str, Any]:
    matched = {} if match is None else {"match": [dict(match)]}
    return {**matched, "directResponse": {"status": status, "body": {"string": text}}}
