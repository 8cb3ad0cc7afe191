"""A ground on which whole promotions run in a moment: traffic is scripted, journals are real."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from serving.contract.model import ModelContract, Rollout, Slo, Version
from serving.errors import InputError, ServingError
from serving.promotion.course import Course
from serving.promotion.events import Receiver
from serving.promotion.gateway import envoy
from serving.promotion.ground import Endpoint, Ground
from serving.promotion.measurement import Arm, Counts, Unmet, Window
from serving.promotion.metrics import PrometheusMetrics
from serving.promotion.ready import Person
from serving.promotion.record import Record
from serving.promotion.route import shares_of
from serving.promotion.setting import Setting
from serving.promotion.stack import Changes, Still, UpdateFailed, always, merged
from serving.promotion.tally import Subject, Tally
from serving.settings import Release
from tests.unit.serving.contract.contracts import DIGITS, sound
from tests.unit.serving.promotion.recorded import Traffic, simulated

KIM = Person(who="kim", commit="0a1b2c3")
HEALTHY = simulated(1, 400)
HARMFUL = simulated(1, 400, errors=0.3, since=8)
MIRRORED = 20
"""Percent of the requests."""
SECONDS = 15
"""Of a window, as the traffic has it; nobody waits for it."""


def digest(number: int) -> str:
    return f"sha256:{number:064d}"


def model(name: str = "digits", versions: int = 3) -> ModelContract:
    return sound(DIGITS).model_copy(
        update={
            "name": name,
            "slo": Slo(p50_ms=50, p99_ms=250, error_rate=0.005),
            "rollout": Rollout(
                steps=(5, 10, 50),
                min_step_seconds=SECONDS,
                gates=frozenset(("errors", "p99", "p50", "slowdown", "queue", "pending")),
            ),
            "versions": {
                n: Version(digest=digest(n), contract=digest(9), source="s3://models")
                for n in range(1, versions + 1)
            },
        }
    )


@dataclass
class Town:
    folder: Path
    table: Mapping[str, Release] = field(
        default_factory=lambda: {"digits": Release(stable=1), "words": Release(stable=1)}
    )
    models: dict[str, ModelContract] = field(
        default_factory=lambda: {name: model(name) for name in ("digits", "words")}
    )
    traffic: Mapping[str, Traffic] = field(
        default_factory=lambda: {"digits": HEALTHY, "words": HEALTHY}
    )
    servers: Mapping[int, tuple[Endpoint, ...]] = field(default_factory=dict)
    config: str = "sha256:1f"
    unpublished: str = ""
    """What is wrong with the files of any version."""
    receivers: tuple[Receiver, ...] = ()
    split: dict[str, Mapping[int, int]] = field(default_factory=dict)
    updates: list[Changes] = field(default_factory=list)
    drained: list[tuple[str, int, int]] = field(default_factory=list)
    """Model, version and the share it had."""
    failing: Callable[[Changes], str] = lambda changes: ""
    windows: dict[tuple[str, int], int] = field(default_factory=dict)
    rps: float = 60.0
    """Of stable, before the start."""
    unmet: tuple[Unmet, ...] = ()
    """Before the start."""
    at_window: Callable[[str, int], None] = lambda model, number: None
    stop: threading.Event = field(default_factory=threading.Event)
    records: list[tuple[str, Record]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.split |= {name: shares_of(release) for name, release in self.table.items()}

    @property
    def ground(self) -> Ground:
        return Ground(
            stack=self,
            file=self.folder / "Pulumi.dev.yaml",
            route=self,
            prometheus="http://127.0.0.1:9",
            gateway=envoy,
            scrape_seconds=1.0,
            window_seconds=float(SECONDS),
            journals=str(self.folder / "promotions"),
            leases=str(self.folder / "leases"),
            config_digest=lambda: self.config,
            contract=self.contract,
            published=self.published,
            verify=self.verify,
            endpoints=lambda model, version: self.servers.get(version, ()),
            receivers=self.receivers,
        )

    @property
    def setting(self) -> Setting:
        def heard(course: Course, record: Record) -> None:
            self.records.append((course.started.model, record))

        clock = itertools.count(0.0, 1000.0).__next__
        return Setting(ground=self.ground, person=KIM, heard=heard, stop=self.stop, clock=clock)

    def contract(self, model: str) -> ModelContract:
        if model not in self.models:
            raise InputError(f"{model}: is no model")
        return self.models[model]

    def published(self, model: str, version: int) -> ModelContract:
        return self.contract(model).model_copy(update={"versions": {}})

    def verify(self, model: str, version: int) -> None:
        if self.unpublished:
            raise ServingError(self.unpublished)

    # the stack
    def deployed(self) -> Mapping[str, Release]:
        return self.table

    def locked_by(self) -> str:
        return ""

    def apply(self, changes: Changes, patience: float, still: Still = always) -> None:
        if problem := self.failing(changes):
            raise UpdateFailed(problem)
        self.updates.append(changes)
        self.table = merged(self.table, changes)
        for name in changes:
            release = self.table.get(name)
            self.split[name] = shares_of(release) if release else {}

    # the route
    def shares(self, model: str) -> Mapping[int, int]:
        return self.split.get(model, {})

    def change(self, model: str, shares: Mapping[int, int]) -> None:
        self.split[model] = shares

    def drain(self, model: str, version: int, seconds: float) -> None:
        assert seconds > 10
        self.drained.append((model, version, self.shares(model).get(version, 0)))

    # metrics
    def observe(
        self, subject: Subject, weight: int, tally: Tally, past: Mapping[str, int] | None = None
    ) -> tuple[Window, Tally]:
        name = subject.contract.name
        if subject.stable is None and not past:
            return self._recent(name), tally
        key = (name, subject.canary)
        number = self.windows.get(key, 0)
        self.at_window(name, number)
        self.windows[key] = number + 1
        window = self.traffic[name][number](MIRRORED if subject.mirrored else weight)
        window = replace(window, weight=weight)
        if subject.stable is None:
            window = replace(window, stable=None, canary=Arm())
        return window, replace(tally, until=window.started + SECONDS)

    def _recent(self, name: str) -> Window:
        if self.unmet:
            return Window(started=0.0, seconds=9.0, weight=100, unmet=self.unmet)
        requests = int(self.rps * 9)
        slower = (requests,) * 2 + (0,) * 13
        counts = Counts(requests=requests, slower=slower)
        return Window(started=0.0, seconds=9.0, weight=100, canary=Arm(counts=counts))


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    made = Town(tmp_path)
    runtime = made.models["digits"].runtime.model_copy(update={"models": silent(made)})
    for name in made.models:
        made.models[name] = made.models[name].model_copy(update={"runtime": runtime})

    def observe(self: object, *what: object) -> tuple[Window, Tally]:
        return made.observe(*what)  # type: ignore[arg-type]

    monkeypatch.setattr("serving.promotion.engine.PAUSES_SECONDS", (0.0, 0.0))
    monkeypatch.setattr(PrometheusMetrics, "observe", observe)
    monkeypatch.setattr(PrometheusMetrics, "validate", lambda self, subject: None)
    return made


def silent(town: Town) -> dict[str, object]:
    """Models without golden requests: nobody has to answer them."""
    models = town.models["digits"].runtime.models  # type: ignore[union-attr]
    return {name: each.model_copy(update={"golden": ()}) for name, each in models.items()}
