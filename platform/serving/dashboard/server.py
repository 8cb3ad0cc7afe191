"""The page over HTTP: on loopback, for this machine's own browser, and only to be read."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from serving.dashboard.source import ANSWERS, RANGES, Site, Sources
from serving.errors import InputError, ServingError

ADDRESS: Final = "127.0.0.1"
IDLE_SECONDS: Final = 15.0
"""After which a connection that asks nothing is closed."""
FRESH_SECONDS: Final = 1.0
"""Several tabs ask no more than one."""
REPORT: Final = "report"
STATIC: Final[Mapping[str, str]] = {
    "index.html": "text/html; charset=utf-8",
    "app.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "chart.js": "text/javascript; charset=utf-8",
    "plot.js": "text/javascript; charset=utf-8",
    "table.js": "text/javascript; charset=utf-8",
    "word.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "uplot.min.js": "text/javascript; charset=utf-8",
    "uplot.min.css": "text/css; charset=utf-8",
}
_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_REPORT_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Dashboard(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, sources: Sources, port: int) -> None:
        super().__init__((ADDRESS, port), Handler)
        self._site = Site(sources)
        self._locks = {what: threading.Lock() for what in (*ANSWERS, REPORT)}
        self._answers: dict[tuple[str, int], tuple[float, bytes]] = {}

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.server_port}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """What a request may call this machine; under another name a foreign page asks."""
        return tuple(f"{name}:{self.server_port}" for name in (ADDRESS, "localhost"))

    def answer(self, what: str, seconds: int) -> bytes | None:
        if what not in ANSWERS:
            return None
        with self._locks[what]:
            at, known = self._answers.get((what, seconds), (0.0, b""))
            if known and time.monotonic() - at < FRESH_SECONDS:
                return known
            found = self._site.answer(what, seconds)
            body = json.dumps(found, allow_nan=False, separators=(",", ":")).encode()
            self._answers[what, seconds] = (time.monotonic(), body)
            return body

    def report(self, name: str) -> str | None:
        with self._locks[REPORT]:
            return self._site.report(name)


class Handler(BaseHTTPRequestHandler):
    server: Dashboard
    server_version = "serving"
    sys_version = ""
    timeout = IDLE_SECONDS

    def do_GET(self) -> None:
        if self.headers.get("Host", "") not in self.server.hosts:
            self._say(
                HTTPStatus.MISDIRECTED_REQUEST, "this page is only at this machine's own name"
            )
            return
        url = urlsplit(self.path)
        first, _, rest = unquote(url.path).lstrip("/").partition("/")
        match first:
            case "api":
                self._api(rest, url.query)
            case "promotions":
                self._report(rest)
            case _:
                self._static(f"{first}/{rest}" if rest else first or "index.html")

    do_HEAD = do_GET

    def __getattr__(self, name: str) -> object:
        if name.startswith("do_"):
            return self._refuse
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as its base has it
        pass

    def _refuse(self) -> None:
        self.close_connection = True  # what it sends along is not read
        self._say(HTTPStatus.METHOD_NOT_ALLOWED, "this page is only to be read", Allow="GET, HEAD")

    def _api(self, what: str, query: str) -> None:
        said = parse_qs(query).get("seconds", ["900"])[0]
        if said not in map(str, RANGES):
            self._say(HTTPStatus.BAD_REQUEST, f"seconds: expected one of {RANGES}")
            return
        body = self.server.answer(what, int(said))
        if body is None:
            self._say(HTTPStatus.NOT_FOUND, "nothing of that name")
        else:
            self._send(HTTPStatus.OK, "application/json", body)

    def _report(self, name: str) -> None:
        try:
            page = self.server.report(name)
        except ServingError as error:
            self._say(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
            return
        if page is None:
            self._say(HTTPStatus.NOT_FOUND, "no promotion of that name")
        else:
            kind = STATIC["index.html"]
            self._send(HTTPStatus.OK, kind, page.encode(), _REPORT_POLICY)

    def _static(self, name: str) -> None:
        kind = STATIC.get(name)
        if kind is None:
            self._say(HTTPStatus.NOT_FOUND, "nothing of that name")
            return
        body = files("serving.dashboard").joinpath("static", name).read_bytes()
        self._send(HTTPStatus.OK, kind, body)

    def _say(self, status: HTTPStatus, text: str, **headers: str) -> None:
        self._send(status, "text/plain; charset=utf-8", f"{text}\n".encode(), **headers)

    def _send(
        self,
        status: HTTPStatus,
        kind: str,
        body: bytes,
        policy: str = _PAGE_POLICY,
        **headers: str,
    ) -> None:
        self.send_response(status)
        told = {"Content-Type": kind, "Content-Length": str(len(body))}
        policies = {"Content-Security-Policy": policy}
        for name, value in {**told, **policies, **_HEADERS, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def serving(sources: Sources, port: int) -> Iterator[Dashboard]:
    """Answers in threads of its own until it is left; port 0 is any that is free."""
    try:
        server = Dashboard(sources, port)
    except OSError as error:
        raise InputError(
            f"port {port} cannot be had on {ADDRESS}: {error.strerror}; name another with --port"
        ) from None
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
