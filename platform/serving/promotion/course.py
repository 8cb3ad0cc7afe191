"""A promotion as its records tell it: the same whether it runs, resumes or is replayed."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from serving.promotion import (
    answer_gate,
    decision,
    draw,
    evidence,
    gate,
    judge,
    measurement,
    plan,
    resource_gate,
    share_gate,
    steps,
)
from serving.promotion.decision import Facts, State
from serving.promotion.judge import Evidence, Judge, Judgement, judge_of
from serving.promotion.measurement import Window
from serving.promotion.plan import acted, decide, observed
from serving.promotion.record import Body, Decided, Effect, Ended, Intent, Observed, Started

_DECIDING = (
    *(answer_gate, decision, draw, evidence, gate),
    *(judge, measurement, plan, resource_gate, share_gate, steps),
)


class Course:
    """Where a promotion stands after the records taken so far. Its size does not grow."""

    def __init__(self, started: Started) -> None:
        self.started = started
        self.judge: Judge = judge_of(started.contract, started.version, started.rules)
        self.state = State()
        self.evidence = Evidence()
        self.judgement = Judgement()
        self.window: Window | None = None
        self.decided: Decided | None = None
        self.undecided = False
        """The last window has been recorded, but not what to do about it."""
        self.intent: Intent | None = None
        """Recorded, and not known to have come into force."""
        self.ended: Ended | None = None

    def decide(self, facts: Facts | None = None) -> Decided:
        """What is to be done now. Nothing changes until it is recorded and taken."""
        facts = facts or Facts()
        return Decided(
            decision=decide(self.started.plan, self.state, self.judgement, facts),
            state=self.state,
            judgement=self.judgement,
            facts=facts,
        )

    def take(self, body: Body) -> None:
        self.ended = None
        match body:
            case Observed(window=window):
                self.evidence, self.judgement = self.judge.judge(self.evidence, window)
                self.state = observed(self.state, window)
                self.window, self.undecided = window, True
            case Decided(facts=facts):
                self.decided, self.undecided = body, False
                if facts.override is not None:  # what spoke against it has been heard and dismissed
                    self.evidence = Evidence()
            case Intent():
                self.intent = body
            case Effect(confirmed=confirmed):
                moved = self.intent is not None and self.intent.weight is not None
                if confirmed and moved and self.decided is not None:
                    self.state = acted(self.state, self.decided.decision)
                self.intent = None
            case Ended():
                self.ended = body


@cache
def engine_version() -> str:
    """Two engines of the same version decide the same: it names the very code that decides."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for module in _DECIDING:
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()[:16]
