"""A service's past, read back from its counters and replayed."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from serving.contract.model import ModelContract
from serving.errors import InputError, ServingError
from serving.promotion.arm import Side
from serving.promotion.calibrating import Calibrated, calibrated
from serving.promotion.gate import Rules
from serving.promotion.gateway import envoy
from serving.promotion.learnt import Learnt, keep, learnt_of, promise_of
from serving.promotion.metrics import LAG_SECONDS
from serving.promotion.past import past
from serving.promotion.prometheus import Answer, Failed, Prometheus
from serving.promotion.ready import Wish, ready
from tests.exporters import INTERVAL, Exporters
from tests.unit.serving.promotion.scripted import KIM, Town, town
from tests.unit.serving.promotion.test_metrics import START, Store

__all__ = ["town"]

SINCE = START + 4 * INTERVAL


def served(windows: int, pods: int = 3, errors: float = 0.01, seed: int = 1) -> Exporters:
    draw, exporters = random.Random(seed), Exporters()
    for i in range(windows + 8):
        bad = sum(draw.random() < errors for _ in range(60))
        exporters.serve(1, 60, pods=pods, errors=bad)
        exporters.scrape(START + i * INTERVAL)
    return exporters


@pytest.fixture
def remembered(town: Town, monkeypatch: pytest.MonkeyPatch) -> Town:
    remember(monkeypatch, served(60))
    return town


def remember(monkeypatch: pytest.MonkeyPatch, exporters: Exporters) -> None:
    store = Store(exporters)

    def ask(
        self: Prometheus, queries: Collection[str], at: float | None = None
    ) -> dict[str, Answer]:
        return store.ask(queries, at)

    monkeypatch.setattr(Prometheus, "ask", ask)


def side(contract: ModelContract) -> Side:
    return Side.of(contract, 1, envoy)


def test_the_past_is_the_windows_that_would_have_been_seen(remembered: Town) -> None:
    contract = remembered.models["digits"]
    until = SINCE + 10 * INTERVAL
    windows = list(past(Prometheus(""), side(contract), SINCE, until, 15.0, INTERVAL))
    assert len(windows) == 10
    assert [each.started for each in windows] == [SINCE + 15.0 * i for i in range(10)]
    for window in windows:
        assert window.stable is not None
        assert sorted(window.stable.pods) == ["digits-1-0", "digits-1-1", "digits-1-2"]
        assert window.stable.counts.requests == 180


def test_a_prometheus_that_does_not_tell_the_past_is_said(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(self: Prometheus, queries: Collection[str], at: float) -> dict[str, Answer]:
        return {query: Failed(query, "no answer within 30 s") for query in queries}

    monkeypatch.setattr(Prometheus, "ask", ask)
    with pytest.raises(ServingError, match="does not tell the past: no answer within 30 s"):
        list(past(Prometheus(""), side(town.models["digits"]), 0.0, 60.0, 15.0, 15.0))


def found(town: Town, windows: int = 60) -> Calibrated:
    """As it is told just after the last window."""
    ground, seconds = replace(town.ground, scrape_seconds=INTERVAL), windows * INTERVAL
    return calibrated(ground, "digits", seconds / 3600, SINCE + seconds + LAG_SECONDS)


def test_its_own_past_is_replayed_and_what_it_shows_is_kept(remembered: Town) -> None:
    result = found(remembered)
    assert (result.version, result.trial_windows, result.learnt.trials) == (1, 4, 15)
    assert result.learnt.rollbacks == 0
    assert not result.arms, "fifteen trials bound nothing"
    assert result.learnt.rules.dispersion.keys() == {"errors"}
    assert result.learnt.unmeasured == ("p99", "p50")
    kept, why = learnt_of(remembered.ground.leases, remembered.models["digits"], 15.0)
    assert (kept, why) == (result.learnt, "")
    assert Path(result.where).is_file()


def test_with_one_server_there_is_nothing_to_compare(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(monkeypatch, served(60, pods=1))
    with pytest.raises(InputError, match=r"had 1 servers .* expected two at least"):
        found(town)


def test_too_short_a_past_is_said_with_what_a_trial_takes(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(monkeypatch, served(3))
    with pytest.raises(InputError, match=r"3 usable windows .* one trial takes 4"):
        found(town, windows=3)


def test_a_model_without_a_stable_version_has_no_past(town: Town) -> None:
    town.table = {}
    with pytest.raises(InputError, match="no stable version yet"):
        found(town)


def learnt(contract: ModelContract, **changes: object) -> Learnt:
    usual = Learnt(
        rules=Rules(dispersion={"errors": 1.4}, witnesses="split"),
        trials=400,
        rollbacks=0,
        engine=changes.pop("engine", engine()),  # type: ignore[arg-type]
        promise=promise_of(contract, 15.0),
        at="2026-01-02T12:00:00+00:00",
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def engine() -> str:
    from serving.promotion.course import engine_version

    return engine_version()


def test_what_was_learnt_arms_the_next_promotion(town: Town) -> None:
    contract = town.models["digits"]
    keep(town.ground.leases, "digits", learnt(contract))
    made = ready(town.ground, Wish(model="digits", version=2), KIM, town.table["digits"])
    assert made.started.plan.armed
    assert made.started.rules.dispersion == {"errors": 1.4}
    assert made.started.rules.seed
    assert made.notices == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trials": 200}, "bounds false rollbacks only by 1.8%"),
        ({"engine": "older"}, "with another engine"),
        ({"promise": "sha256:0"}, "have changed since"),
    ],
)
def test_what_does_not_hold_any_more_arms_nothing(
    town: Town, changes: dict[str, object], said: str
) -> None:
    keep(town.ground.leases, "digits", learnt(town.models["digits"], **changes))
    made = ready(town.ground, Wish(model="digits", version=2), KIM, town.table["digits"])
    assert not made.started.plan.armed
    assert said in made.notices[0]
