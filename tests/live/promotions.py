"""Promotions by the real command, each a process of its own, on one local stack under load."""

from __future__ import annotations

import json
import math
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from serving.demo.sending import sending
from serving.load import Request, read
from serving.promotion.answers import MOST_SAMPLES
from serving.promotion.course import Course
from serving.promotion.decision import Decision
from serving.promotion.envoy_route import EnvoyRoute
from serving.promotion.journal import readable
from serving.promotion.journal_file import SUFFIX, FileStore
from serving.promotion.latest import read as read_journal
from serving.promotion.measurement import Window
from serving.promotion.record import Decided, Ended, Observed
from serving.stacks.local.issuer import Issuer
from serving.stacks.local.status import addresses, processes
from tests.live.samples import held_out
from tests.live.stacks import ROOT, LocalStack, local_stack

MODEL: Final = "digits"
STEP: Final = 25
"""The only weight between none and all."""
RATE: Final = 100.0
"""Requests a second, half of them over gRPC."""
GOLDEN: Final = range(20, 20 + MOST_SAMPLES)
"""Held-out images that the first two versions read right."""
PATIENCE_SECONDS: Final = 120.0
POLL_SECONDS: Final = 0.2

T = TypeVar("T")


@dataclass(frozen=True)
class Lab:
    stack: LocalStack
    folder: Path

    @property
    def shares(self) -> Mapping[int, int]:
        """Percent by version, as the gateway has them in force."""
        place = self.stack.place
        return EnvoyRoute(addresses(place).gateway_admin, place.envoy / "routes.json").shares(MODEL)

    @property
    def pids(self) -> Mapping[str, int]:
        """Of what lives, by name."""
        return {each.name: each.pid for each in processes(self.stack.place) if each.alive}

    def publish(
        self,
        built: Path,
        version: int,
        faults: Mapping[str, Any] | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> None:
        """Version 2 under another number, with what goes wrong on purpose."""
        to = self.folder / MODEL / f"{version}"
        shutil.copytree(built / MODEL / "2", to)
        (to / "faults.json").write_text(json.dumps(faults or {}))
        if overrides:
            contract = self.stack.place.project / "platform" / "models" / f"{MODEL}.yaml"
            document = yaml.safe_load(contract.read_text())
            document["versions"][version] = {"overrides": overrides}
            contract.write_text(yaml.safe_dump(document, sort_keys=False))
        self.stack.publish(MODEL, self.folder, version)

    def promote(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.stack.serving("promote", *arguments)

    def status(self) -> Mapping[str, Any]:
        """Of the last promotion."""
        status: Mapping[str, Any] = json.loads(self.promote("status", MODEL, "--json").stdout)
        return status

    @contextmanager
    def promoting(self, version: int) -> Iterator[Run]:
        run = Run(self.stack)
        run.begin("run", f"{MODEL}={version}", "--waive", "the stack is minutes old")
        try:
            yield run
        finally:
            run.kill()

    def requests(self, since: float, until: float = math.inf) -> list[Request]:
        """Due between two seconds of the epoch, and over by now."""
        load = read(self.folder / "load.jsonl")
        return [each for each in load.requests if since <= load.began + each.due <= until]


class Run:
    """One promotion: who runs it at the moment, and its journal."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        self._folder = stack.place.promotions / MODEL
        self._others = set(self._folder.glob("*"))
        self._log = stack.place.root / f"promoter-{len(self._others)}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self, *arguments: str) -> None:
        """`serving promote …`, once nobody else runs it."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "serving.cli", "promote", *arguments, "--json"],
                env=self._stack.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def wait(self) -> int:
        """Its exit code."""
        return self.process.wait(PATIENCE_SECONDS)

    def interrupt(self) -> int:
        """As Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def said(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def journal(self) -> Path | None:
        """None before its first record."""
        return next(iter(set(self._folder.glob(f"*{SUFFIX}")) - self._others), None)

    @property
    def course(self) -> Course | None:
        journal = self.journal
        return read_journal(FileStore(journal)).course if journal else None

    def told(self, kind: type[T], since: float = 0.0) -> list[T]:
        """What was recorded from a second of the epoch on."""
        journal = self.journal
        records = readable(FileStore(journal), lambda _: None) if journal else ()
        return [
            record.body
            for record in records
            if isinstance(record.body, kind)
            and datetime.fromisoformat(record.at).timestamp() >= since
        ]

    def decisions(self, since: float = 0.0) -> list[Decision]:
        return [each.decision for each in self.told(Decided, since)]

    @property
    def judged(self) -> list[Window]:
        """At weight."""
        windows = [each.window for each in self.told(Observed)]
        return [window for window in windows if window.weight and not window.unmet]

    @property
    def ended(self) -> Ended:
        return self.told(Ended)[-1]

    def until(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not reached():
            assert self.process.poll() is None, f"it ended before:\n{self.said[-4000:]}"
            assert time.monotonic() < deadline, f"it never came so far:\n{self.said[-4000:]}"
            time.sleep(POLL_SECONDS)

    def until_at_weight(self) -> None:
        self.until(lambda: (course := self.course) is not None and course.state.weight == STEP)


@contextmanager
def lab(folder: Path, built: Path) -> Iterator[Lab]:
    """Version 1 is stable, and callers use it."""
    with local_stack(folder, contracts={MODEL: _contract()}) as stack:
        stack.publish(MODEL, built, 1, 2)
        stack.configure(releases={MODEL: {"stable": 1}})
        stack.up()
        token = Issuer(stack.place.keys).issue("vision", "tests", 3600)
        gateway = addresses(stack.place).gateway
        with sending(gateway, {MODEL: RATE}, {MODEL: token}, built, folder / "load.jsonl"):
            made = Lab(stack, folder)
            _await_traffic(made)
            yield made


def _await_traffic(lab: Lab) -> None:
    """A promotion is refused before Prometheus has seen enough of it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (plan := lab.promote("plan", f"{MODEL}=2")).returncode:
        assert time.monotonic() < deadline, plan.stderr
        time.sleep(1)


def _contract() -> Mapping[str, Any]:
    """The example's, with as short a rollout as there can be, and more golden requests."""
    document = yaml.safe_load((ROOT / "platform" / "models" / f"{MODEL}.yaml").read_text())
    samples = held_out(MODEL)
    document["runtime"]["models"][MODEL]["golden"] = [
        {
            "inputs": {"image": samples["image"][number].tolist()},
            "outputs": {"label": [int(samples["label"][number])]},
        }
        for number in GOLDEN
    ]
    return {
        "runtime": document["runtime"],
        "slo": {"p50_ms": 50, "p99_ms": 250},  # room for two busy processors
        "rollout": {"steps": [STEP], "min_step_seconds": 1},
    }
