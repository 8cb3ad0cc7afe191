"""A double of a server of chat completions: a judge, or a model on vLLM."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from serving.promotion.ground import Endpoint


class Refuses(Exception):
    """Answered with status 503."""


@dataclass
class Chat:
    answer: Callable[[Mapping[str, Any]], str]
    """Of the body of a request."""
    delay: float = 0.0
    body: bytes | None = None
    """Sent with status 200 in place of any answer."""
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    address: str = ""

    @property
    def base(self) -> str:
        return f"http://{self.address}/v1"

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(pod="assistant-2-1", http=self.address, grpc="127.0.0.1:9")


@contextmanager
def chatting(answer: Callable[[Mapping[str, Any]], str]) -> Iterator[Chat]:
    double = Chat(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            double.asked.append(body)
            time.sleep(double.delay)
            status, said = 404, b"no such path"
            if self.path == "/v1/chat/completions":
                status, said = _answered(double, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            with suppress(OSError):  # whoever asked has lost patience
                self.wfile.write(said)

        def log_message(self, *words: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    double.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answered(double: Chat, body: Mapping[str, Any]) -> tuple[int, bytes]:
    if double.body is not None:
        return 200, double.body
    try:
        message = {"role": "assistant", "content": double.answer(body)}
    except Refuses as error:
        return 503, str(error).encode()
    return 200, json.dumps({"choices": [{"index": 0, "message": message}]}).encode()
