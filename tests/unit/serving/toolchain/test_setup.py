"""Steps run side by side; a failure is told at once and loses nothing that others complete."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from serving.errors import ServingError
from serving.toolchain import activated, cache, machine, programs, progress, setup
from serving.toolchain.programs import Program
from serving.toolchain.progress import Progress
from serving.toolchain.recipe import CHECKOUT, Recipe

from .recipes import shell

OFFLINE = "echo 'dial tcp: no such host'; exit 1"


@pytest.fixture(autouse=True)
def any_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "FREE_GIB", 0)


def offer(monkeypatch: pytest.MonkeyPatch, **scripts: str) -> dict[str, Recipe]:
    """Make these the only programs, and one group of them all."""
    recipes = {name: shell(script, name=name) for name, script in scripts.items()}
    recipes["uv"] = shell("true", name="uv")
    table = tuple(Program(name=name, recipe=each, at=name) for name, each in recipes.items())
    monkeypatch.setattr(programs, "PROGRAMS", table)
    monkeypatch.setattr(setup, "GROUPS", {"all": tuple(scripts)})
    return recipes


def set_up() -> str:
    out = io.StringIO()
    setup.set_up(["all"], Progress(out))
    return out.getvalue()


def test_each_step_says_what_it_does_and_what_came_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, one="true", two="true")
    said = set_up()
    for name in ("uv", "one", "two"):
        assert f"> {name}: running a script (as a rule 1 s)\n" in said
        assert f"+ {name}: {name} 1.0 in 0." in said


def test_nothing_to_do_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, one="true")
    set_up()
    assert set_up() == ""


def test_steps_run_side_by_side(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    meet = (
        "touch {0}/{1}; n=0; until [ -e {0}/{2} ]; do n=$((n+1)); [ $n -lt 500 ]; sleep .01; done"
    )
    offer(
        monkeypatch,
        one=meet.format(place, "here", "there"),
        two=meet.format(place, "there", "here"),
    )
    set_up()


def test_a_failure_does_not_lose_what_the_others_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    recipes = offer(monkeypatch, good="sleep 0.2", bad="echo broken; exit 7")
    out = io.StringIO()
    with pytest.raises(ServingError, match=r"set-up failed at bad \(see above\)"):
        setup.set_up(["all"], Progress(out))
    assert "bad: `/bin/sh -euc 'echo broken; exit 7'` ended with status 7" in out.getvalue()
    assert "x bad: failed after 0." in out.getvalue()
    assert cache.find(recipes["good"])
    assert cache.find(recipes["bad"]) is None


def test_what_not_every_distribution_has_may_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    recipes = offer(monkeypatch, good="true", rare="echo Unable to locate package rare; exit 100")
    monkeypatch.setattr(setup, "OPTIONAL", ("rare",))
    assert "x rare: failed after 0." in set_up()
    assert cache.find(recipes["good"])


def test_what_fails_for_the_same_reason_gets_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, one=OFFLINE, two=OFFLINE)
    out = io.StringIO()
    with pytest.raises(ServingError, match="at one, two"):
        setup.set_up(["all"], Progress(out))
    assert out.getvalue().count("what to do: no network") == 1
    assert out.getvalue().count("failed for the same reason; its output: ") == 1


def test_a_long_step_reminds_that_it_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "REMINDER_SECONDS", 0.05)
    offer(monkeypatch, one="sleep 0.2")
    assert "  one: at it for 0.1 s (as a rule 1 s)\n" in set_up()


@pytest.mark.parametrize(("names", "times"), [(("venv", "pulumi"), 1), (("venv",), 0)])
def test_what_people_type_is_put_into_the_environment_each_time(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], times: int
) -> None:
    put: list[Path] = []
    monkeypatch.setattr(activated, "put", put.append)
    monkeypatch.setattr(setup, "ENVIRONMENTS", {})
    offer(monkeypatch, **dict.fromkeys(names, "true"))
    for _ in range(2):
        set_up()
    assert put == [CHECKOUT / ".venv" / "bin"] * 2 * times


def test_it_needs_nothing_but_the_standard_library() -> None:
    said = subprocess.run(
        [sys.executable, "-S", "-m", "serving.toolchain", "--help"],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": "platform"},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert "resolve every lock file anew" in said.stdout
