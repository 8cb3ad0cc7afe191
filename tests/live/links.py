"""A link between two programs that can be cut: a TCP proxy on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, Literal, TypeAlias

Cut: TypeAlias = Literal["refuses", "hangs", "breaks off"]
"""Closes at once; takes everything and says nothing; says the half of each answer."""
CUTS: Final[tuple[Cut, ...]] = ("refuses", "hangs", "breaks off")
_CHUNK: Final = 65_536


class Link:
    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = host, int(port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._held: list[socket.socket] = []
        self.cut: Cut | None = None
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def address(self) -> str:
        host, port = self._server.getsockname()
        return f"{host}:{port}"

    def close(self) -> None:
        self._server.close()
        self.restore()

    def restore(self) -> None:
        """Who was kept waiting is let go."""
        self.cut = None
        while self._held:
            self._held.pop().close()

    def _serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                threading.Thread(
                    target=self._pass, args=(self._server.accept()[0],), daemon=True
                ).start()

    def _pass(self, caller: socket.socket) -> None:
        if self.cut == "refuses":
            caller.close()
        elif self.cut == "hangs":
            self._held.append(caller)
        else:
            with caller, suppress(OSError), socket.create_connection(self._target) as server:
                threading.Thread(target=_copy, args=(caller, server), daemon=True).start()
                while answer := server.recv(_CHUNK):
                    if self.cut is not None:
                        caller.sendall(answer[: len(answer) // 2])
                        return
                    caller.sendall(answer)


def _copy(source: socket.socket, to: socket.socket) -> None:
    """Whoever has said all lets the other know: Prometheus takes 512 connections, and keeps those
    that nobody closes."""
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)


@contextmanager
def link(target: str) -> Iterator[Link]:
    """To a host and port."""
    made = Link(target)
    try:
        yield made
    finally:
        made.close()
