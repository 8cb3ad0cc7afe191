"""A version before it takes traffic: is it what was published, is it warm, does it answer right?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Final

from serving.contract.model import ModelContract
from serving.errors import ServingError
from serving.inference import TIMEOUT_SECONDS
from serving.promotion.answers import MOST_SAMPLES, PROTOCOLS, Sample, ask, samples_of
from serving.promotion.evaluation import evaluate
from serving.promotion.ground import Endpoint

ROUND: Final = 5
"""Requests whose median is compared with that of the round before."""
SETTLED: Final = 0.9
"""Times the round before: a server that gains less is warm."""
MOST_ROUNDS: Final = 20
"""To one server; whatever it gains then, it gains under load too."""


class PublishedCandidate:
    def __init__(
        self,
        contract: ModelContract,
        version: int,
        verify: Callable[[], None],
        servers: Callable[[], Sequence[Endpoint]],
        *,
        deadline: float,
        clock: Callable[[], float] = time.perf_counter,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._contract = contract
        self._model = contract.name
        self._version = version
        self._samples = samples_of(contract)
        self._verify = verify
        self._servers = servers
        self._deadline = deadline
        """Seconds for one request to a server that is warm."""
        self._clock = clock
        self._stopping = stopping

    def verify(self) -> None:
        self._verify()

    def warm_up(self) -> None:
        """Until answers come no faster; what they say is tested next."""
        for server in self._all_servers() if self._samples else ():
            before = self._round(server)
            for _ in range(MOST_ROUNDS - 1):
                now = self._round(server)
                if now >= SETTLED * before:
                    break
                before = now

    def golden(self) -> None:
        """Each golden request, to each server, over each protocol."""
        for server in self._all_servers() if self._samples else ():
            for sample in self._samples:
                for protocol in PROTOCOLS:
                    reply = ask(protocol, server, self._version, sample, self._deadline)
                    if wrong := reply.wrong(sample):
                        raise ServingError(
                            f"model {self._model}: version {self._version}: {sample.name}, golden "
                            f"request {sample.number} over {protocol} to {server.pod}: {wrong}"
                        )

    def evaluate(self) -> str:
        return evaluate(
            self._contract, self._version, self._all_servers(), self._deadline, self._stopping
        )

    def _round(self, server: Endpoint) -> float:
        return median(self._seconds(server, sample) for sample in self._in_turn())

    def _in_turn(self) -> Iterator[Sample]:
        for i in range(min(max(ROUND, len(self._samples)), MOST_SAMPLES)):
            yield self._samples[i % len(self._samples)]

    def _seconds(self, server: Endpoint, sample: Sample) -> float:
        begun = self._clock()
        reply = ask("http", server, self._version, sample, TIMEOUT_SECONDS)
        if reply.error:
            raise ServingError(
                f"model {self._model}: version {self._version}: {sample.name} does not answer on "
                f"{server.pod}: {reply.error}"
            )
        return self._clock() - begun

    def _all_servers(self) -> Sequence[Endpoint]:
        found = self._servers()
        if not found:
            raise ServingError(
                f"model {self._model}: version {self._version} was deployed, and has no server; "
                "expected at least one: look why none came up"
            )
        return found
