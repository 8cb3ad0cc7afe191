"""What a changed setting touches in the real engine: the table, several settings at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from pulumi import automation as auto

from tests.engine.changes import UNHEARD, Change, Trial, heard, resource_in, table, together
from tests.engine.conftest import Engine, Steps, environment, state_of

pytestmark = pytest.mark.engine

GROUPS = together(table().changes)


@pytest.fixture(scope="module")
def trial(plugins: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    folder = tmp_path_factory.mktemp("trial")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(folder, plugins).items():
            patch.setenv(name, value)
        patch.chdir(folder)
        yield Trial.deployed(Engine(folder))


@pytest.mark.parametrize("group", GROUPS, ids=[str(len(group)) for group in GROUPS])
def test_changed_settings_touch_what_is_theirs_and_nothing_else(
    trial: Trial, group: Sequence[Change]
) -> None:
    expected = {touched for change in group for touched in change.touched}
    found = trial.touched(group)
    assert found == expected, _told(found, expected, group)


def test_no_two_resources_share_a_kind_and_a_name(trial: Trial) -> None:
    names = Counter(resource_in(each["urn"]) for each in state_of(trial.stack))
    del names[None]
    assert [name for name, count in names.items() if count > 1] == []


def test_nothing_has_changed_by_asking_and_all_of_it_can_go(trial: Trial) -> None:
    refreshed, again = Steps(), Steps()
    trial.stack.refresh(on_event=refreshed)
    trial.stack.up(on_event=again)
    assert set(refreshed.changes().values()) <= {"refresh"}
    assert again.changes() == {}
    trial.stack.destroy()
    assert state_of(trial.stack) == []


@pytest.mark.parametrize(("said", "runs"), [(UNHEARD, 2), ("quota exceeded", 1)])
def test_only_an_engine_that_heard_nobody_is_asked_again_and_only_once(
    said: str, runs: int
) -> None:
    asked = []

    def failing() -> None:
        asked.append(said)
        raise auto.CommandError(auto.CommandResult(stdout="", stderr=f"error: {said}", code=1))

    with pytest.raises(auto.CommandError):
        heard(failing)
    assert len(asked) == runs


def _told(found: object, expected: object, group: Sequence[Change]) -> str:
    assert isinstance(found, frozenset)
    assert isinstance(expected, set)
    settings = ", ".join(change.setting for change in group)
    return f"{settings}: not expected {sorted(found - expected)}, missed {sorted(expected - found)}"
