from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from serving.promotion import events
from serving.promotion.course import Course
from serving.promotion.decision import Facts
from serving.promotion.events import Event, Grafana, Webhook, event_of, tell
from serving.promotion.journal import Journal, records
from serving.promotion.record import Started
from tests.unit.serving.promotion.recorded import NOON, Kept, Promotion, simulated, started

SECRET = "hunter2"


@dataclass
class Receiver:
    port: int
    status: int = 200
    drips: bool = False
    got: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            key = self.headers.get("Authorization", "")
            state.got.append((self.path, key, json.loads(body)))
            if state.drips:
                for _ in range(40):
                    self.wfile.write(b"H")
                    time.sleep(0.02)
                return
            self.send_response(state.status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Receiver(port=server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def told() -> list[Event]:
    """Of a promotion that takes two steps and is aborted."""
    store = Kept()
    facts = {9: Facts(abort="kim: enough")}
    Promotion(store, started(dwell_seconds=(15.0,) * 5), simulated(1, 9), facts).run()
    found, course = [], None
    for record in records(store):
        if isinstance(record.body, Started):
            course = Course(record.body)
        assert course is not None
        course.take(record.body)
        event = event_of(course, record, "journals/a.jsonl")
        found += [event] if event else []
    return found


def test_one_event_a_step_and_at_the_ends() -> None:
    said = [(event.what, event.weight) for event in told()]
    steps = [weight for what, weight in said if what == "confirmed"]
    assert said[0] == ("started", 0)
    assert steps[:2] == [5, 10]
    assert steps[-1] == 0
    assert said[-3:] == [("rollback", steps[-2]), ("confirmed", 0), ("rolled back", 0)]
    assert len(said) == len(steps) + 3


def test_a_webhook_gets_who_what_why_and_the_hash(receiver: Receiver) -> None:
    event = told()[-1]
    assert tell([Webhook(url=f"{receiver.address}/hook?key={SECRET}")], event) == []
    ((path, _, document),) = receiver.got
    assert path == f"/hook?key={SECRET}"
    expected = {"model": "digits", "version": 2, "who": "kim", "commit": "0a1b2c3",
                "what": "rolled back", "hash": event.hash}  # fmt: skip
    assert document.items() >= expected.items()
    assert document["text"] == "digits version 2 rolled back at 0 %: aborted: kim: enough"


def test_grafana_gets_an_annotation(receiver: Receiver) -> None:
    event = told()[0]
    assert tell([Grafana(address=f"{receiver.address}/", token=SECRET)], event) == []
    ((path, key, document),) = receiver.got
    assert (path, key) == ("/api/annotations", f"Bearer {SECRET}")
    assert document == {
        "time": int(NOON.timestamp() * 1000),
        "tags": ["serving", "digits", "version-2", "started"],
        "text": "digits version 2 started at 0 %: by kim",
    }


@pytest.mark.parametrize("status", [302, 401, 500])
def test_an_answer_other_than_success_is_recorded_without_secrets(
    receiver: Receiver, status: int
) -> None:
    receiver.status = status
    hooks = [
        Webhook(url=f"{receiver.address}/{SECRET}"),
        Grafana(address=receiver.address, token=SECRET),
    ]
    problems = tell(hooks, told()[0])
    assert [p.problem for p in problems] == [f"HTTP {status}"] * 2
    assert [p.to for p in problems] == [receiver.address] * 2
    assert len(receiver.got) == 2
    assert SECRET not in f"{hooks}{problems}"
    journal = Journal(Kept(), lambda: NOON)
    journal.append(started())
    assert journal.append(problems[0]).body == problems[0]


def test_a_receiver_that_drips_is_not_waited_for(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "DEADLINE_SECONDS", 0.1)
    receiver.drips = True
    problems = tell([Webhook(url=receiver.address)] * 3, told()[0])
    assert [p.problem for p in problems] == ["no answer in 0.1 s"] * 3


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "nonsense", "http://[::", "ftp://x/y", ""])
def test_an_address_where_nobody_listens_stops_nothing(receiver: Receiver, url: str) -> None:
    hooks = [Webhook(url=url), Webhook(url=receiver.address)]
    (problem,) = tell(hooks, told()[0])
    assert problem.problem
    assert len(receiver.got) == 1


def test_nobody_is_told_of_every_window() -> None:
    assert {event.what for event in told()} == {"started", "confirmed", "rollback", "rolled back"}
    assert tell([], told()[0]) == []
