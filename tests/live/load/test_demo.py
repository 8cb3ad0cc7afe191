"""`serving demo` as a newcomer runs it: every promotion of it, under load, with what it claims."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from serving.demo.facts import FACTS, Facts, Promotion
from serving.demo.scenario import MODEL, NEIGHBOUR, RATES, SCENARIO
from serving.promotion.journal import records
from serving.promotion.place import open_store
from serving.promotion.replay import replay

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[3]
SERVING = [sys.executable, "-m", "serving.cli"]
MINUTES = 8
"""Never above it; about five on two processors that do nothing else."""


@dataclass(frozen=True)
class Demo:
    state: Path
    run: subprocess.CompletedProcess[str]
    facts: Facts
    page: str
    changed: str
    """In the checkout."""

    def of(self, version: int) -> Sequence[Promotion]:
        return [each for each in self.facts.promotions if each.version == version]

    def shell(self, script: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"SERVING_STATE": str(self.state)}
        return subprocess.run(
            ["bash", "-euc", script], cwd=ROOT, env=environment, capture_output=True, text=True,
            check=False, timeout=60,
        )  # fmt: skip


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo")
    files = {"--json": folder / "facts.json", "--report": folder / "report.html"}
    options = [text for name, path in files.items() for text in (name, str(path))]
    environment = os.environ | {"SERVING_STATE": str(folder / "state")}
    before = changes()
    try:
        run = subprocess.run(
            [*SERVING, "demo", "--keep", *options],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
            timeout=60 * MINUTES,
        )  # fmt: skip
        sys.stdout.write(run.stdout)
        assert files["--json"].exists(), run.stderr
        facts = FACTS.validate_json(files["--json"].read_bytes())
        changed = "" if changes() == before else changes()
        yield Demo(folder / "state", run, facts, files["--report"].read_text(), changed)
    finally:
        down = [*SERVING, "local", "down", "--stack", "demo", "--purge"]
        subprocess.run(down, cwd=ROOT, env=environment, capture_output=True, check=False)
    assert not list((folder / "state").glob("demo/*")), "something was left behind"


def changes() -> str:
    command = ["git", "status", "--porcelain"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_every_promotion_ends_as_it_has_to(demo: Demo) -> None:
    """FM-1, ROL-1, ROL-3."""
    assert demo.run.returncode == 0, demo.run.stderr
    assert [each.problem for each in demo.facts.promotions] == [""] * len(SCENARIO)
    assert [each.version for each in demo.facts.promotions] == [act.version for act in SCENARIO]
    assert demo.facts.problems == []
    (promoted,) = [each for each in demo.facts.promotions if each.outcome == "promoted"]
    assert promoted.weights[-1][1] == 100
    for each in demo.facts.promotions:
        assert each is promoted or each.weights[-1][1] == 0


def test_no_request_is_lost_by_promotion_or_rollback(demo: Demo) -> None:
    facts = demo.facts
    assert facts.lost == facts.lost_to_kill
    assert facts.refused == 0
    assert facts.requests > sum(RATES.values()) * facts.seconds - 10
    assert facts.requests < sum(RATES.values()) * facts.seconds + 10
    assert min(sum(t.http for t in facts.totals), sum(t.grpc for t in facts.totals)) > 5000


def test_what_could_not_be_good_was_shown_to_nobody(demo: Demo) -> None:
    for version in (5, 6):
        (promotion,) = demo.of(version)
        assert promotion.exposed == 0
        assert [weight for _, weight in promotion.weights] == [0]


def test_a_bad_version_reaches_few_and_for_a_short_time(demo: Demo) -> None:
    for version in (3, 4):
        (promotion,) = demo.of(version)
        assert 0 < promotion.exposed < 0.1 * demo.facts.requests
        assert max(weight for _, weight in promotion.weights) == 10


def test_the_killed_promoter_went_on_where_it_was(demo: Demo) -> None:
    (promotion,) = [e for e in demo.facts.promotions if e.disturbance == "promoter killed"]
    ((killed, _),) = promotion.events
    before = [weight for at, weight in promotion.weights if at <= killed]
    after = [weight for at, weight in promotion.weights if at > killed]
    assert before == [0, 10, 50]
    assert after == [95, 100]


def test_the_neighbour_has_noticed_nothing(demo: Demo) -> None:
    (tickets,) = [total for total in demo.facts.totals if total.model == NEIGHBOUR]
    assert (tickets.version, tickets.lost, tickets.errors) == (1, 0, 0)
    assert tickets.p50_ms is not None
    assert tickets.p50_ms < 100


def test_callers_were_answered_in_time(demo: Demo) -> None:
    """SCP-3."""
    for total in demo.facts.totals:
        if total.model == MODEL and total.version in (1, 2):
            assert total.p50_ms is not None
            assert total.p50_ms < 100


def test_each_journal_replays(demo: Demo) -> None:
    for each in demo.facts.promotions:
        assert replay(records(open_store(each.journal))).difference is None


def test_the_page_needs_nothing_but_itself(demo: Demo) -> None:
    assert "every promotion ended as expected" in demo.page
    assert not re.findall(r'(?:src|href)="', demo.page)


def test_the_checkout_is_as_it_was(demo: Demo) -> None:
    assert demo.changed == ""


def test_what_it_says_to_try_works(demo: Demo) -> None:
    said = demo.run.stdout[demo.run.stdout.index("Try next:") :]
    lines = said.split("\n\n")[1:4]
    first, heredoc, others = lines
    answer = demo.shell(first)
    assert '"name":"label"' in answer.stdout, answer.stderr
    export = first.splitlines()[0]
    answer = demo.shell(f"{export}\n{heredoc}")
    assert answer.stdout == "[[1]] [1]\n", answer.stderr
    for line in others.splitlines():
        if "promote run" not in line and "dashboard" not in line and "local down" not in line:
            tried = demo.shell(line)
            assert tried.returncode == 0, f"{line}\n{tried.stderr}"


def test_it_shows_a_digit_that_it_has_never_seen(demo: Demo) -> None:
    (truth,) = re.findall(r"A digit it has never seen, a (\d):", demo.run.stdout)
    assert re.findall(r"^(http|grpc): (\d), from version 1", demo.run.stdout, re.MULTILINE) == [
        ("http", truth),
        ("grpc", truth),
    ]


def test_outside_of_the_repository_it_says_where_to_run_it(tmp_path: Path) -> None:
    environment = os.environ | {"SERVING_STATE": str(tmp_path / "state")}
    run = subprocess.run(
        [*SERVING, "demo"], cwd=tmp_path, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert run.returncode == 2
    assert run.stderr == (
        "examples/build.py is not here: run the demo from a checkout of the repository\n"
    )
    assert not (tmp_path / "state").exists()
