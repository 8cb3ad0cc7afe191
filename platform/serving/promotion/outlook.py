"""`serving promote plan`: what a promotion would take, before anybody starts it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from serving.promotion.admission import Admission
from serving.promotion.answers import MOST_SAMPLES, samples_of
from serving.promotion.forecast import Forecast, Traffic, forecast, wrong_answers
from serving.promotion.ground import Ground
from serving.promotion.judge import judge_of
from serving.promotion.learnt import Learnt, learnt_of
from serving.promotion.ready import Person, Wish, admitted, ready
from serving.promotion.record import Started


@dataclass(frozen=True, kw_only=True)
class Outlook:
    admission: Admission
    started: Started | None = None
    """As it would be; None where the version is stable already."""
    traffic: Traffic | None = None
    forecast: Forecast | None = None
    """None on a first release, which is not compared with anything."""
    samples: int = 0
    """Golden requests that each window sends."""
    wrong_answers: int | None = None
    """Of them, how many have to turn wrong for a rollback once requests come; None: no number."""
    learnt: Learnt | None = None
    notices: tuple[str, ...] = ()

    @property
    def decidable(self) -> bool:
        return self.forecast is None or self.forecast.decidable


def outlook(ground: Ground, wish: Wish, person: Person) -> Outlook:
    """Raises InputError where it could not start."""
    release = ground.stack.deployed().get(wish.model)
    admission = admitted(ground, wish, release)
    if admission is Admission.DONE:
        return Outlook(admission=admission)
    # what today's traffic does not decide is shown, not refused
    made = ready(ground, replace(wish, anyway=wish.anyway or "only planned"), person, release)
    started, traffic = made.started, made.traffic
    learnt, _ = learnt_of(ground.leases, started.contract, ground.window_seconds)
    judge = judge_of(started.contract, started.version, started.rules)
    compared = traffic is not None and any(gate.name == "golden" for gate in judge.gates)
    samples = samples_of(started.contract.at(started.version)) if compared else []
    return Outlook(
        admission=admission,
        started=started,
        traffic=traffic,
        forecast=forecast(judge, started.plan, traffic, ground.window_seconds)
        if traffic is not None
        else None,
        samples=min(len(samples), MOST_SAMPLES),
        wrong_answers=wrong_answers(judge, started.plan, ground.window_seconds)
        if samples
        else None,
        learnt=learnt,
        notices=made.notices,
    )
