"""A server for tests that gives one answer, and a site that needs no stack."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from serving.dashboard.source import Sources
from tests.unit.serving.promotion.recorded import NOON
from tests.unit.serving.promotion.windows import contract

REFUSED = "http://127.0.0.1:9"
"""Nobody listens there."""


@dataclass(frozen=True, kw_only=True)
class Running:
    name: str = "gateway"
    kind: str = "envoy"
    pid: int = 4711
    alive: bool = True
    since: float = NOON.timestamp() - 60
    rss_bytes: int = 50 << 20
    ports: Mapping[str, int] = field(default_factory=lambda: {"requests": 40100})


def sources(folder: Path, prometheus: str = REFUSED) -> Sources:
    return Sources(
        stack="local",
        prometheus=prometheus,
        scrape_seconds=15.0,
        journals=folder,
        contracts=lambda: {"digits": contract()},
        processes=lambda: [Running(), Running(name="digits-2-1", kind="triton", alive=False)],
        held=lambda model: False,
        clock=NOON.timestamp,
    )


@contextmanager
def answering(body: bytes, status: int = 200) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()
