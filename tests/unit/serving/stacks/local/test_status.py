from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from components.local import proc
from serving.errors import InputError
from serving.stacks.local.place import Place
from serving.stacks.local.status import addresses, held_weights, missing, processes


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "local")
    made.records.mkdir(parents=True)
    return made


def recorded(place: Place, name: str, **changes: Any) -> None:
    own = {"pid": os.getpid(), "started": proc.start_of(os.getpid()), "boot": proc.boot()}
    about = {"name": name, "kind": "triton", "ports": {"http": 1}, "log": "it.log", "since": 0.0}
    (place.records / f"{name}.json").write_text(json.dumps({**own, **about, **changes}))


def deployed(place: Place, *pods: str) -> None:
    servers = {"digits": {"1": [{"pod": pod} for pod in pods]}}
    stack = {"type": "pulumi:pulumi:Stack", "outputs": {"servers": servers}}
    folder = place.backend / ".pulumi" / "stacks" / "serving"
    folder.mkdir(parents=True)
    document = {"checkpoint": {"latest": {"resources": [stack]}}}
    (folder / "local.json").write_text(json.dumps(document))


def test_who_lives_is_told_from_who_does_not(place: Place) -> None:
    recorded(place, "digits-1-1")
    recorded(place, "digits-1-2", started=1)
    assert {each.name: each.alive for each in processes(place)} == {
        "digits-1-1": True, "digits-1-2": False,
    }  # fmt: skip


def test_what_is_deployed_and_never_started_is_missing(place: Place) -> None:
    deployed(place, "digits-1-1", "digits-1-2")
    for name in ("gateway", "prometheus", "digits-1-1"):
        recorded(place, name)
    assert missing(place) == ["digits-1-2"]


def test_nothing_is_missing_of_a_stack_that_is_down_or_that_nobody_can_read(place: Place) -> None:
    assert missing(place) == []
    deployed(place)
    (place.backend / ".pulumi" / "stacks" / "serving" / "local.json").write_text("{")
    assert missing(place) == []


def test_weights_that_were_changed_directly_are_told(place: Place) -> None:
    assert held_weights(place) == {}
    place.envoy.mkdir()
    (place.envoy / "routes.held.json").write_text('{"digits": {"digits-1": 100, "digits-2": 0}}')
    assert held_weights(place) == {"digits": {"digits-1": 100, "digits-2": 0}}


def test_a_stack_that_was_never_up_has_no_address(place: Place) -> None:
    with pytest.raises(InputError, match="was never brought up"):
        addresses(place)
