"""A load test: requests straight to a version's servers, sent whether or not answers come."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

import aiohttp

from serving import chat, golden, inference
from serving.contract.model import ModelContract
from serving.contract.runtime import VllmRuntime
from serving.promotion.answers import Sample, samples_of
from serving.promotion.evaluation import chat_request
from serving.promotion.ground import Endpoint
from serving.promotion.measurement import Counts, Window

SERVER_RPS: Final = 20.0
"""To one server, where the contract does not say what one holds."""


@dataclass(frozen=True, kw_only=True)
class Request:
    path: str
    body: bytes
    headers: Mapping[str, str]


class LoadTest:
    """At the rate that the contract promises of one server, to each of them."""

    def __init__(self, contract: ModelContract, version: int, deadline: float) -> None:
        self._contract = contract
        self._version = version
        self._deadline = deadline
        """Seconds after which a request has failed."""

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

    def _requests(self, servers: Sequence[Endpoint]) -> Iterator[tuple[str, Request]]:
        """Each with its URL."""
        return itertools.cycle(
            (f"http://{server.http}{request.path}", request)
            for request in requests_of(self._contract, self._version)
            for server in servers
        )


def requests_of(contract: ModelContract, version: int) -> list[Request]:
    """All that callers of this version may send; none: a load test is not possible."""
    runtime, evaluation = contract.runtime, contract.rollout.evaluation
    if isinstance(runtime, VllmRuntime):
        questions = evaluation.questions if evaluation else ()
        return [_to_vllm(contract.name, runtime, question.ask) for question in questions]
    return [_to_triton(each, version) for each in samples_of(contract) if each.reached]


def _to_triton(sample: Sample, version: int) -> Request:
    body, headers = inference.request_body(golden.inputs_of(sample.model, sample.golden))
    path = f"/v2/models/{sample.name}/versions/{version}/infer"
    return Request(path=path, body=body, headers=headers)


def _to_vllm(name: str, runtime: VllmRuntime, ask: str) -> Request:
    body = json.dumps(chat_request(name, runtime, ask)).encode()
    return Request(path=f"/v1/{chat.PATH}", body=body, headers={"Content-Type": "application/json"})


async def _sent(
    requests: Iterator[tuple[str, Request]], rate: float, seconds: float, deadline: float
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
            tasks.append(asyncio.create_task(_one(client, *next(requests), due)))
        return await asyncio.gather(*tasks)


async def _one(
    client: aiohttp.ClientSession, url: str, request: Request, due: float
) -> tuple[float, bool]:
    well = False
    try:
        async with client.post(url, data=request.body, headers=request.headers) as answer:
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
        loaded=True,
        canary=replace(
            window.canary,
            counts=replace(seen, queue_us=counts.queue_us, served=counts.served),
        ),
    )
