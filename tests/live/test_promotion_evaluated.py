"""A model that answers in text: graded by a judge, tested under load, promoted. ROL-13.

The judge is a double, since no model of its size runs here; it is asked over HTTP as a real one
is. All else is real.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from serving.promotion.journal import readable
from serving.promotion.journal_file import SUFFIX, FileStore
from serving.promotion.phases import Phase
from serving.promotion.record import Effect, Intent, Observed
from tests.chats import Chat, chatting
from tests.live.stacks import LocalStack, local_stack

pytestmark = pytest.mark.live

MODEL: Final = "tickets"
QUESTIONS: Final = (
    ("the reset mail for my password never comes", "access"),
    ("Again: my parcel is 9 days late", "delivery"),
)


@dataclass
class Strict:
    """A judge that finds nothing right until it is told to look."""

    looks: bool = False
    seen: list[Mapping[str, str]] = field(default_factory=list)

    def __call__(self, body: Mapping[str, Any]) -> str:
        shown = json.loads(body["messages"][1]["content"])
        self.seen.append(shown)
        right = self.looks and shown["answer"] == shown["reference"]
        return json.dumps({"reason": "compared word by word", "grade": 5 if right else 1})


@pytest.fixture(scope="module")
def judge() -> Iterator[tuple[Strict, Chat]]:
    strict = Strict()
    with chatting(strict) as server:
        yield strict, server


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, built: Path, judge: tuple[Strict, Chat]
) -> Iterator[LocalStack]:
    folder = tmp_path_factory.mktemp("evaluated")
    contracts = {MODEL: _contract(judge[1].base)}
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SERVING_STATE", str(folder))
        with local_stack(folder, contracts=contracts) as made:
            made.publish(MODEL, built, 1)
            made.up()
            yield made


def _contract(judge: str) -> Mapping[str, Any]:
    questions = [{"ask": ask, "reference": reference} for ask, reference in QUESTIONS]
    evaluation = {"judge": judge, "model": "judge-large", "questions": questions}
    return {
        "slo": {"p50_ms": 250, "p99_ms": 1000, "queue_ms": 500},  # other tests run beside
        "scaling": {"replica_rps": 100},
        "rollout": {"steps": [25], "min_step_seconds": 1, "evaluation": evaluation},
    }


def bodies(stack: LocalStack) -> list[object]:
    """What the last journal says."""
    journal = max((stack.place.promotions / MODEL).glob(f"*{SUFFIX}"))
    return [record.body for record in readable(FileStore(journal), lambda _: None)]


def test_the_plan_names_what_comes_before_the_first_user(stack: LocalStack) -> None:
    plan = stack.serving("promote", "plan", f"{MODEL}=1").stdout
    assert "golden requests, then an evaluation of 2 answers by judge-large" in plan
    assert "then a load test against the SLO" in plan


def test_a_version_that_the_judge_refuses_is_removed_again(
    stack: LocalStack, judge: tuple[Strict, Chat]
) -> None:
    ended = stack.serving("promote", "run", f"{MODEL}=1")
    assert ended.returncode == 10, ended.stdout + ended.stderr
    assert "mean grade 1.00 of 2 answers, by judge-large, but at least 4" in ended.stdout
    assert sorted(each["answer"] for each in judge[0].seen) == ["access", "delivery"]
    assert not [body for body in bodies(stack) if isinstance(body, Observed)]
    document = yaml.safe_load(stack.project.file.read_text())
    assert not document["config"].get("serving:releases")


def test_a_version_that_it_accepts_holds_a_load_and_then_takes_every_request(
    stack: LocalStack, judge: tuple[Strict, Chat]
) -> None:
    judge[0].looks = True
    ended = stack.serving("promote", "run", f"{MODEL}=1", "--waive", "nothing is known yet")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    said = bodies(stack)
    effects = [body.detail for body in said if isinstance(body, Effect)]
    assert "mean grade 5.00 of 2 answers, by judge-large" in effects
    tested = [body.window for body in said if isinstance(body, Observed) if not body.window.weight]
    assert sum(window.canary.counts.requests for window in tested if not window.unmet) > 100
    actions = [body.action for body in said if isinstance(body, Intent)]
    assert actions[-2:] == [Phase.EVALUATE, Phase.PROMOTE]
    status = json.loads(stack.serving("promote", "status", MODEL, "--json").stdout)
    assert (status["outcome"], status["weight"]) == ("promoted", 100)
