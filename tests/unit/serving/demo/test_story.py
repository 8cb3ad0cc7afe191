"""What became of a promotion, from records that were really judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from serving.demo.story import Story
from serving.promotion.follow import follow
from serving.promotion.journal import Journal
from serving.promotion.journal_file import FileStore
from serving.promotion.phases import Phase
from serving.promotion.record import Effect, Ended, Intent
from tests.unit.serving.promotion.recorded import NOON, Promotion, simulated, started


def told(path: Path) -> Story:
    story = Story()
    follow(FileStore(path), story.heard, runs=lambda: False, sleep=lambda _: None)
    return story


def test_a_good_version_has_its_weights_and_no_gate(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    Promotion(FileStore(path), started(), simulated(1, 400)).run()
    story = told(path)
    assert (story.outcome, story.gate) == ("promoted", "")
    assert [weight for _, weight in story.weights] == [0, *started().plan.steps, 100]
    assert story.began == NOON.timestamp() + 0.0
    assert story.at > story.weights[-2][0]


def test_a_bad_version_has_the_gate_that_caught_it(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    Promotion(FileStore(path), started(), simulated(1, 200, errors=0.2)).run()
    story = told(path)
    assert (story.outcome, story.gate) == ("rolled back", "errors")
    assert story.weights[-1][1] == 0


def test_what_failed_before_any_traffic_is_told_by_its_phase(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    journal = Journal(FileStore(path), lambda: NOON)
    journal.append(replace(started(), version=6))
    for phase, confirmed in ((Phase.VERIFY, True), (Phase.DEPLOY, False), (Phase.REMOVE, True)):
        journal.append(Intent(action=phase, fence=1))
        journal.append(Effect(confirmed=confirmed, detail="" if confirmed else "no model.onnx"))
    journal.append(Ended(outcome="rolled back", weight=0, reason="no model.onnx"))
    story = told(path)
    assert (story.outcome, story.gate) == ("rolled back", str(Phase.DEPLOY))
    assert [weight for _, weight in story.weights] == [0]
