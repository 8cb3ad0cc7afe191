"""What the gateway says when it answers itself: as Triton words its errors, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from serving.gateway.filters import FAILURE, JWT

REASON: Final = "%LOCAL_REPLY_BODY%"
"""In Envoy's words, or those of a route that refuses."""

NO_TOKEN: Final = f"{REASON}; send a valid token: authorization: Bearer <token>"
TEXTS: Final = {
    403: "the tenant of this token may not ask this model",
    429: "too many requests of this tenant; wait as long as retry-after says",
}
"""Where Envoy's own words do not help."""

_GRPC: Final = {"name": "content-type", "string_match": {"prefix": "application/grpc"}}
_NO_GRPC: Final = {**_GRPC, "invert_match": True, "treat_missing_header_as_empty": True}


def refusals() -> Iterator[dict[str, Any]]:
    for mapper in _worded(NO_TOKEN, _unverified()):
        yield mapper | {"status_code": 401}  # Envoy's is 403 where the audience is another
    for status, text in TEXTS.items():
        yield from _worded(text, _status(status))
    yield _mapper(_json(REASON), _header(_NO_GRPC))


def _worded(text: str, condition: dict[str, Any]) -> Iterator[dict[str, Any]]:
    plain = {"text_format_source": {"inline_string": text}}
    yield _mapper(_json(text), _header(_NO_GRPC), condition)
    yield _mapper(plain, _header(_GRPC), condition)


def _json(text: str) -> dict[str, Any]:
    return {"json_format": {"error": text}}


def _mapper(body: dict[str, Any], *filters: dict[str, Any]) -> dict[str, Any]:
    both = filters[0] if len(filters) == 1 else {"and_filter": {"filters": list(filters)}}
    return {"filter": both, "body_format_override": body}


def _header(header: dict[str, Any]) -> dict[str, Any]:
    return {"header_filter": {"header": header}}


def _status(status: int) -> dict[str, Any]:
    value = {"default_value": status, "runtime_key": f"gateway.refusal.{status}"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}


def _unverified() -> dict[str, Any]:
    there = {"filter": JWT, "path": [{"key": FAILURE}], "value": {"present_match": True}}
    return {"metadata_filter": {"matcher": there, "match_if_key_not_found": False}}
