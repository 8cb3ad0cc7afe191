from __future__ import annotations

from pathlib import Path

import pytest
from pulumi import automation as auto
from pulumi.automation import CommandResult

from serving.errors import InputError
from serving.local import control
from serving.promotion.lease import Busy, held
from serving.promotion.lease_store import lease_at
from serving.promotion.stack import PulumiStack, UpdateFailed
from serving.stacks.local.place import Place


def test_a_folder_that_is_no_stack_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    with pytest.raises(InputError, match="is no folder of a local stack"):
        control.down(Place(tmp_path / "photos"), purge=True)
    assert (tmp_path / "photos" / "cat.jpg").exists()


def test_a_stack_that_is_being_promoted_stays_up(tmp_path: Path) -> None:
    place = Place(tmp_path / "local")
    place.backend.mkdir(parents=True)
    lease = lease_at(str(place.leases / "digits"))
    with (
        held(lease, "kim", "promoting digits"),
        pytest.raises(Busy, match="digits is being promoted; wait for its end"),
    ):
        control.down(place, purge=True)
    assert place.backend.exists()


def test_an_engine_that_dies_while_it_is_asked_for_a_stack_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(name: str, workspace: auto.LocalWorkspace) -> auto.Stack:
        raise auto.CommandError(CommandResult(stdout="", stderr="", code=-9))

    monkeypatch.setattr(auto.Stack, "select", killed)
    workspace = auto.LocalWorkspace.__new__(auto.LocalWorkspace)
    with pytest.raises(UpdateFailed, match="stack local: "):
        PulumiStack.of("local", workspace, lambda resource: None)
