"""Questions over HTTP to programs of this machine, past any proxy. Standard library only."""

from __future__ import annotations

import json
import urllib.request
from http.client import HTTPException
from typing import Any

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(url: str, seconds: float, body: str = "", method: str | None = None) -> bytes:
    """The answer's body if it is 2xx. Raises OSError, of which HTTPError is one."""
    headers = {"content-type": "application/json"} if body else {}
    request = urllib.request.Request(  # noqa: S310  # our own, on loopback
        url, data=body.encode() if body else None, headers=headers, method=method
    )
    try:
        with _DIRECT.open(request, timeout=seconds) as answer:
            found: bytes = answer.read()
    except HTTPException as error:  # no HTTP, or the end of who was answering
        raise OSError(f"{url}: {error!r}") from error
    return found


def ask_json(url: str, seconds: float) -> Any:
    """Raises OSError also where the answer is no JSON."""
    try:
        return json.loads(ask(url, seconds))
    except ValueError as error:
        raise OSError(f"{url}: {error}") from error
