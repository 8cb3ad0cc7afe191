"""A small server as it stands behind the gateway: HTTP and gRPC, answering as it is told."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc

from serving.gateway.table import Server

TOLD = "x-answer"
"""Header of a request: `<server>=<status>`, a gRPC status where the request is gRPC; `*` is every
server. Probes carry none."""
CODES = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True)
class Seen:
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def probe(self) -> bool:
        return self.headers.get("user-agent") == "Envoy/HC"

    def told(self, name: str) -> int | None:
        server, _, status = self.headers.get(TOLD, "").partition("=")
        return int(status) if server in (name, "*") else None


class Upstream:
    def __init__(self, name: str) -> None:
        self.name = name
        self.status = 200
        self.delay = 0.0
        self.seen: list[Seen] = []
        self._runs = threading.Event()
        self._runs.set()
        self._http = _Http(("127.0.0.1", 0), self._handler())
        self.http_port: int = self._http.server_port
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()
        self._grpc = grpc.server(futures.ThreadPoolExecutor(16), handlers=[_Rpc(self)])
        self.grpc_port: int = self._grpc.add_insecure_port("127.0.0.1:0")
        self._grpc.start()

    @property
    def server(self) -> Server:
        return Server(name=self.name, http_port=self.http_port, grpc_port=self.grpc_port)

    @property
    def requests(self) -> list[Seen]:
        """All but probes."""
        return [seen for seen in self.seen if not seen.probe]

    def answer(self, seen: Seen) -> int:
        """The status, once it is time for it."""
        self.seen.append(seen)
        time.sleep(self.delay)
        self._runs.wait()
        told = seen.told(self.name)
        return self.status if told is None else told

    def hang(self) -> None:
        """As a model that never ends: connections are taken, nothing is answered."""
        self._runs.clear()

    def go_on(self) -> None:
        self._runs.set()

    def stop(self) -> None:
        """Its ports are closed from here on."""
        self._runs.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        self._http.hang_up()
        self._grpc.stop(0).wait()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = upstream.answer(Seen(self.path, headers, body))
                text = json.dumps({"from": upstream.name}).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(text)))
                self.send_header("x-served-version", "a server's own word")
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                pass

        return Handler


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.taken: list[socket.socket] = []

    def process_request(self, request: Any, client_address: Any) -> None:
        self.taken.append(request)
        super().process_request(request, client_address)

    def hang_up(self) -> None:
        """Connections outlive the loop that took them."""
        for one in self.taken:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: object) -> None:
        """Clients that went away."""


class _Rpc(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def service(self, details: Any) -> Any:
        headers = {key: str(value) for key, value in details.invocation_metadata}

        def answer(request: bytes, context: Any) -> bytes:
            status = self._upstream.answer(Seen(details.method, headers, request))
            if status not in (0, 200):
                context.abort(CODES.get(status, grpc.StatusCode.INTERNAL), "as told")
            return self._upstream.name.encode()

        def each(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
            for request in requests:
                yield answer(request, context)

        if details.method.endswith("/ModelStreamInfer"):
            return grpc.stream_stream_rpc_method_handler(each)
        return grpc.unary_unary_rpc_method_handler(answer)


@contextmanager
def upstreams(*names: str) -> Iterator[dict[str, Upstream]]:
    running = {name: Upstream(name) for name in names}
    try:
        yield running
    finally:
        for one in running.values():
            one.stop()
