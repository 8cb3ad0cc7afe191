from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from components.local import proc
from serving.errors import InputError
from serving.stacks.local.place import Place, place_of
from serving.stacks.local.ports import known_ports, ports_of


def test_all_local_stacks_lie_in_the_folder_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVING_STATE", str(tmp_path))
    assert place_of("demo").root == tmp_path / "demo"
    monkeypatch.delenv("SERVING_STATE")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert place_of("demo").root == tmp_path / "state" / "serving" / "demo"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert place_of("local").root == tmp_path / "home/.local/state/serving/local"


def test_without_a_home_it_is_said_what_to_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SERVING_STATE", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(InputError, match="SERVING_STATE"):
        place_of("local")


def test_a_port_stays_the_same_and_is_told_without_choosing(tmp_path: Path) -> None:
    place = Place(tmp_path / "one")
    first = ports_of(place, "digits-1-1", "http", "grpc")
    assert len(set(first.values())) == 2
    assert ports_of(place, "digits-1-1", "http", "grpc") == first
    assert known_ports(place, "digits-1-1") == first
    assert known_ports(place, "digits-1-2") == {}


def test_a_port_that_somebody_else_has_by_now_is_given_up(tmp_path: Path) -> None:
    place = Place(tmp_path / "one")
    before = ports_of(place, "gateway", "requests")["requests"]
    with socket.socket() as other:
        other.bind(("127.0.0.1", before))
        other.listen()
        assert ports_of(place, "gateway", "requests")["requests"] != before


def test_a_port_that_the_process_itself_listens_on_is_kept(tmp_path: Path) -> None:
    place = Place(tmp_path / "one")
    before = ports_of(place, "gateway", "requests")
    place.records.mkdir()
    own = {"pid": os.getpid(), "started": proc.start_of(os.getpid()), "boot": proc.boot()}
    (place.records / "gateway.json").write_text(json.dumps({**own, "ports": before}))
    with socket.socket() as itself:
        itself.bind(("127.0.0.1", before["requests"]))
        itself.listen()
        assert ports_of(place, "gateway", "requests") == before


def test_no_two_processes_get_the_same_port(tmp_path: Path) -> None:
    place = Place(tmp_path / "one")
    found = [
        port
        for number in range(30)
        for port in ports_of(place, f"digits-1-{number}", "http", "grpc", "metrics").values()
    ]
    assert len(set(found)) == 90


@pytest.mark.parametrize("name", ["", "..", "/tmp/x", "a/b", ".hidden", "a b", "x" * 200])
def test_what_is_no_name_is_no_folder_either(name: str) -> None:
    with pytest.raises(InputError, match="is no name of a stack"):
        place_of(name)
