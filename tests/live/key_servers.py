"""An issuer of tokens beside the gateway: publishes its keys, over HTTP or HTTPS, if it runs."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from joserfc.jwk import KeySet, RSAKey

from tests.live.envoys import free_port
from tests.live.forgeries import signed

ISSUER = "https://id.example.com/"
AUDIENCE = "inference"


class KeyServer:
    """At the same port whenever it runs."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.keys = [new_key()]
        self.status = 200
        self.says: bytes | None = None
        """Instead of its keys."""
        self._certificate = certificate
        self._port = free_port()
        self._http: ThreadingHTTPServer | None = None

    @property
    def address(self) -> str:
        scheme = "https" if self._certificate else "http"
        return f"{scheme}://localhost:{self._port}/keys"

    def token(self, key: RSAKey | None = None, subject: str = "a caller") -> str:
        return signed(key or self.keys[0], iss=ISSUER, aud=AUDIENCE, sub=subject)

    def start(self) -> None:
        self._http = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
        if self._certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificate)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        threading.Thread(target=self._http.serve_forever, args=(0.02,)).start()

    def stop(self) -> None:
        if self._http:
            self._http.shutdown()
            self._http.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                keys = KeySet(server.keys).as_dict(private=False)
                self.send_response(server.status)
                self.end_headers()
                self.wfile.write(json.dumps(keys).encode() if server.says is None else server.says)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def new_key() -> RSAKey:
    key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"})
    key.ensure_kid()
    return key


@contextmanager
def key_server(certificate: Path | None = None) -> Iterator[KeyServer]:
    """Not started yet."""
    server = KeyServer(certificate)
    try:
        yield server
    finally:
        server.stop()
