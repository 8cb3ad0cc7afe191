"""Answers of a server that pretends to be Prometheus: whatever it says, none is an exception."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.promotion.prometheus import Answer, Failed, Malformed, Prometheus, parsed

DEADLINE = 0.4
FOREVER = 60.0
Reply = Callable[[BaseHTTPRequestHandler], None]


def matrix(*series: object, **more: object) -> bytes:
    data = {"resultType": "matrix", "result": series}
    return json.dumps({"status": "success", "data": data, **more}).encode()


ONE = {"metric": {"__name__": "up", "pod": "a"}, "values": [[1.5, "2"], [16.5, "3"]]}


@contextmanager
def server(reply: Reply) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            reply(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()


def says(body: bytes, status: int = 200) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers["content-length"]))
        handler.send_response(status)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def asked(reply: Reply) -> Answer:
    with server(reply) as url:
        return Prometheus(url, deadline_seconds=DEADLINE).ask(["up"], 100.0)["up"]


def failed(answer: Answer) -> Failed:
    assert isinstance(answer, Failed)
    assert answer.query == "up"
    return answer


def test_raw_samples_come_back_with_their_own_times() -> None:
    (raw,) = asked(says(matrix(ONE)))  # type: ignore[misc]
    assert raw.labels == {"__name__": "up", "pod": "a"}
    assert raw.samples == [(1.5, 2.0), (16.5, 3.0)]


def test_a_query_says_when_and_how_long() -> None:
    forms: list[dict[str, list[str]]] = []

    def reply(handler: BaseHTTPRequestHandler) -> None:
        forms.append(parse_qs(handler.rfile.read(int(handler.headers["content-length"])).decode()))
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(matrix())

    assert asked(reply) == ()
    assert forms == [{"query": ["up"], "time": ["100.000"], "timeout": ["0.4s"]}]


def hang(_: BaseHTTPRequestHandler) -> None:
    time.sleep(FOREVER)


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Never silent for long, and never done."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(int(8 * FOREVER / DEADLINE)):
        handler.wfile.write(b" ")
        time.sleep(DEADLINE / 8)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("reply", [hang, drip], ids=["hangs", "drips"])
def test_no_query_outlives_its_deadline(reply: Reply, capsys: pytest.CaptureFixture[str]) -> None:
    with server(reply) as url:
        started = time.monotonic()
        answers = Prometheus(url, deadline_seconds=DEADLINE).ask([f"up{i}" for i in range(20)])
        took = time.monotonic() - started
    assert took < FOREVER / 2
    assert {a.detail for a in answers.values() if isinstance(a, Failed)} == {
        "no answer within 0.4 s"
    }
    assert len(answers) == 20
    capsys.readouterr()  # what the server says about callers that went away


def test_nobody_there_is_no_answer() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        answer = Prometheus(url, deadline_seconds=DEADLINE).ask(["up"])["up"]
    assert "ConnectError" in failed(answer).detail
    assert not failed(answer).refused


@pytest.mark.parametrize("url", ["http://", "nonsense", "http://[::1", "ftp://somewhere"])
def test_an_address_that_is_none_is_no_answer(url: str) -> None:
    failed(Prometheus(url, deadline_seconds=DEADLINE).ask(["up"])["up"])


def test_what_prometheus_says_about_a_bad_query_is_passed_on() -> None:
    body = b'{"status":"error","errorType":"bad_data","error":"1:5: parse error: unexpected"}'
    answer = failed(asked(says(body, 400)))
    assert answer.refused
    assert answer.detail == "HTTP 400: bad_data: 1:5: parse error: unexpected"


@pytest.mark.parametrize(
    ("status", "refused"), [(404, True), (422, True), (500, False), (503, False), (302, False)]
)
def test_any_status_but_200_is_no_answer(status: int, refused: bool) -> None:
    answer = failed(asked(says(b"<html>gateway says no</html>", status)))
    assert answer.refused is refused
    assert answer.detail == f"HTTP {status}: <html>gateway says no</html>"


CRAFTED: dict[str, bytes] = {
    "empty": b"",
    "not JSON": b"<html>",
    "torn": matrix(ONE)[:-9],
    "not UTF-8": b"\xff\xfe{}",
    "a list": b"[]",
    "null": b"null",
    "no status": b"{}",
    "an error": b'{"status":"error","errorType":"timeout","error":"too slow"}',
    "no data": b'{"status":"success"}',
    "data of null": b'{"status":"success","data":null}',
    "a string": b'{"status":"success","data":{"resultType":"string","result":[1,"x"]}}',
    "partial": matrix(ONE, warnings=["one store did not answer"]),
    "no values": matrix({"metric": {}}),
    "empty values": matrix({"metric": {}, "values": []}),
    "no metric": matrix({"values": [[1, "2"]]}),
    "metric a list": matrix({"metric": [1], "values": [[1, "2"]]}),
    "values a number": matrix({"metric": {}, "values": 3}),
    "a value of words": matrix({"metric": {}, "values": [[1, "many"]]}),
    "a value of null": matrix({"metric": {}, "values": [[1, None]]}),
    "a pair of three": matrix({"metric": {}, "values": [[1, "2", "3"]]}),
    "a time of NaN": matrix({"metric": {}, "values": [[float("nan"), "2"]]}),
    "a time of infinity": matrix({"metric": {}, "values": [[float("inf"), "2"]]}),
    "times that fall": matrix({"metric": {}, "values": [[2, "2"], [1, "3"]]}),
    "a time twice": matrix({"metric": {}, "values": [[2, "2"], [2, "3"]]}),
    "the same series twice": matrix(ONE, ONE),
    "a native histogram": matrix({"metric": {}, "histograms": [[1, {"count": "1"}]]}),
    "nested without end": b"[" * 100_000,
    "a number beyond measure": b'{"status":"success","data":' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("body", CRAFTED.values(), ids=CRAFTED.keys())
def test_an_answer_that_is_not_whole_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        parsed(body)


def test_a_malformed_answer_is_no_answer() -> None:
    assert failed(asked(says(b"<html>"))).detail.startswith("malformed answer: ")


def test_what_is_only_information_does_no_harm() -> None:
    assert len(parsed(matrix(ONE, infos=["metric might not be a counter"]))) == 1


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    with pytest.raises(Malformed):
        parsed(body)


@given(st.integers(0, len(matrix(ONE)) - 1), st.integers(0, 255))
def test_a_changed_byte_is_malformed_or_another_answer(at: int, byte: int) -> None:
    body = bytearray(matrix(ONE))
    body[at] = byte
    with suppress(Malformed):
        assert isinstance(parsed(bytes(body)), tuple)


def test_scalars_and_vectors_are_samples_too() -> None:
    scalar = b'{"status":"success","data":{"resultType":"scalar","result":[7.5,"7.5"]}}'
    assert parsed(scalar)[0].samples == [(7.5, 7.5)]
    vector = json.dumps(
        {
            "status": "success",
            "data": {"resultType": "vector", "result": [{"metric": {"a": "b"}, "value": [1, "2"]}]},
        }
    ).encode()
    assert parsed(vector)[0].labels == {"a": "b"}
