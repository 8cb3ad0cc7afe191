from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pulumi_aws as aws
import pytest
import yaml

from serving.errors import InputError
from serving.promotion.engine_lock import folder_of
from serving.promotion.journal import Overtaken
from serving.promotion.stack import Locked, PulumiStack, UpdateFailed
from serving.settings import Release
from tests.engine import small
from tests.engine.conftest import PACK, Engine, state_of

pytestmark = pytest.mark.engine

ONE = Release(stable=1)
CANARY = Release(stable=1, canary=2, weight=5)


@pytest.fixture
def place(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> small.Place:
    plugins = tmp_path / "folder-plugin"
    monkeypatch.setenv("PATH", f"{plugins}{os.pathsep}{os.environ['PATH']}")
    made = small.place(tmp_path, plugins)
    first = made.checkout("mine", {"digits": {"stable": 1}, "words": {"stable": 1}})
    made.stack(first).up()
    return made


def selected(place: small.Place, checkout: str = "mine", **options: Any) -> PulumiStack:
    folder = place.checkout(checkout)
    return PulumiStack.select(small.STACK, folder, small.program, place.find, **options)


def locks(place: small.Place) -> Path:
    folder = folder_of(place.state.as_uri(), "serving", small.STACK)
    assert folder is not None
    return folder


def locked(place: small.Place, **changes: Any) -> Path:
    content = {
        "pid": 1,
        "username": "kim",
        "hostname": socket.gethostname(),
        "timestamp": datetime.now(UTC).isoformat(),
    }
    file = locks(place) / "0c1d.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**content, **changes}), encoding="utf-8")
    return file


def test_two_checkouts_promote_two_models_of_one_stack_at_the_same_time(place: small.Place) -> None:
    def promote(checkout: str, model: str) -> None:
        for weight in (5, 10):
            release = CANARY.model_copy(update={"weight": weight})
            selected(place, checkout).apply({model: release}, patience=60)

    jobs = [threading.Thread(target=promote, args=job) for job in (("a", "digits"), ("b", "words"))]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    deployed = selected(place).deployed()
    assert {model: (each.weight, each.revision) for model, each in deployed.items()} == {
        "digits": (10, 2),
        "words": (10, 2),
    }
    assert place.weight("digits") == place.weight("words") == 10
    assert list(locks(place).glob("*.json")) == []


def test_applying_the_same_again_changes_nothing(place: small.Place) -> None:
    stack = selected(place)
    stack.apply({"digits": CANARY}, patience=0)
    before = stack.deployed()
    stack.apply({"digits": CANARY}, patience=0)
    assert stack.deployed() == before


def test_what_somebody_edited_for_another_model_is_deployed_and_not_lost(
    place: small.Place,
) -> None:
    mine = place.checkout("mine")
    edited = {"stable": 1, "canary": 3, "weight": 25}
    place.configure(mine, {"digits": {"stable": 1}, "words": edited, "scans": {"stable": 4}})
    stack = selected(place)
    stack.apply({"digits": CANARY}, patience=0)
    deployed = stack.deployed()
    assert deployed["words"] == Release(stable=1, canary=3, weight=25)
    assert deployed["scans"] == Release(stable=4)
    assert place.weight("digits") == 5


def test_a_change_that_another_process_has_overwritten_before_the_update_is_made_all_the_same(
    place: small.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack, mine = selected(place), place.checkout("mine")
    configure, others = stack._configure, [{"digits": {"stable": 1}, "words": {"stable": 1}}]

    def raced(table: Mapping[str, Release]) -> None:
        configure(table)
        if others:
            place.configure(mine, others.pop())

    monkeypatch.setattr(stack, "_configure", raced)
    stack.apply({"digits": CANARY}, patience=0)
    assert stack.deployed()["digits"].canary == CANARY.canary
    assert place.weight("digits") == 5


def test_a_checkout_older_than_what_is_deployed_brings_nothing_back(place: small.Place) -> None:
    selected(place).apply({"digits": CANARY}, patience=0)
    old = place.checkout("old", {"digits": {"stable": 1}, "words": {"stable": 1}})
    assert old.exists()
    selected(place, "old").apply({"words": CANARY}, patience=0)
    assert place.weight("digits") == 5


def test_a_stack_without_its_state_is_refused_and_not_made_anew(place: small.Place) -> None:
    (state,) = (place.state / ".pulumi" / "stacks" / "serving").glob("dev.json")
    state.rename(place.folder / "lost.json")
    with pytest.raises(InputError, match=r"there is no stack dev in file://.*restore it"):
        selected(place)
    assert sorted(place.found()) == ["digits-1", "digits-route", "words-1", "words-route"]


def test_a_state_that_cannot_be_read_is_a_failed_update_and_not_a_crash(place: small.Place) -> None:
    stack = selected(place)
    (state,) = (place.state / ".pulumi" / "stacks" / "serving").glob("dev.json")
    state.write_bytes(state.read_bytes()[:100])
    with pytest.raises(UpdateFailed, match="stack dev: "):
        stack.apply({"digits": CANARY}, patience=0)
    assert place.weight("digits") == 0


@pytest.mark.parametrize(
    "holder",
    [
        {"pid": 1},
        {"pid": 2**22 + 1, "hostname": "elsewhere"},
        {"pid": 2**22 + 1, "timestamp": (datetime.now(UTC) - timedelta(days=4000)).isoformat()},
    ],
    ids=["alive", "on another host", "from an earlier boot"],
)
def test_a_lock_whose_holder_may_live_is_waited_for_by_name(
    place: small.Place, holder: Mapping[str, Any]
) -> None:
    held = datetime.now(UTC) if "timestamp" not in holder else None
    boot = datetime.now(UTC) + timedelta(seconds=1)  # process 1 is older than its lock
    file = locked(place, **({"timestamp": boot.isoformat()} | dict(holder) if held else holder))
    told: list[str] = []
    stack = selected(place, tell=told.append, sleep=time.sleep)
    with pytest.raises(Locked, match=r"is being changed by kim@.* \(process \d+\) for \d+ s"):
        stack.apply({"digits": CANARY}, patience=1.5)
    assert told
    assert file.exists()
    file.unlink()
    stack.apply({"digits": CANARY}, patience=0)
    assert place.weight("digits") == 5


@pytest.mark.parametrize("torn", [False, True], ids=["dead", "torn"])
def test_what_a_dead_engine_has_locked_is_freed(place: small.Place, torn: bool) -> None:
    file = locked(place, pid=2**22 + 1)
    if torn:
        file.write_bytes(b"")
        os.utime(file, (time.time() - 120,) * 2)
    selected(place).apply({"digits": CANARY}, patience=0)
    assert place.weight("digits") == 5
    assert list(locks(place).iterdir()) == []


@pytest.mark.parametrize("checks", [0, 1], ids=["before it begins", "as the engine has the stack"])
def test_who_was_overtaken_changes_neither_stack_nor_configuration(
    place: small.Place, checks: int
) -> None:
    asked = iter([None] * checks)

    def still() -> None:
        if next(asked, Overtaken("by lee")) is not None:
            raise Overtaken("by lee")

    stack = selected(place)
    file = place.checkout("mine") / f"Pulumi.{small.STACK}.yaml"
    before, configured = stack.deployed(), _file(file)
    with pytest.raises(Overtaken, match="by lee"):
        stack.apply({"digits": CANARY}, 0, still)
    assert stack.deployed() == before
    assert "digits-2" not in place.found()
    releases = [each["config"]["serving:releases"] for each in (configured, _file(file))]
    assert [each["digits"]["stable"] for each in releases] == [1, 1]
    assert "canary" not in releases[1]["digits"]


def _file(file: Path) -> Any:
    return yaml.safe_load(file.read_text())


def test_an_engine_that_is_killed_has_no_resource_to_blame(place: small.Place) -> None:
    (place.folder / "fault").write_text("create digits-2 after", encoding="utf-8")
    job = applying(place)
    os.kill(engine_in(place, job), signal.SIGKILL)
    _, said = job.communicate()
    assert said.splitlines()[-1].endswith("stack dev: the engine ended: code: -9, stderr:")


def applying(place: small.Place) -> subprocess.Popen[str]:
    """In a process of its own: what a killed engine leaves there ends with it."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.engine.small", str(place.folder), "mine"],
        cwd=small.ROOT,
        env={**os.environ, "PYTHONPATH": f"{small.ROOT}{os.pathsep}{small.ROOT / 'platform'}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def engine_in(place: small.Place, job: subprocess.Popen[str]) -> int:
    """The process of the engine, once its provider has stopped."""
    while not (place.folder / "reached").exists():
        assert job.poll() is None
        time.sleep(0.05)
    (lock,) = locks(place).glob("*.json")
    return int(json.loads(lock.read_bytes())["pid"])


@pytest.mark.parametrize(
    ("fault", "victim"),
    [
        ("create digits-2 before", "engine"),
        ("create digits-2 after", "engine"),
        ("create digits-2 after", "both"),
        ("update digits-route before", "both"),
        ("update digits-route after", "engine"),
    ],
)
def test_a_killed_update_is_finished_without_duplicate_or_orphan(
    place: small.Place, fault: str, victim: str
) -> None:
    (place.folder / "fault").write_text(fault, encoding="utf-8")
    job = applying(place)
    engine = engine_in(place, job)
    if victim == "both":
        job.kill()
    os.kill(engine, signal.SIGKILL)
    job.kill()
    job.communicate()
    stack = selected(place)
    stack.apply({"digits": CANARY}, patience=10)
    assert sorted(place.found()) == [
        *("digits-1", "digits-2", "digits-route", "words-1", "words-route")
    ]
    assert place.weight("digits") == 5
    stack.apply({"digits": ONE}, patience=0)
    assert "digits-2" not in place.found()


def test_a_promotion_makes_nothing_that_the_policies_refuse_and_says_which(
    place: small.Place,
) -> None:
    def program() -> None:
        everybody = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}
        aws.kms.Key("open", policy=json.dumps({"Statement": [everybody]}))
        small.program()

    folder, packs = place.checkout("mine"), (str(PACK),)
    bound = PulumiStack.select(small.STACK, folder, program, place.find, policy_packs=packs)
    with pytest.raises(UpdateFailed, match="kms-no-star-principal: resource 'open'"):
        bound.apply({"digits": CANARY}, patience=0)
    keys = [each for each in state_of(place.stack(folder)) if each["type"] == "aws:kms/key:Key"]
    assert keys == []
