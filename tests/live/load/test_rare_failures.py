"""What seldom goes wrong, on the real programs: promotions by the real command, under load."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import pytest
import yaml

from serving.promotion.decision import Verdict
from serving.promotion.record import Observed
from serving.stacks.local.status import processes
from tests.live.observed import PATIENCE_SECONDS, publish, until
from tests.live.promotions import MODEL, STEP, Lab, Run, lab

pytestmark = [pytest.mark.live, pytest.mark.full]

BREAKING, HALF, SLOW, SLOW_AT_FIRST, SOUND = 10, 30, 40, 50, 60
"""Versions from here on, in the order in which they come."""
POLLED_SECONDS: Final = 20.0
"""Triton would look each 15 s for what is new in its folder, if it looked at all."""

SLOWNESS: Final = """
import random
_execute = TritonPythonModel.execute

def _slow(self, requests):
    if random.random() < {share}:
        time.sleep({seconds})
    return _execute(self, requests)

TritonPythonModel.execute = _slow
"""
SLOWNESS_AT_FIRST: Final = """
_execute = TritonPythonModel.execute
_executed = 0

def _slow(self, requests):
    global _executed
    _executed += 1
    if _executed <= 3:
        time.sleep(1.0)
    return _execute(self, requests)

TritonPythonModel.execute = _slow
"""
SLOW_GATES: Final = ("p50", "p99", "slowdown", "queue", "pending")

KILLED_HALF_WAY: Final = """
import os, signal, sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from serving.registry.folder import Folder
from serving.registry.folder_store import FolderStore
from serving.registry.model_file import read
from serving.registry.publish import Candidate, publish

contract, version, source, store = sys.argv[1:]

@contextmanager
def meter(what, total):
    left = total / 2
    def advance(size):
        nonlocal left
        left -= size
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
    yield advance

candidate = Candidate(
    model=read(Path(contract)), version=int(version), source=Folder(Path(source)),
    origin="the tests", created=datetime.now(UTC).replace(microsecond=0),
)
publish(candidate, FolderStore(Path(store)), meter)
"""


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("rare")
    with pytest.MonkeyPatch.context() as environment, lab(folder, built) as made:
        environment.setenv("SERVING_STATE", str(folder))
        yield made


IMAGE: Final = {"type": "FP32", "shape": [8, 8]}
LABEL: Final = {"type": "INT64", "shape": [1]}
PROBABILITIES: Final = {"type": "FP32", "shape": [10]}
INPUTS: Final = {"image": IMAGE}
OUTPUTS: Final = {"label": LABEL, "probabilities": PROBABILITIES}
SCHEMAS: Final[Mapping[str, tuple[Mapping[str, Any], str]]] = {
    "an input is renamed": (
        {"inputs": {"picture": IMAGE}},
        "inputs.image: was renamed to picture",
    ),
    "an input of another type": (
        {"inputs": {"image": IMAGE | {"type": "FP64"}}},
        "inputs.image.type: FP32 became FP64",
    ),
    "an input of another shape": (
        {"inputs": {"image": IMAGE | {"shape": [64]}}},
        "inputs.image.shape: [8, 8] became [64]",
    ),
    "one more input": (
        {"inputs": INPUTS | {"age": {"type": "FP32", "shape": [1]}}},
        "inputs.age: is asked for; requests without it are refused",
    ),
    "an output is renamed": (
        {"outputs": {"digit": LABEL, "probabilities": PROBABILITIES}},
        "outputs.label: was renamed to digit",
    ),
    "an output is gone": (
        {"outputs": {"label": LABEL}},
        "outputs.probabilities: is gone; callers that read it miss it",
    ),
    "an output of another type": (
        {"outputs": OUTPUTS | {"label": LABEL | {"type": "INT32"}}},
        "outputs.label.type: INT64 became INT32",
    ),
    "an output of another shape": (
        {"outputs": OUTPUTS | {"probabilities": PROBABILITIES | {"shape": [11]}}},
        "outputs.probabilities.shape: [10] became [11]",
    ),
    "a smaller batch": (
        {"max_batch_size": 16},
        "max_batch_size: was lowered from 32 to 16; larger requests are refused",
    ),
    "no batches": (
        {"max_batch_size": 0, "batching": {"enabled": False}},
        "max_batch_size: the batch dimension is gone from every tensor",
    ),
}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_version_that_breaks_its_callers_is_refused_before_anything_is_changed(
    ground: Lab, built: Path, schema: str
) -> None:
    """Row 52."""
    before, version = ground.pids, BREAKING + [*SCHEMAS].index(schema)
    change, told = SCHEMAS[schema]
    with published_with(ground, change):
        publish(ground.stack, built / MODEL / "2", ground.folder, version, model=MODEL)
    refused = ground.promote("run", f"{MODEL}={version}", "--waive", "no history")
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert f"version {version} breaks callers of stable version 1: " in refused.stderr
    assert f"runtime.models.{MODEL}.{told}" in refused.stderr
    assert (ground.pids, ground.shares) == (before, {1: 100})


@contextmanager
def published_with(ground: Lab, change: Mapping[str, Any]) -> Iterator[None]:
    """What is published meanwhile; overrides are merged, and could take nothing away."""
    described = described_in(read_contract(ground)) | change
    inputs, outputs = described["inputs"], described["outputs"]
    first = next(iter(outputs))
    described["golden"] = [
        {"inputs": zeroes(inputs), "outputs": zeroes({first: outputs[first]})},
    ]
    before, changed = read_contract(ground), read_contract(ground)
    changed["runtime"]["models"][MODEL] = described
    write_contract(ground, changed)
    try:
        yield
    finally:
        write_contract(ground, read_contract(ground) | {"runtime": before["runtime"]})


def zeroes(tensors: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        name: np.zeros(tensor["shape"], int if "INT" in tensor["type"] else float).tolist()
        for name, tensor in tensors.items()
    }


def described_in(document: Mapping[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = document["runtime"]["models"][MODEL]
    return described


def read_contract(ground: Lab) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(contract_of(ground).read_text())
    return document


def write_contract(ground: Lab, document: Mapping[str, Any]) -> None:
    contract_of(ground).write_text(yaml.safe_dump(document, sort_keys=False))


def contract_of(ground: Lab) -> Path:
    return ground.stack.place.project / "platform" / "models" / f"{MODEL}.yaml"


def test_half_a_version_is_not_there_for_anybody(ground: Lab, built: Path) -> None:
    """Row 46: its publisher was killed."""
    store, before = ground.stack.place.store, ground.pids
    arguments = [contract_of(ground), HALF, built / MODEL / "2", store]
    code = [sys.executable, "-c", KILLED_HALF_WAY, *map(str, arguments)]
    assert subprocess.run(code, check=False).returncode == -signal.SIGKILL
    assert [*(store / MODEL).glob(".aside-*")], "it was killed while it wrote"
    refused = ground.promote("run", f"{MODEL}={HALF}", "--waive", "no history")
    assert refused.returncode == 2
    assert f"version {HALF} is not published" in refused.stderr

    ground.stack.configure(releases={MODEL: {"stable": 1, "canary": HALF, "weight": 50}})
    refused = ground.stack.serving("local", "up")
    assert refused.returncode != 0
    assert f"{MODEL}: version {HALF} was never published" in refused.stderr
    ground.stack.configure(releases={MODEL: {"stable": 1}})
    assert (ground.pids, ground.shares) == (before, {1: 100})


def test_half_a_copy_in_the_folder_of_a_server_is_never_loaded(ground: Lab, built: Path) -> None:
    """Row 46: neither while it runs nor when it is started again."""
    served = ground.stack.place.store / MODEL / "1" / MODEL
    half = served / f"{HALF}"
    served.chmod(0o755)
    half.mkdir()
    whole = (built / MODEL / "2" / "model.py").read_bytes()
    (half / "model.py").write_bytes(whole[: len(whole) // 2])
    try:
        deadline = time.monotonic() + POLLED_SECONDS
        while time.monotonic() < deadline:
            assert (is_ready(ground, 1), is_ready(ground, HALF)) == (True, False)
            time.sleep(1)
        os.kill(ground.pids[f"{MODEL}-1-1"], signal.SIGKILL)
        assert ground.stack.serving("local", "up").returncode == 0
        assert (is_ready(ground, 1), is_ready(ground, HALF)) == (True, False)
    finally:
        shutil.rmtree(half)
        served.chmod(0o555)


def is_ready(ground: Lab, version: int) -> bool:
    """On the server of version 1."""
    (server,) = [one for one in processes(ground.stack.place) if one.name == f"{MODEL}-1-1"]
    path = f"/v2/models/{MODEL}/versions/{version}/ready"
    return httpx.get(f"http://127.0.0.1:{server.ports['http']}{path}", timeout=20).is_success


@contextmanager
def promoting(ground: Lab, version: int) -> Iterator[Run]:
    """Once it is known again what stable does: programs were killed a moment ago."""
    planned = ["plan", f"{MODEL}={version}"]
    until(lambda: ground.promote(*planned).returncode == 0, "it cannot start", 2 * PATIENCE_SECONDS)
    with ground.promoting(version) as run:
        yield run


@pytest.mark.parametrize(
    ("number", "share", "seconds"),
    [(0, 1.0, 0.2), (1, 0.6, 0.08), (2, 0.03, 0.4)],
    ids=["ten times as slow", "slow for most", "slow for few"],
)
def test_a_version_that_is_slow_for_some_is_rolled_back(
    ground: Lab, built: Path, number: int, share: float, seconds: float
) -> None:
    """Row 50."""
    version, more = SLOW + number, SLOWNESS.format(share=share, seconds=seconds)
    publish(ground.stack, built / MODEL / "2", ground.folder, version, model=MODEL, more=more)
    with promoting(ground, version) as run:
        assert run.wait() == 10, run.said
    decision = run.decisions()[-1]
    assert decision.verdict is Verdict.ROLLBACK
    assert decision.gate in SLOW_GATES or not answered_in_time(run), decision.reason
    assert ground.shares == {1: 100}


def answered_in_time(run: Run) -> bool:
    """What golden requests ask for."""
    answers = [each.window.answers for each in run.told(Observed)]
    return not any(each and "no answer in time" in each.example for each in answers)


def test_a_version_that_is_slow_at_first_is_promoted(ground: Lab, built: Path) -> None:
    """Row 50: it is warm before its first request."""
    publish(
        ground.stack, built / MODEL / "2", ground.folder, SLOW_AT_FIRST, model=MODEL,
        more=SLOWNESS_AT_FIRST,
    )  # fmt: skip
    with promoting(ground, SLOW_AT_FIRST) as run:
        assert run.wait() == 0, run.said
    assert ground.shares == {SLOW_AT_FIRST: 100}


def test_a_gateway_that_was_killed_comes_back_with_the_shares_that_are_on_record(
    ground: Lab,
) -> None:
    """Row 62, where nothing is promoted."""
    before = ground.shares
    revive_gateway(ground)
    assert ground.shares == before


def test_its_routes_are_written_anew_if_they_are_lost(ground: Lab) -> None:
    """Row 62."""
    before = ground.shares
    (ground.stack.place.envoy / "routes.json").unlink()
    revive_gateway(ground)
    assert ground.shares == before


def revive_gateway(ground: Lab) -> None:
    os.kill(ground.pids["gateway"], signal.SIGKILL)
    up = ground.stack.serving("local", "up")
    assert up.returncode == 0, up.stderr
    assert "updated Process gateway\n" in up.stderr


def test_a_promotion_goes_on_after_the_gateway_was_killed_and_counts_nothing_twice(
    ground: Lab, built: Path
) -> None:
    """Rows 34 and 62: all of its counters begin again at zero."""
    (stable,) = ground.shares
    publish(
        ground.stack, built / MODEL / "2", ground.folder, SOUND, model=MODEL,
        more="# as good as the others",
    )  # fmt: skip
    begun = time.time()
    with promoting(ground, SOUND) as run:
        run.until_at_weight()
        killed = time.time()
        revive_gateway(ground)
        assert ground.shares == {stable: 100 - STEP, SOUND: STEP}
        assert run.wait() == 0, run.said
    over = time.time()
    assert {each.verdict for each in run.decisions(killed)} <= {Verdict.HOLD, Verdict.ADVANCE}
    assert ground.shares == {SOUND: 100}
    revive_gateway(ground)
    assert ground.shares == {SOUND: 100}

    counted = sum(window.canary.counts.requests for window in run.judged)
    answered = [each for each in ground.requests(begun, over) if each.version == SOUND]
    cut = [each for each in ground.requests(begun, killed) if each.outcome == "lost"]
    assert 0 < counted <= len(answered) + len(cut)
