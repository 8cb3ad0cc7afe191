"""A first release's load: requests straight to its servers, sent whether or not answers come."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

import aiohttp

from serving import golden, inference
from serving.contract.model import ModelContract
from serving.promotion.answers import samples_of
from serving.promotion.ground import Endpoint
from serving.promotion.measurement import Counts, Window

SERVER_RPS: Final = 20.0
"""To one server, where the contract does not say what one holds."""


@dataclass(frozen=True, kw_only=True)
class Request:
    url: str
    body: bytes
    headers: Mapping[str, str]


class LoadTest:
    """At the rate that the contract promises of one server, to each of them."""

    def __init__(self, contract: ModelContract, version: int, deadline: float) -> None:
        self._contract = contract
        self._version = version
        self._deadline = deadline
        """Seconds after which a request has failed."""

    @property
    def possible(self) -> bool:
        """Somebody has said what a request looks like."""
        return bool(samples_of(self._contract))

    def run(self, servers: Sequence[Endpoint], seconds: float) -> Counts:
        """What the callers saw, by the same edges as the gateway's histogram."""
        rate = (self._contract.scaling.replica_rps or SERVER_RPS) * len(servers)
        took = asyncio.run(_sent(self._requests(servers), rate, seconds, self._deadline))
        edges = self._contract.observability.latency_edges_ms
        return Counts(
            requests=len(took),
            errors=sum(not well for _, well in took),
            slower=tuple(sum(1000 * latency > edge for latency, _ in took) for edge in edges),
        )

    def _requests(self, servers: Sequence[Endpoint]) -> Iterator[Request]:
        made = []
        for sample in samples_of(self._contract):
            body, headers = inference.request_body(golden.inputs_of(sample.model, sample.golden))
            path = f"/v2/models/{sample.name}/versions/{self._version}/infer"
            made += [
                Request(url=f"http://{server.http}{path}", body=body, headers=headers)
                for server in servers
            ]
        return itertools.cycle(made)


async def _sent(
    requests: Iterator[Request], rate: float, seconds: float, deadline: float
) -> list[tuple[float, bool]]:
    """Seconds from when a request was due to its end, and whether it was answered well."""
    begun = time.monotonic()
    tasks = []
    # httpx takes so long for each request that it would be measured in place of the server
    timeout, connector = aiohttp.ClientTimeout(total=deadline), aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as client:
        for number in range(max(round(rate * seconds), 1)):
            due = begun + number / rate
            await asyncio.sleep(max(due - time.monotonic(), 0.0))
            tasks.append(asyncio.create_task(_one(client, next(requests), due)))
        return await asyncio.gather(*tasks)


async def _one(client: aiohttp.ClientSession, request: Request, due: float) -> tuple[float, bool]:
    well = False
    try:
        async with client.post(request.url, data=request.body, headers=request.headers) as answer:
            await answer.read()
            well = answer.status == HTTPStatus.OK
    except (TimeoutError, aiohttp.ClientError):
        well = False
    return time.monotonic() - due, well


def loaded(window: Window, seen: Counts) -> Window:
    """The window as it was under load: what the callers saw, with what the servers say."""
    counts = window.canary.counts
    return replace(
        window,
        canary=replace(
            window.canary,
            counts=replace(seen, queue_us=counts.queue_us, served=counts.served),
        ),
    )
