"""Real processes of this machine: small ones, that end with the test."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from components.local import process, supervision
from components.local.process import Probe, ProcessArgs

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(open(sys.argv[2]).read()))
        self.end_headers()
    do_POST = do_GET
print("serving")
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Place:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.status = folder / "status"
        self.status.write_text("200")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def props(self, *command: str, **changes: Any) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.port}/"
        args = ProcessArgs(
            **{
                "kind": "test",
                "command": list(command) or self.server,
                "records": str(self.folder / "processes"),
                "log": str(self.folder / "logs" / "it.log"),
                "folder": str(self.folder),
                "ready": [Probe(url=url)],
                "alive": Probe(url=url),
                "ports": {"http": self.port},
                "ready_seconds": 10.0,
                "alive_seconds": 1.0,
                "stop_seconds": 5.0,
                **changes,
            }
        )
        probes = {"ready": [asdict(one) for one in args.ready]}
        alive = asdict(args.alive) if args.alive else None
        return {**vars(args), **probes, "alive": alive, "name": "it", "pid": None}

    @property
    def server(self) -> list[str]:
        return [sys.executable, "-u", "-c", SERVER, str(self.port), str(self.status)]

    @property
    def log(self) -> str:
        return (self.folder / "logs" / "it.log").read_text()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    process.delete(made.props())


def alone(place: Place, *command: str) -> dict[str, Any]:
    """That listens to nobody."""
    return place.props(*command, ready=[], alive=None, ports={})


def test_it_is_ready_when_it_has_answered_and_it_is_known_by_its_record(place: Place) -> None:
    props = process.create(place.props())
    record = supervision.read(place.folder / "processes" / "it.json")
    assert record is not None
    assert record["pid"] == props["pid"]
    assert supervision.lives(record)
    assert process.exists(props)
    assert "serving" in place.log


def test_it_outlives_the_terminal_and_the_session_that_started_it(place: Place) -> None:
    props = process.create(alone(place, "/bin/sleep", "60"))
    assert os.getsid(props["pid"]) == props["pid"] != os.getsid(0)
    (parent,) = {
        line.split()[1]
        for line in Path(f"/proc/{props['pid']}/status").read_text().splitlines()
        if line.startswith("PPid")
    }
    assert int(parent) != os.getpid()


def test_one_that_was_killed_is_a_difference_and_an_update_starts_it_again(place: Place) -> None:
    props = process.create(place.props())
    assert not process.differs(props, place.props())
    os.kill(props["pid"], signal.SIGKILL)
    time.sleep(0.2)
    assert process.differs(props, place.props())
    again = process.update(props, place.props())
    assert again["pid"] != props["pid"]
    assert process.exists(again)


def test_one_that_lives_but_answers_badly_is_a_difference(place: Place) -> None:
    props = process.create(place.props())
    place.status.write_text("500")
    assert "answers 500" in supervision.wrong_with(props)
    assert process.differs(props, place.props())


def test_whether_and_what_it_is_asked_is_no_difference(place: Place) -> None:
    props = process.create(place.props())
    place.status.write_text("500")
    unasked = place.props(alive=None, alive_seconds=9.0)
    # the engine leaves out what is None
    assert not process.differs(props, {k: v for k, v in unasked.items() if v is not None})


def test_one_that_is_busy_for_a_moment_is_well(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    props = process.create(place.props())
    answers = ["does not answer within 1 s", ""]
    monkeypatch.setattr(supervision, "asked", lambda probe, seconds: answers.pop(0))
    assert process.exists(props)
    assert answers == []


def test_another_command_is_a_difference_and_what_only_its_run_told_is_none(place: Place) -> None:
    props = process.create(alone(place, "/bin/sleep", "60"))
    same = alone(place, "/bin/sleep", "60")
    assert not process.differs({**props, "pid": 1}, same)
    assert process.differs(props, alone(place, "/bin/sleep", "61"))


def test_creating_it_twice_leaves_one(place: Place) -> None:
    first = process.create(alone(place, "/bin/sleep", "60"))
    second = process.create(alone(place, "/bin/sleep", "60"))
    assert first["pid"] != second["pid"]
    assert not Path(f"/proc/{first['pid']}").exists() or gone(first["pid"])


def test_it_is_asked_to_end_and_killed_with_its_helpers_when_it_does_not(place: Place) -> None:
    script = "trap '' TERM; sleep 60 & echo $!; wait; wait"
    props = process.create({**alone(place, "/bin/sh", "-c", script), "stop_seconds": 0.3})
    time.sleep(0.3)
    helper = int(place.log.split()[0])
    process.delete(props)
    assert gone(props["pid"])
    assert gone(helper)
    assert not (place.folder / "processes" / "it.json").exists()


def test_one_that_ends_before_it_is_ready_is_refused_with_its_last_words(place: Place) -> None:
    props = place.props("/bin/sh", "-c", "echo no weights found >&2; exit 3")
    with pytest.raises(supervision.NotStarted, match="ended before it was ready") as refused:
        process.create(props)
    assert "no weights found" in str(refused.value)
    assert not (place.folder / "processes" / "it.json").exists()


def test_its_last_words_are_those_that_say_why(place: Place) -> None:
    script = "echo I0101 loading; echo out of memory; echo I0102 unloading; exit 1"
    props = place.props("/bin/sh", "-c", script, chatter=r"I\d{4} ")
    with pytest.raises(supervision.NotStarted) as refused:
        process.create(props)
    assert str(refused.value).endswith("ends:\nout of memory")


def test_its_last_words_are_waited_for_where_the_log_is_slow(place: Place) -> None:
    """Its only child then is who writes the log."""
    script = (
        "read logger < /proc/$$/task/$$/children; kill -STOP $logger; echo no weights found; "
        "(sleep 0.4; kill -CONT $logger) > /dev/null 2>&1 & exit 3"
    )
    with pytest.raises(supervision.NotStarted, match="no weights found"):
        process.create(place.props("/bin/sh", "-c", script))


def test_one_that_never_gets_ready_is_ended_at_its_deadline(place: Place) -> None:
    place.status.write_text("503")
    with pytest.raises(supervision.NotStarted, match=r"not ready within 0.5 s: .* answers 503"):
        process.create(place.props(ready_seconds=0.5))
    assert not (place.folder / "processes" / "it.json").exists()


def test_a_program_that_is_not_there_is_refused(place: Place) -> None:
    with pytest.raises(supervision.NotStarted, match="ended before it was ready"):
        process.create(place.props("/nowhere/triton"))


def test_a_port_that_somebody_else_has_is_told_by_its_number(place: Place) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", place.port))
        other.listen()
        with pytest.raises(supervision.NotStarted, match=f"port {place.port} .* is taken"):
            process.create(place.props())


def test_another_process_that_has_its_number_by_now_is_not_touched(place: Place) -> None:
    bystander = subprocess.Popen(["/bin/sleep", "60"])
    try:
        props = alone(place, "/bin/sleep", "60")
        records = place.folder / "processes"
        records.mkdir()
        record = {"name": "it", "pid": bystander.pid, "started": 1, "boot": "now", "ports": {}}
        (records / "it.json").write_text(str(record).replace("'", '"'))
        assert supervision.wrong_with(props) == "is not running"
        process.delete(props)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_what_it_writes_beside_linked_files_stays_out_of_their_folder(place: Place) -> None:
    source = place.folder / "version" / "1"
    source.mkdir(parents=True)
    (source / "model.py").write_text("x")
    here = place.folder / "run" / "it"
    script = f"cat {here}/1/model.py; echo y > {here}/1/cache; exec sleep 60"
    props = alone(place, "/bin/sh", "-c", script)
    props["linked"] = {str(here): str(place.folder / "version")}
    process.create(props)
    time.sleep(0.3)
    assert place.log.startswith("x")
    assert (here / "1" / "cache").exists()
    assert [path.name for path in source.iterdir()] == ["model.py"]
    process.delete(props)
    assert not here.exists()


def gone(pid: int) -> bool:
    from components.local.proc import start_of

    until = time.monotonic() + 5
    while start_of(pid) is not None and time.monotonic() < until:
        time.sleep(0.05)
    return start_of(pid) is None


def test_a_record_that_cannot_be_read_is_none(place: Place) -> None:
    (place.folder / "processes").mkdir()
    (place.folder / "processes" / "it.json").write_text("")
    assert supervision.wrong_with(alone(place, "/bin/sleep", "60")) == "is not running"
    props = process.create(alone(place, "/bin/sleep", "60"))
    assert process.exists(props)


def test_somebody_who_speaks_no_http_is_not_well(place: Place) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        def answer() -> None:
            caller, _ = other.accept()
            with caller:
                caller.recv(4096)
                caller.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{other.getsockname()[1]}/"
        assert "does not answer" in supervision.asked({"url": url, "body": ""}, 2.0)
        thread.join()
