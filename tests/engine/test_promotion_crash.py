from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from serving.promotion.journal import records
from serving.promotion.journal_file import FileStore
from serving.promotion.lease import take
from serving.promotion.lease_store import lease_at
from serving.promotion.record import Ended, Intent
from serving.promotion.replay import replay
from tests.engine import small
from tests.engine.conftest import Engine

pytestmark = pytest.mark.engine

SHIFT = "change the weight"
PROMOTION = [
    ("start the canary", "None", "create digits-2 after"),
    (SHIFT, "5", "update digits-route after"),
    (SHIFT, "50", "intent"),
    ("promote", "100", "update digits-route before"),
    ("promote", "100", "effect"),
]
ROLLBACK = [
    (SHIFT, "0", "update digits-route after"),
    ("remove the canary", "None", "delete digits-2 before"),
]


@pytest.fixture
def place(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> small.Place:
    plugins = tmp_path / "folder-plugin"
    monkeypatch.setenv("PATH", f"{plugins}{os.pathsep}{os.environ['PATH']}")
    made = small.place(tmp_path, plugins)
    made.stack(made.checkout("mine", {"digits": {"stable": 1}})).up()
    return made


def start(place: small.Place, traffic: str, *death: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.engine.promoter", str(place.folder), traffic, *death]
    path = f"{small.ROOT}{os.pathsep}{small.ROOT / 'platform'}"
    return subprocess.Popen(
        command,
        cwd=small.ROOT,
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def run(place: small.Place, traffic: str, *death: str) -> int:
    """Its exit status; where the provider stopped, promoter and engine are killed there."""
    promoter = start(place, traffic, *death)
    reached = place.folder / "reached"
    while promoter.poll() is None:
        if reached.exists():
            (lock,) = place.state.rglob("locks/**/*.json")
            promoter.kill()
            with suppress(ProcessLookupError):
                os.kill(json.loads(lock.read_bytes())["pid"], signal.SIGKILL)
            reached.unlink()
        time.sleep(0.05)
    _, said = promoter.communicate()
    assert b"Traceback" not in said, said.decode()
    return promoter.returncode


@pytest.mark.parametrize(
    ("traffic", "deaths", "status", "things", "weights"),
    [
        ("healthy", PROMOTION, 0, ["digits-1", "digits-2", "digits-route"], ["5", "50", "100"]),
        ("harmful", ROLLBACK, 10, ["digits-1", "digits-route"], ["5", "50", "0"]),
    ],
    ids=["promotion", "rollback"],
)
def test_killed_again_and_again_a_promotion_ends_as_if_never_killed(
    place: small.Place,
    traffic: str,
    deaths: list[tuple[str, str, str]],
    status: int,
    things: list[str],
    weights: list[str],
) -> None:
    for death in deaths:
        assert run(place, traffic, *death) == -signal.SIGKILL, death
    assert run(place, traffic) == status
    assert sorted(place.found()) == things
    store = FileStore(place.folder / "journal.jsonl")
    assert replay(records(store)).difference is None
    moved = [each.body.weight for each in records(store) if isinstance(each.body, Intent)]
    assert [str(weight) for weight in dict.fromkeys(moved) if weight is not None] == weights
    resources = place.stack(place.checkout("mine")).export_stack().deployment or {}
    known = [each["id"] for each in resources["resources"] if each["type"].startswith("folder:")]
    assert sorted(known) == things
    assert not resources.get("pending_operations")
    assert list(place.state.rglob("locks/**/*.json")) == []
    take(lease_at(str(place.folder / "lease")), "lee", "something else").release()


def test_ctrl_c_in_an_update_stops_at_the_next_safe_point(place: small.Place) -> None:
    """As a terminal does: to the promoter and to Pulumi alike, and then once more by CI."""
    promoter = start(place, "healthy")
    while not list(place.state.rglob("locks/**/*.json")):
        assert promoter.poll() is None
        time.sleep(0.02)
    os.killpg(promoter.pid, signal.SIGINT)
    time.sleep(0.2)
    promoter.send_signal(signal.SIGTERM)
    _, said = promoter.communicate()
    assert (promoter.returncode, said) == (130, b"")
    *_, last = records(FileStore(place.folder / "journal.jsonl"))
    assert isinstance(last.body, Ended)
    assert last.body.outcome == "interrupted"
    assert run(place, "healthy") == 0
    assert sorted(place.found()) == ["digits-1", "digits-2", "digits-route"]
