"""A collector of traces: takes OTLP over HTTP, as JSON and as protobuf, and keeps the spans."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PATH = "/v1/traces"


@dataclass(frozen=True, kw_only=True)
class Span:
    service: str
    trace: str
    id: str
    parent: str
    attributes: Mapping[str, Any]


class Collector:
    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}{PATH}"

    def of(self, trace: str) -> Sequence[Span]:
        return [span for span in self.spans if span.trace == trace]

    def stop(self) -> None:
        """Its port is closed from here on."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = _body(self)
                if self.path == PATH:
                    collector.spans += _spans(body, self.headers["content-type"])
                self.send_response(200 if self.path == PATH else 404)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _body(request: BaseHTTPRequestHandler) -> bytes:
    if request.headers.get("transfer-encoding") != "chunked":
        return request.rfile.read(int(request.headers["content-length"]))
    body = b""
    while size := int(request.rfile.readline(), 16):
        body += request.rfile.read(size)
        request.rfile.readline()
    request.rfile.readline()
    return body


def _spans(body: bytes, kind: str) -> Iterator[Span]:
    """OTLP's JSON is that of protobuf, but for its ids: they are hexadecimal digits."""
    if kind == "application/json":
        return _told(json.loads(body), str)
    document = MessageToDict(ExportTraceServiceRequest.FromString(body))
    return _told(document, lambda text: base64.b64decode(text).hex())


def _told(document: Any, digits: Callable[[str], str]) -> Iterator[Span]:
    for group in document["resourceSpans"]:
        service = _attributes(group["resource"])["service.name"]
        for scope in group["scopeSpans"]:
            for span in scope["spans"]:
                yield Span(
                    service=service,
                    trace=digits(span["traceId"]),
                    id=digits(span["spanId"]),
                    parent=digits(span.get("parentSpanId", "")),
                    attributes=_attributes(span),
                )


def _attributes(of: Mapping[str, Any]) -> dict[str, str]:
    return {each["key"]: each["value"].get("stringValue", "") for each in of.get("attributes", ())}


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()
    try:
        yield collector
    finally:
        collector.stop()
