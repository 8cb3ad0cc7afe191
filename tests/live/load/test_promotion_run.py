"""Promotions by the real command under load: how they end when something happens meanwhile."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from serving.promotion.decision import Verdict
from serving.promotion.record import Decided, Resumed
from tests.live.promotions import MODEL, STEP, Lab, Run, lab

pytestmark = pytest.mark.live

DRIFTING, SOUND, QUEUEING = 7, 8, 9
"""Versions, besides those of the example."""
DELAY_MS = 32
"""Of each request by itself: about 30 in a second, of which callers bring 25."""
BLIND_DECISIONS = 3
"""Without Prometheus, before it is started again."""


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("promotions")
    with pytest.MonkeyPatch.context() as environment, lab(folder, built) as made:
        environment.setenv("SERVING_STATE", str(folder))
        made.publish(built, DRIFTING, {"label_shift": 1, "once": str(folder / "drifted")})
        made.publish(built, SOUND)
        yield made


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Of a version that answers right until it has requests; who promotes it stops meanwhile."""

    before: Mapping[str, int]
    """Processes, by name."""
    run: Run
    running: Mapping[str, Any]
    """Its status while somebody runs it …"""
    stopped: Mapping[str, Any]
    """… and while nobody does."""
    stopped_with: int
    shares: Mapping[int, int]
    """While nobody runs it."""
    second: subprocess.CompletedProcess[str]
    """Somebody else's try, after it was resumed."""
    began: float
    ended_with: int
    over: float


@pytest.fixture(scope="module")
def drift(ground: Lab) -> Drift:
    before = ground.pids
    with ground.promoting(DRIFTING) as run:
        run.until_at_weight()
        running = ground.status()
        stopped_with = run.interrupt()
        stopped, shares = ground.status(), ground.shares
        run.begin("resume", MODEL)
        run.until(lambda: bool(run.told(Resumed)))
        second = ground.promote("run", f"{MODEL}={DRIFTING}")
        run.until(lambda: bool(run.judged))
        began = time.time()
        (ground.folder / "drifted").touch()
        return Drift(
            before=before,
            run=run,
            running=running,
            stopped=stopped,
            stopped_with=stopped_with,
            shares=shares,
            second=second,
            began=began,
            ended_with=run.wait(),
            over=time.time(),
        )


def test_answers_that_turn_wrong_under_way_are_rolled_back_though_every_status_is_fine(
    ground: Lab, drift: Drift
) -> None:
    """GAT-9, FM-8."""
    assert drift.ended_with == 10
    decision = drift.run.decisions()[-1]
    assert (decision.verdict, decision.gate) == (Verdict.ROLLBACK, "golden")
    answers = [window.answers for window in drift.run.judged if window.answers]
    assert answers[0].canary_wrong == 0
    assert answers[-1].only_canary_wrong == answers[-1].canary_wrong > 0
    assert sum(window.canary.counts.errors for window in drift.run.judged) == 0

    seen = ground.requests(drift.began, drift.over)
    wrong = [each for each in seen if (each.version, each.outcome) == (DRIFTING, "wrong")]
    assert {each.protocol for each in wrong} == {"http", "grpc"}
    assert {(each.status, each.grpc) for each in seen} == {(200, None), (None, 0)}


def test_a_rollback_leaves_stable_as_it_was(ground: Lab, drift: Drift) -> None:
    """FM-1, ROL-9."""
    assert (drift.run.ended.outcome, drift.run.ended.weight) == ("rolled back", 0)
    assert ground.shares == {1: 100}
    assert ground.pids == drift.before


def test_ctrl_c_stops_at_a_safe_point_and_resume_goes_on_from_there(drift: Drift) -> None:
    """Row 4."""
    assert (drift.running["outcome"], drift.running["weight"]) == ("unfinished", STEP)
    assert drift.stopped_with == 130
    assert (drift.stopped["outcome"], drift.stopped["weight"]) == ("interrupted", STEP)
    assert drift.shares == {1: 100 - STEP, DRIFTING: STEP}
    advances = [each for each in drift.run.decisions() if each.verdict is Verdict.ADVANCE]
    assert [each.weight for each in advances] == [STEP], "done once, though it was resumed"


def test_who_promotes_what_is_being_promoted_is_told_by_whom(drift: Drift) -> None:
    """Row 5."""
    assert drift.second.returncode == 75
    assert f"(process {drift.run.process.pid} on " in drift.second.stderr
    assert f"resuming {MODEL} is being done by" in drift.second.stderr


def test_its_journal_answers_every_question(ground: Lab, drift: Drift) -> None:
    journal = str(drift.run.journal)
    history = json.loads(ground.promote("history", MODEL, "--json").stdout)
    (row,) = [each for each in history if each["where"] == journal]
    ended = drift.run.ended
    assert (row["version"], row["stable"], row["outcome"]) == (DRIFTING, 1, ended.outcome)
    assert row["reason"] == ended.reason

    explained = ground.promote("explain", journal).stdout
    assert f"rollback, weight {STEP} → 0 %" in explained
    assert re.search(r"of 20 golden samples canary got \d+ wrong, stable 0", explained)

    replayed = ground.promote("replay", journal, "--json")
    assert replayed.returncode == 0, replayed.stderr
    assert json.loads(replayed.stdout)["decisions"] == len(drift.run.told(Decided))

    page = ground.folder / "report.html"
    assert ground.promote("report", journal, "--to", str(page)).returncode == 0
    assert "rolled back" in page.read_text()
    assert not re.findall(r'(?:src|href)="', page.read_text())


def test_a_canary_that_hangs_is_rolled_back_and_nobody_misses_an_answer(ground: Lab) -> None:
    """Row 49: its server says nothing any more, neither well nor badly."""
    before = ground.pids
    with ground.promoting(SOUND) as run:
        run.until_at_weight()
        canary = ground.pids[f"{MODEL}-{SOUND}-1"]
        began = time.time()
        os.kill(canary, signal.SIGSTOP)
        run.until(lambda: ground.shares == {1: 100})
        os.kill(canary, signal.SIGCONT)  # or its end takes as long as a server may take for it
        assert run.wait() == 10
    over = time.time()
    assert (run.decisions()[-1].verdict, run.decisions()[-1].gate) == (Verdict.ROLLBACK, "errors")
    last = run.judged[-1].canary.counts
    assert 2 * last.errors > last.requests > 0
    assert f"updated Process {MODEL}-{SOUND}-1" not in run.said, "started again only to be ended"
    assert ground.shares == {1: 100}
    assert ground.pids == before

    seen = ground.requests(began, over - 2)
    assert {each.outcome for each in seen} <= {"right", "wrong"}, "the models' own, none is lost"
    answering = {int(each.due) for each in seen if each.version == 1}
    assert answering == set(range(min(answering), max(answering) + 1))


def test_a_running_promotion_is_aborted_by_somebody_else(ground: Lab) -> None:
    before = ground.pids
    with ground.promoting(SOUND) as run:
        run.until_at_weight()
        abort = ground.promote("abort", MODEL, "--reason", "callers complain", "--json")
        assert (abort.returncode, json.loads(abort.stdout)["taken_up"]) == (0, True)
        assert run.wait() == 10
    assert run.told(Decided)[-1].state.weight == STEP
    assert re.fullmatch(r"aborted: .+: callers complain", run.ended.reason)
    assert (ground.shares, ground.pids) == ({1: 100}, before)
    again = ground.promote("abort", MODEL, "--reason", "callers complain")
    assert again.returncode == 2
    assert "has ended, rolled back" in again.stderr


@pytest.mark.full
def test_a_version_whose_queue_grows_is_rolled_back_by_what_its_callers_wait(
    ground: Lab, built: Path
) -> None:
    """GAT-6."""
    alone = {"models": {MODEL: {"batching": {"enabled": False}}}}
    ground.publish(built, QUEUEING, {"delay_ms": DELAY_MS}, alone)
    with ground.promoting(QUEUEING) as run:
        assert run.wait() == 10
    decision = run.decisions()[-1]
    assert decision.verdict is Verdict.ROLLBACK
    assert decision.gate in ("queue", "pending", "p50", "p99")
    last = run.judged[-1]
    assert last.stable is not None
    waited, usual = last.canary.counts.queue_ms, last.stable.counts.queue_ms
    assert waited is not None
    assert usual is not None
    assert waited > 10 * usual
    assert ground.shares == {1: 100}


@dataclass(frozen=True, kw_only=True)
class Blinded:
    """Of a sound version, while Prometheus was away for a time."""

    run: Run
    up: subprocess.CompletedProcess[str]
    killed: float
    back: float
    ended_with: int


@pytest.fixture(scope="module")
def blinded(ground: Lab) -> Blinded:
    with ground.promoting(2) as run:
        run.until_at_weight()
        killed = time.time()
        os.kill(ground.pids["prometheus"], signal.SIGKILL)
        run.until(lambda: len(run.decisions(killed)) >= BLIND_DECISIONS)
        up = ground.stack.serving("local", "up")
        back = time.time()
        return Blinded(run=run, up=up, killed=killed, back=back, ended_with=run.wait())


@pytest.mark.full
def test_without_prometheus_the_weight_is_held_and_with_it_the_promotion_goes_on(
    ground: Lab, blinded: Blinded
) -> None:
    """ROL-8, rows 28 and 42."""
    assert (blinded.up.returncode, blinded.up.stderr) == (0, "  updated Process prometheus\n")
    after = blinded.run.decisions(blinded.killed)
    blind = after[: len(after) - len(blinded.run.decisions(blinded.back))]
    assert len(blind) >= BLIND_DECISIONS
    assert {(each.verdict, each.weight) for each in blind} == {(Verdict.HOLD, STEP)}
    reasons = [each.reason.partition(":")[0] for each in blind]
    assert reasons.count("prometheus-answers") >= BLIND_DECISIONS - 1  # the first was on its way
    assert blinded.ended_with == 0
    assert blinded.run.ended.outcome == "promoted"
    assert len(blinded.run.judged) > 2
    assert ground.shares == {2: 100}


@pytest.mark.full
def test_the_version_before_stays_until_it_is_retired(ground: Lab, blinded: Blinded) -> None:
    assert f"{MODEL}-1-1" in ground.pids
    retired = ground.promote("retire", MODEL, "--json")
    assert json.loads(retired.stdout) == {"model": MODEL, "version": 1, "retired": True}
    assert f"{MODEL}-1-1" not in ground.pids
    assert ground.shares == {2: 100}
    again = ground.promote("retire", MODEL)
    assert again.returncode == 2
    assert "keeps no previous version" in again.stderr
