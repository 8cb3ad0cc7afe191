"""The facts of the demo: the stories of its promotions beside the record of the load."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from serving.demo import stage
from serving.demo.facts import Facts, Point, Promotion, Total
from serving.demo.scenario import MODEL, RATES, WAIVER, Act
from serving.demo.story import Story
from serving.load import Load, Request
from serving.load.tally import quantile
from serving.toolchain import locate

BIN_SECONDS: Final = 2.0
_ALWAYS: Final = 1e9
_MOST_REASONS: Final = 5
_AFTERWARDS_SECONDS: Final = 1.0
"""A request that was routed just before the weight reached zero may still fail."""


@dataclass(frozen=True, kw_only=True)
class Played:
    act: Act
    story: Story
    journal: str


def promotion(played: Played, load: Load) -> Promotion:
    act, story = played.act, played.story
    began, ended = story.began - load.began, story.at - load.began
    meanwhile = [request for request in load.requests if began <= request.due <= ended]
    own = [each for each in meanwhile if each.model == MODEL and each.version == act.version]
    lost = [request for request in meanwhile if request.outcome == "lost"]
    to_kill = sum(_lost_to_kill(request, story, load.began) for request in lost)
    return Promotion(
        model=MODEL,
        version=act.version,
        stable=story.stable,
        about=act.about,
        disturbance=act.disturbance,
        expected=act.expected,
        catches=sorted(act.catches),
        outcome=story.outcome,
        gate=story.gate,
        reason=story.reason,
        began=began,
        ended=ended,
        weights=[(at - load.began, weight) for at, weight in story.weights],
        events=[(at - load.began, what) for at, what in story.events],
        exposed=len(own),
        bad=sum(request.bad for request in own),
        lost=len(lost) - to_kill,
        lost_to_kill=to_kill,
        journal=played.journal,
    )


def _lost_to_kill(request: Request, story: Story, origin: float) -> bool:
    """It was on its way to a server that was killed, or could be sent to it afterwards."""
    killed = next((at for at, what in story.events if what == "server killed"), None)
    if killed is None or request.model != MODEL:
        return False
    without = next((at for at, weight in story.weights if at > killed and not weight), story.at)
    due = request.due + origin
    return killed <= due + request.ms / 1000 and due <= without + _AFTERWARDS_SECONDS


def points(load: Load) -> Sequence[Point]:
    return [
        Point(
            at=slot.bin * BIN_SECONDS,
            model=slot.model,
            version=slot.version,
            requests=tally.requests,
            errors=tally.outcomes["error"],
            wrong=tally.outcomes["wrong"],
            lost=tally.lost,
            refused=tally.outcomes["refused"],
            p50_ms=tally.ms(0.5),
            p99_ms=tally.ms(0.99),
        )
        for slot, tally in sorted(load.tallies(BIN_SECONDS).items(), key=lambda item: item[0].bin)
    ]


def totals(load: Load) -> Sequence[Total]:
    sent = Counter((each.model, each.version, each.protocol) for each in load.requests)
    whole = {(slot.model, slot.version): tally for slot, tally in load.tallies(_ALWAYS).items()}
    return [
        Total(
            model=model,
            version=version,
            requests=tally.requests,
            errors=tally.outcomes["error"],
            wrong=tally.outcomes["wrong"],
            lost=tally.lost,
            refused=tally.outcomes["refused"],
            http=sent[model, version, "http"],
            grpc=sent[model, version, "grpc"],
            p50_ms=tally.ms(0.5),
            p99_ms=tally.ms(0.99),
        )
        for (model, version), tally in sorted(
            whole.items(), key=lambda item: (item[0][0], item[0][1] or 0)
        )
    ]


def facts(played: Sequence[Played], load: Load, setup: Mapping[str, float]) -> Facts:
    seconds = max((request.due for request in load.requests), default=0.0)
    return Facts(
        began=load.began,
        seconds=seconds,
        whole_seconds=seconds + sum(setup.values()),
        setup=setup,
        rates=RATES,
        slo_p99_ms=stage.SLO["p99_ms"],
        waiver=WAIVER,
        promotions=[promotion(each, load) for each in played],
        totals=totals(load),
        bin_seconds=BIN_SECONDS,
        points=points(load),
        lost_because=_lost_because(load),
        late_p99_ms=quantile([request.late_ms for request in load.requests], 0.99),
        machine=_machine(),
    )


def _lost_because(load: Load) -> Mapping[str, int]:
    lost = (each for each in load.requests if each.outcome == "lost")
    said = Counter(each.problem or f"HTTP {each.status}, gRPC {each.grpc}" for each in lost)
    return dict(said.most_common(_MOST_REASONS))


def _machine() -> Mapping[str, str]:
    programs = {name: locate(name).version for name in ("tritonserver", "envoy", "prometheus")}
    return {"processors": f"{os.cpu_count()}", **programs}
