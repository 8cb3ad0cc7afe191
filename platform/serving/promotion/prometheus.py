"""Questions to Prometheus over HTTP: raw samples, or why there are none; never an exception."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Any, TypeAlias

import httpx

from serving.promotion.increments import Raw, Sample

DEADLINE_SECONDS = 5.0
LIMIT_BYTES = 64 << 20
CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class Failed:
    query: str
    detail: str
    refused: bool = False
    """By Prometheus, which was reached and will refuse it again."""


Answer: TypeAlias = tuple[Raw, ...] | Failed


class Malformed(ValueError):
    """An answer that is not one of Prometheus' API, or not a whole one."""


class Prometheus:
    def __init__(self, url: str, *, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._url = url.rstrip("/") + "/api/v1/query"
        self._deadline = deadline_seconds
        self._tls = httpx.create_ssl_context()

    def ask(self, queries: Collection[str], at: float | None = None) -> dict[str, Answer]:
        """All at once; at Prometheus' own time unless one is given."""
        return asyncio.run(self._ask(queries, at))

    async def _ask(self, queries: Collection[str], at: float | None) -> dict[str, Answer]:
        limits = httpx.Limits(max_connections=CONNECTIONS)
        patience = self._deadline + 1  # ours comes first, and says so
        async with httpx.AsyncClient(verify=self._tls, limits=limits, timeout=patience) as client:
            answers = await asyncio.gather(*(self._answer(client, each, at) for each in queries))
        return dict(zip(queries, answers, strict=True))

    async def _answer(self, client: httpx.AsyncClient, query: str, at: float | None) -> Answer:
        try:
            # httpx limits each read; a server that drips would keep it for ever.
            async with asyncio.timeout(self._deadline):
                status, body = await self._fetch(client, query, at)
            return _failure(query, status, body) if status != 200 else parsed(body)
        except TimeoutError:
            return Failed(query, f"no answer within {self._deadline:g} s")
        except Malformed as error:
            return Failed(query, f"malformed answer: {error}")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Failed(query, f"{type(error).__name__}: {error}")

    async def _fetch(
        self, client: httpx.AsyncClient, query: str, at: float | None
    ) -> tuple[int, bytes]:
        form = {"query": query, "timeout": f"{self._deadline:g}s"}
        if at is not None:
            form["time"] = f"{at:.3f}"
        async with client.stream("POST", self._url, data=form) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > LIMIT_BYTES:
                    raise Malformed(f"longer than {LIMIT_BYTES >> 20} MiB")
            return response.status_code, bytes(body)


def _failure(query: str, status: int, body: bytes) -> Failed:
    try:
        said = json.loads(body)
        detail = f"{said['errorType']}: {said['error']}"
    except (ValueError, LookupError, TypeError):
        detail = body[:200].decode(errors="replace").strip() or "no reason given"
    return Failed(query, f"HTTP {status}: {detail}", refused=400 <= status < 500)


def parsed(body: bytes) -> tuple[Raw, ...]:
    """Raises Malformed. What Prometheus warns about is not the whole answer."""
    try:
        answer = json.loads(body)
        if answer["status"] != "success":
            raise Malformed(f"status {answer['status']}")
        if answer.get("warnings"):
            raise Malformed(f"incomplete: {'; '.join(map(str, answer['warnings']))}")
        series = _series(answer["data"]["resultType"], answer["data"]["result"])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise error if isinstance(error, Malformed) else Malformed(repr(error)[:200]) from None
    if len({frozenset(raw.labels.items()) for raw in series}) != len(series):
        raise Malformed("two series with the same labels")
    return series


def _series(kind: str, result: Any) -> tuple[Raw, ...]:
    match kind:
        case "matrix":
            return tuple(Raw(_labels(each), _samples(each["values"])) for each in result)
        case "vector":
            return tuple(Raw(_labels(each), _samples([each["value"]])) for each in result)
        case "scalar":
            return (Raw({}, _samples([result])),)
    raise Malformed(f"a result of type {kind}")


def _labels(series: Mapping[str, Any]) -> Mapping[str, str]:
    return {str(name): str(value) for name, value in series["metric"].items()}


def _samples(values: Sequence[Any]) -> Sequence[Sample]:
    samples = [(float(at), float(value)) for at, value in values]
    if not samples or not all(before < after for (before, _), (after, _) in pairwise(samples)):
        raise Malformed("samples out of order")
    if not all(isfinite(at) for at, _ in (samples[0], samples[-1])):
        raise Malformed("a sample without a time")
    return samples
