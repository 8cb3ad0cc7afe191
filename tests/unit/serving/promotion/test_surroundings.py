"""What a running promotion looks at, and what it remembers of it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf

from serving.contract.model import Scaling
from serving.promotion.answers import Asked
from serving.promotion.course import Course
from serving.promotion.decision import Decision, Facts, Verdict
from serving.promotion.ground import Endpoint
from serving.promotion.judge import Judgement
from serving.promotion.measurement import Answers, Unmet, Window
from serving.promotion.preconditions import Account
from serving.promotion.record import Body, Decided, Observed, Record, Resumed
from serving.promotion.surroundings import Surroundings
from serving.promotion.tally import Subject, Tally
from tests.unit.serving.promotion.recorded import started
from tests.unit.serving.promotion.windows import window

BEGIN = started()


@dataclass
class Script:
    """Metrics, people and time."""

    now: float = 100.0
    wanted_at: float = inf
    """When somebody wants an end."""
    blind: bool = False
    seen: list[tuple[Subject, int, Tally, Mapping[str, int]]] = field(default_factory=list)
    sleeps: list[float] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def surroundings(self) -> Surroundings:
        asked = Asked(answers=Answers(asked=3), past_gateway={"canary": 3, "stable": 6})
        return Surroundings(
            self,
            self,  # type: ignore[arg-type]
            lambda: asked,
            None,
            lambda version: (Endpoint(pod="", http="", grpc=""),) * 2,
            self,
            stable=None,
            window_seconds=15.0,
            clock=lambda: self.now,
            sleep=self.sleep,
        )

    def validate(self, subject: Subject) -> None: ...

    def observe(
        self, subject: Subject, weight: int, tally: Tally, past: Mapping[str, int] | None = None
    ) -> tuple[Window, Tally]:
        self.seen.append((subject, weight, tally, past or {}))
        if self.blind:
            away = Unmet("prometheus-answers", "time()")
            return replace(window(weight), seconds=90.0, unmet=(away,)), tally
        return window(weight), replace(tally, until=self.now)

    def facts(self, course: Course) -> Facts:
        return Facts(abort="")

    def want_an_end(self, course: Course) -> bool:
        return self.now >= self.wanted_at

    def heard(self, course: Course, record: Record) -> None: ...

    def is_set(self) -> bool:
        return self.stop.is_set()

    def wait(self, timeout: float) -> bool:
        self.now += timeout
        return self.stop.is_set()

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.sleeps.append(seconds)


def record(body: Body) -> Record:
    return Record(number=1, at="2026-01-02T12:00:00.000+00:00", body=body, hash="")


def test_a_window_is_waited_for_and_counts_what_was_asked_in_it() -> None:
    script, course = Script(), Course(BEGIN)
    observed = script.surroundings().observe(course)
    assert script.now == 115.0
    assert observed.window.answers == Answers(asked=3)
    assert script.seen[0][3] == {"canary": 3, "stable": 6}


def test_time_without_metrics_is_told_by_the_own_clock() -> None:
    script, course = Script(blind=True), Course(BEGIN)
    around = script.surroundings()
    for _ in range(4):
        course.take(around.observe(course))
    assert course.state.blind_seconds == course.state.held_seconds == 60.0


def test_what_observing_remembers_is_what_was_recorded() -> None:
    script, course = Script(), Course(BEGIN)
    around = script.surroundings()
    observed = around.observe(course)
    around.observe(course)
    assert script.seen[1][2] == Tally(), "not recorded, so not known"
    around.heard(course, record(observed))
    around.observe(course)
    assert script.seen[2][2] == observed.tally == Tally(until=115.0)


def test_after_a_restart_the_accounts_begin_again() -> None:
    script, course = Script(), Course(BEGIN)
    around = script.surroundings()
    tally = Tally(until=7.0, accounts={"canary": Account(tries=5)})
    around.heard(course, record(Observed(window=window(), tally=tally)))
    around.heard(course, record(Resumed(engine="", who="kim", commit="")))
    around.observe(course)
    assert script.seen[0][2] == Tally(until=7.0)


def test_a_window_is_cut_short_where_somebody_wants_an_end() -> None:
    script, course = Script(wanted_at=104.0), Course(BEGIN)
    script.surroundings().observe(course)
    assert script.now == 104.0
    script = Script()
    script.stop.set()
    script.surroundings().observe(course)
    assert script.now == 101.0
    assert script.surroundings().stopping()


def test_a_pause_ends_where_somebody_wants_an_end() -> None:
    script, course = Script(), Course(BEGIN)
    script.surroundings().pause(course, 20.0, calm=False)
    assert script.now == 120.0
    script = Script(wanted_at=104.0)
    script.surroundings().pause(course, 20.0, calm=False)
    assert script.now == 104.0
    script.surroundings().pause(course, 20.0, calm=True)
    assert script.now == 124.0


def test_a_rollback_under_way_is_watched_calmly() -> None:
    script, course = Script(wanted_at=0.0), Course(BEGIN)
    script.stop.set()
    decision = Decision(verdict=Verdict.ROLLBACK, weight=10, reason="aborted")
    course.decided = Decided(decision=decision, state=course.state, judgement=Judgement())
    script.surroundings().observe(course)
    assert script.sleeps == [15.0]


def test_mirrored_requests_are_what_a_canary_without_weight_is_judged_by() -> None:
    script, course = Script(), Course(started(shadow=True))
    around = script.surroundings()
    around.observe(course)
    course.state = replace(course.state, weight=5)
    around.observe(course)
    assert [subject.mirrored for subject, *_ in script.seen] == [True, False]


def test_stables_capacity_is_what_its_servers_hold_of_all_requests() -> None:
    script, course = Script(), Course(BEGIN)
    around = script.surroundings()
    course.window = window(rps=40)
    assert around.facts(course).stable_capacity == inf
    scaling = Scaling(replica_rps=10.0)
    contract = BEGIN.contract.model_copy(update={"scaling": scaling})
    course.started = replace(BEGIN, contract=contract)
    assert around.facts(course).stable_capacity == 0.5
    course.window = window(rps=40, loaded=True)
    assert around.facts(course).stable_capacity == inf, "nobody knows what users bring"
    course.window = window(rps=40, canary_errors=0.6)
    assert around.facts(course).stable_capacity == inf, "it takes over what the canary fails"
