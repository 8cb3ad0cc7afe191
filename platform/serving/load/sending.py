"""The loop of a load: each request is sent when it is due, and nobody waits for an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serving.inference import Protocol
from serving.load.asking import OVER, Asking
from serving.load.recording import Recording
from serving.load.request import Request, outcome_of
from serving.load.sample import Sample, samples_of
from serving.load.schedule import Arrival, schedule
from serving.load.spec import Spec, Traffic

FLUSH_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    model: str
    protocol: Protocol
    rate: float
    samples: Sequence[Sample]
    asking: Asking


class Sender:
    def __init__(self, streams: Sequence[Stream], recording: Recording) -> None:
        self._streams = streams
        self._recording = recording
        self._began = time.monotonic()
        self._in_flight: set[asyncio.Task[None]] = set()

    async def send(self, stop: asyncio.Event) -> None:
        """Until told to stop; then it waits for those that are on their way."""
        tasks = [asyncio.create_task(each) for each in (self._pace(), self._flush(), stop.wait())]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for task in done:
            task.result()
        await asyncio.gather(*self._in_flight)

    async def _pace(self) -> None:
        for arrival in schedule([stream.rate for stream in self._streams]):
            await asyncio.sleep(self._began + arrival.due - time.monotonic())
            task = asyncio.create_task(self._one(arrival))
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)

    async def _one(self, arrival: Arrival) -> None:
        stream = self._streams[arrival.stream]
        index = arrival.number % len(stream.samples)
        sample = stream.samples[index]
        due = self._began + arrival.due
        late = time.monotonic() - due
        reply = await stream.asking.ask(sample)
        self._recording.add(
            Request(
                due=round(arrival.due, 6),
                late_ms=round(late * 1000, 3),
                model=stream.model,
                protocol=stream.protocol,
                sample=index,
                ms=round((time.monotonic() - due) * 1000, 3),
                outcome=outcome_of(reply, sample.truth),
                status=reply.status,
                grpc=reply.grpc,
                version=reply.version,
                answer=reply.answer,
                problem=reply.problem,
            )
        )

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            self._recording.flush()


async def send(spec: Spec, to: Path, stop: asyncio.Event) -> None:
    async with AsyncExitStack() as closing:
        streams = [stream for traffic in spec.traffic for stream in _streams(spec, traffic)]
        for stream in streams:
            closing.push_async_callback(stream.asking.close)
        recording = Recording(to, time.time())
        closing.callback(recording.close)
        await Sender(streams, recording).send(stop)


def _streams(spec: Spec, traffic: Traffic) -> Sequence[Stream]:
    samples = samples_of(traffic.model, traffic.samples)
    shares: dict[Protocol, float] = {"http": 1 - traffic.grpc_share, "grpc": traffic.grpc_share}
    return [
        Stream(
            model=traffic.model,
            protocol=protocol,
            rate=traffic.rate * share,
            samples=samples,
            asking=OVER[protocol](spec.address, traffic.model, traffic.token, spec.timeout_seconds),
        )
        for protocol, share in shares.items()
        if share
    ]
