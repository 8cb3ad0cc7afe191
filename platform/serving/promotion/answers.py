"""The contract's golden samples, sent to one server of each arm: who is wrong, who differs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from tritonclient.utils import InferenceServerException

from serving import golden, inference
from serving.contract.model import ModelContract
from serving.contract.runtime import Golden, TritonModel, TritonRuntime
from serving.inference import Protocol
from serving.promotion.ground import Endpoint
from serving.promotion.measurement import Answers

MOST_SAMPLES: Final = 20
"""In one window; a larger set is gone through in turns."""
PROTOCOLS: Final[tuple[Protocol, ...]] = ("http", "grpc")
NO_ANSWER: Final = "no answer in time"
LONGEST: Final = 300
"""Characters of an example: a server may say anything."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    name: str
    """Of the Triton model."""
    number: int
    """Its place in the contract, from 1."""
    model: TritonModel
    golden: Golden
    reached: bool = True
    """By callers; the others are steps of these, and their servers' counts leave them out."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    answer: golden.Answer | None = None
    error: str = ""
    malformed: str = ""

    def wrong(self, sample: Sample) -> str:
        """Why; empty where it is right."""
        if self.answer is None or self.malformed:
            return self.malformed or self.error
        return next(map(str, golden.differences(sample.model, sample.golden, self.answer)), "")


@dataclass(frozen=True, kw_only=True)
class Asked:
    answers: Answers | None
    past_gateway: Mapping[str, int]
    """By arm, requests that no gateway has counted."""


def samples_of(contract: ModelContract) -> list[Sample]:
    """Of an effective contract; none where its server is not Triton."""
    if not isinstance(contract.runtime, TritonRuntime):
        return []
    reached = contract.runtime.reached
    return [
        Sample(name=name, number=number, model=model, golden=each, reached=name in reached)
        for name, model in contract.runtime.models.items()
        for number, each in enumerate(model.golden, start=1)
    ]


def ask(
    protocol: Protocol, endpoint: Endpoint, version: int, sample: Sample, deadline: float
) -> Reply:
    address = {"http": endpoint.http, "grpc": endpoint.grpc}[protocol]
    inputs = golden.inputs_of(sample.model, sample.golden)
    try:
        answer = inference.infer(protocol, address, sample.name, version, inputs, deadline)
    except inference.Malformed as error:
        return Reply(malformed=f"{error.message()}")
    except InferenceServerException as error:
        return Reply(error=f"{error.message()}")
    return Reply(answer=answer, malformed=golden.malformed(sample.model, answer))


class Questions:
    """One promotion's: another protocol and another server each time."""

    def __init__(
        self,
        contract: ModelContract,
        versions: tuple[int, int | None],
        servers: Callable[[int], Sequence[Endpoint]],
        stable: ModelContract | None,
        deadline: float,
    ) -> None:
        self._samples = samples_of(contract)
        self._canary, self._stable = versions
        self._servers = servers
        self._compared = stable
        """What stable's server promises: what it does not know it is not asked."""
        self._deadline = deadline
        self._turn = 0

    def ask(self) -> Asked:
        turn, self._turn = self._turn, self._turn + 1
        canary = self._server(self._canary, turn)
        if not self._samples or canary is None:
            return Asked(answers=None, past_gateway={})
        samples = self._these(turn)
        protocol = PROTOCOLS[turn % len(PROTOCOLS)]
        arms = [_Arm(protocol, canary, self._canary, samples, self._deadline)]
        if self._stable is not None and (server := self._server(self._stable, turn)) is not None:
            known = [each for each in samples if self._knows(each)]
            twice = [each for each in known for _ in range(2)]
            arms.append(_Arm(protocol, server, self._stable, twice, self._deadline))
        until = time.monotonic() + 2 * self._deadline
        for arm in arms:
            arm.wait(until)
        sent = dict(zip(("canary", "stable"), (arm.counted for arm in arms), strict=False))
        return Asked(answers=_compared(arms, protocol), past_gateway=sent)

    def _these(self, turn: int) -> list[Sample]:
        count = min(len(self._samples), MOST_SAMPLES)
        first = turn * count % len(self._samples)
        return [self._samples[(first + i) % len(self._samples)] for i in range(count)]

    def _server(self, version: int, turn: int) -> Endpoint | None:
        servers = self._servers(version)
        return servers[turn // len(PROTOCOLS) % len(servers)] if servers else None

    def _knows(self, sample: Sample) -> bool:
        runtime = self._compared.runtime if self._compared else None
        if not isinstance(runtime, TritonRuntime) or sample.name not in runtime.models:
            return False
        other = runtime.models[sample.name]
        same = all(other.inputs.get(n) == t for n, t in sample.model.inputs.items())
        return same and sample.golden.outputs.keys() <= other.outputs.keys()


class _Arm:
    """Asked by a thread of its own: a server that hangs, or answers for ever, is left to it."""

    def __init__(
        self,
        protocol: Protocol,
        server: Endpoint,
        version: int,
        samples: Sequence[Sample],
        deadline: float,
    ) -> None:
        self.samples = samples
        self.replies: list[Reply] = []
        self.sent = 0
        self._asking = (protocol, server, version, deadline)
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def wait(self, until: float) -> None:
        self._thread.join(max(until - time.monotonic(), 0.0))

    def _ask(self) -> None:
        protocol, server, version, deadline = self._asking
        for sample in self.samples:
            begun = time.monotonic()
            self.sent += 1
            self.replies.append(ask(protocol, server, version, sample, deadline))
            if time.monotonic() - begun >= deadline:
                return

    @property
    def counted(self) -> int:
        return sum(sample.reached for sample in self.samples[: self.sent])

    def taken(self) -> list[tuple[Sample, Reply]]:
        """What came in time; the first that did not is an error, the others were not asked."""
        replies = list(self.replies)
        if self.sent > len(replies):
            replies.append(Reply(error=NO_ANSWER))
        return list(zip(self.samples, replies, strict=False))


def _compared(arms: Sequence[_Arm], protocol: Protocol) -> Answers:
    canary = arms[0].taken()
    others = arms[1].taken() if len(arms) > 1 else []
    twice = {
        (first[0].name, first[0].number): (first[1], again[1] if again else None)
        for first, again in zip_longest(others[::2], others[1::2])
    }
    counts = dict.fromkeys(
        ("malformed", "canary_wrong", "stable_wrong", "only_canary_wrong", "only_stable_wrong",
         "differ", "noise"), 0,
    )  # fmt: skip
    example = ""
    for sample, reply in canary:
        wrong = reply.wrong(sample)
        counts["malformed"] += bool(reply.malformed)
        counts["canary_wrong"] += bool(wrong)
        if wrong and not example:
            example = f"{sample.name} sample {sample.number} over {protocol}: {wrong}"[:LONGEST]
        if (sample.name, sample.number) in twice:
            for name, found in _beside(sample, reply, twice[sample.name, sample.number]).items():
                counts[name] += found
    return Answers(asked=len(canary), example=example, **counts)


def _beside(
    sample: Sample, canary: Reply, stable: tuple[Reply, Reply | None]
) -> Mapping[str, bool]:
    first, again = stable
    wrong, stable_wrong = bool(canary.wrong(sample)), bool(first.wrong(sample))
    return {
        "stable_wrong": stable_wrong,
        "only_canary_wrong": wrong and not stable_wrong,
        "only_stable_wrong": stable_wrong and not wrong,
        "differ": _differ(sample, canary, first),
        "noise": again is not None and _differ(sample, first, again),
    }


def _differ(sample: Sample, one: Reply, other: Reply) -> bool:
    if one.answer is None or other.answer is None:
        return False  # who does not answer is wrong, which is counted elsewhere
    return golden.differ(sample.golden, one.answer, other.answer)
