"""A build is complete or not there, and made once however many ask for it."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from serving.errors import ServingError
from serving.toolchain import cache
from serving.toolchain.command import StepFailed
from serving.toolchain.progress import Progress
from serving.toolchain.recipe import Recipe

from .recipes import nothing, shell

ROOT = Path(__file__).resolve().parents[4]
SLOW = """
import sys, time
from pathlib import Path
from serving.toolchain import cache
from serving.toolchain.progress import Progress
from serving.toolchain.recipe import Built, Recipe

def build(shop):
    (shop.folder / "half").write_text("done")
    with (Path(sys.argv[1]) / "builds").open("a") as builds:
        builds.write("x")
    while not (Path(sys.argv[1]) / "enough").exists():
        time.sleep(0.01)
    return Built("a script", {"thing": "1.0"})

cache.CHECKOUT = Path(sys.argv[1])
recipe = Recipe(name="thing", doing="being slow", usual="1 s", files=(), build=build)
cache.ensure(recipe, Progress(), lambda name: None)
"""


def ensure(recipe: Recipe) -> str:
    out = io.StringIO()
    cache.ensure(recipe, Progress(out), nothing)
    return out.getvalue()


def another_setup(place: Path) -> subprocess.Popen[str]:
    """It builds until there is `enough` in the place."""
    return subprocess.Popen(
        [sys.executable, "-uc", SLOW, str(place)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "platform")},
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    return said


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.01)


def folders(shelf: str = "thing") -> list[str]:
    return sorted(each.name for each in (cache.home() / shelf).iterdir() if each.is_dir())


def test_a_build_is_found_afterwards_with_its_versions_and_origin() -> None:
    recipe = shell("echo hello > greeting")
    assert cache.find(recipe) is None
    ensure(recipe)
    entry = cache.find(recipe)
    assert entry is not None
    assert (entry.folder / "greeting").read_text() == "hello\n"
    assert (entry.origin, entry.versions) == ("a script", {"thing": "1.0"})


def test_a_second_set_up_builds_nothing_and_says_nothing(place: Path) -> None:
    recipe = shell(f"echo x >> {place}/builds")
    assert "> thing: running a script (as a rule 1 s)" in ensure(recipe)
    assert ensure(recipe) == ""
    assert (place / "builds").read_text() == "x\n"


@pytest.mark.parametrize("change", ["a file", "the name", "the revision", "the machine"])
def test_a_changed_input_makes_another_key(place: Path, change: str) -> None:
    lock = place / "lock.txt"
    lock.write_text("a==1")
    recipe = shell("true", files=[lock])
    before = recipe.key()
    assert recipe.key() == before
    if change == "a file":
        lock.write_text("a==2")
    changed = {
        "a file": recipe,
        "the name": replace(recipe, name="other"),
        "the revision": replace(recipe, revision=2),
        "the machine": replace(recipe, machine=lambda: "Python 3.12.1 in /usr"),
    }[change]
    assert changed.key() != before


def test_a_failed_build_is_not_there_and_leaves_nothing() -> None:
    recipe = shell("echo half > greeting; exit 3")
    with pytest.raises(StepFailed):
        ensure(recipe)
    assert cache.find(recipe) is None
    assert folders() == []


def test_two_set_ups_at_once_make_one_build_and_the_other_waits(place: Path) -> None:
    first = another_setup(place)
    wait_for(place / "builds")
    second = another_setup(place)
    assert second.stdout is not None
    assert "waiting for its result" in second.stdout.readline()
    (place / "enough").touch()
    finish(second)
    assert "waiting" not in finish(first)
    assert (place / "builds").read_text() == "x"


def test_two_threads_of_one_set_up_make_one_build(place: Path) -> None:
    recipe = shell(f"echo x >> {place}/builds; sleep 0.2")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(ensure, [recipe, recipe]))
    assert (place / "builds").read_text() == "x\n"


def test_a_killed_build_is_not_taken_and_its_leftovers_go(place: Path) -> None:
    killed = another_setup(place)
    wait_for(place / "builds")
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    (left,) = folders()
    assert left.endswith(".part")

    ensure(shell("echo whole > greeting"))
    (built,) = folders()
    assert (cache.home() / "thing" / built / "greeting").read_text() == "whole\n"


def test_what_another_set_up_is_building_is_left_alone(place: Path) -> None:
    other = another_setup(place)
    wait_for(place / "builds")
    ensure(replace(shell("true"), revision=2))
    (place / "enough").touch()
    finish(other)
    assert len(folders()) == 2


def test_a_cache_that_cannot_be_written_is_one_sentence(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "file").touch()
    monkeypatch.setenv("SERVING_CACHE", str(place / "file" / "cache"))
    with pytest.raises(ServingError, match=r"cannot be written \(Not a directory\).*SERVING_CACHE"):
        ensure(shell("true"))


def test_a_full_disk_is_one_sentence() -> None:
    def build(shop: object) -> object:
        with Path("/dev/full").open("w") as full:
            full.write("x")
        raise AssertionError("it was not full")

    recipe = replace(shell("true"), build=build)
    with pytest.raises(ServingError, match=r"No space left on device\n.*free some disk space"):
        ensure(recipe)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"SERVING_CACHE": "/mine"}, "/mine"),
        ({"SERVING_CACHE": "", "XDG_CACHE_HOME": "/xdg"}, "/xdg/serving"),
        ({"SERVING_CACHE": "", "XDG_CACHE_HOME": "", "HOME": "/me"}, "/me/.cache/serving"),
    ],
)
def test_the_cache_is_where_the_environment_says(
    environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert str(cache.home()) == expected


@pytest.mark.parametrize("record", [None, "", '{"origin": "a scr'])
def test_a_build_whose_record_a_power_failure_cut_off_is_made_again(record: str | None) -> None:
    recipe = shell("echo hello > greeting")
    ensure(recipe)
    entry = cache.find(recipe)
    assert entry is not None
    (entry.folder / cache.RECORD).unlink()
    if record is not None:
        (entry.folder / cache.RECORD).write_text(record)
    assert cache.find(recipe) is None
    ensure(recipe)
    assert cache.find(recipe) is not None
    assert folders() == [recipe.key()]
