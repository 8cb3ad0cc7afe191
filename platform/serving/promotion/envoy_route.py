"""The route on an Envoy of this machine: read from what it has in force, changed by its file."""

from __future__ import annotations

import fcntl
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from serving.errors import ServingError
from serving.gateway.names import statistics
from serving.gateway.routes import NAME
from serving.gateway.shares import shares_of, versions_in, with_shares
from serving.registry.folder import write_whole

DEADLINE_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.05
LOOK_SECONDS: Final = 0.25
HELD: Final = "routes.held.json"
"""Beside the routes: by model and cluster, weights that the stack must not undo before it knows
them."""

_REFUSED: Final = r"\.rds\..*\.update_(rejected|failure)$"


class EnvoyRoute:
    def __init__(self, admin: str, routes_file: Path) -> None:
        """`admin`: the address of Envoy's administration, such as http://127.0.0.1:9901."""
        self._admin = admin.rstrip("/")
        self._file = routes_file

    def shares(self, model: str) -> Mapping[int, int]:
        _, configuration = self._in_force()
        return shares_of(configuration, model)

    def change(self, model: str, shares: Mapping[int, int]) -> None:
        held_file = self._file.with_name(HELD)
        with self._locked():
            before, held_before = _read(self._file), _read(held_file)
            changed = with_shares(_parsed(before, self._file), model, shares)
            held = _parsed(held_before, held_file) if held_before else {}
            everywhere = {**dict.fromkeys(versions_in(changed, model), 0), **shares}
            held[model] = {statistics(model, v): share for v, share in everywhere.items()}
            _write(held_file, json.dumps(held))  # first: whoever is killed between has asked for it
            try:
                self._put(json.dumps(changed), changed["version_info"])
            except ServingError:
                _write(self._file, before)
                _write(held_file, held_before or "{}")  # nothing held
                raise

    def drain(self, model: str, version: int, seconds: float) -> None:
        until = time.monotonic() + seconds
        before = None
        while True:
            sent, in_flight = self._traffic(model, version)
            if not in_flight and sent == before:
                return
            if time.monotonic() > until:
                left = f"{in_flight} in flight" if in_flight else "new ones still arrive"
                raise ServingError(
                    f"model {model}: version {version} still has requests after {seconds:g} s "
                    f"({left}); see who sends them in the gateway's log, then try again"
                )
            before = sent
            time.sleep(LOOK_SECONDS)

    def _put(self, text: str, version: str) -> None:
        refused = self._refused()
        _write(self._file, text)
        until = time.monotonic() + DEADLINE_SECONDS
        while self._in_force()[0] != version:
            if self._refused() > refused:
                raise ServingError(
                    f"{self._file}: Envoy refused the new routes and keeps the old ones; its log "
                    "says why"
                )
            if time.monotonic() > until:
                raise ServingError(
                    f"{self._file}: the new routes are not in force after {DEADLINE_SECONDS:g} s; "
                    "the old file is there again"
                )
            time.sleep(POLL_SECONDS)

    def _in_force(self) -> tuple[str, Mapping[str, Any]]:
        """Their version, and the routes themselves."""
        found = self._ask("/config_dump?resource=dynamic_route_configs")
        for one in found.get("configs", ()):
            if one.get("route_config", {}).get("name") == NAME:
                return one["version_info"], one["route_config"]
        raise ServingError(f"{self._admin}: Envoy has no routes yet")

    def _refused(self) -> int:
        return sum(self._counters(_REFUSED).values())

    def _traffic(self, model: str, version: int) -> tuple[Mapping[str, int], int]:
        """Of everything that somebody waits for: nobody waits for the answer to a copy."""
        arm = re.escape(statistics(model, version))
        where = rf"^cluster\.{arm}(-pods|-aside)?\."
        counted = self._counters(where + r"upstream_rq_(total|completed|active|pending_active)$")
        active = {name: value for name, value in counted.items() if name.endswith("active")}
        return {k: v for k, v in counted.items() if k not in active}, sum(active.values())

    def _counters(self, pattern: str) -> dict[str, int]:
        found = self._ask("/stats", format="json", filter=pattern).get("stats", ())
        return {one["name"]: one["value"] for one in found if "name" in one}

    def _ask(self, path: str, **parameters: str) -> Mapping[str, Any]:
        try:
            answer = httpx.get(
                self._admin + path,
                params=parameters or None,
                timeout=DEADLINE_SECONDS,
                trust_env=False,  # no proxy stands before a program of this machine
            )
            answer.raise_for_status()
            found: Mapping[str, Any] = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise ServingError(
                f"{self._admin}: Envoy's administration does not answer: "
                f"{error or type(error).__name__}; is the gateway running?"
            ) from None
        return found

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Shared with the stack, which writes the same file."""
        with self._file.with_name(f"{self._file.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _read(path: Path) -> str:
    """Empty where there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ServingError(
            f"{path}: is not JSON: {error}; `serving local up` writes it anew"
        ) from None
    if not isinstance(found, dict):
        raise ServingError(f"{path}: expected a JSON object; `serving local up` writes it anew")
    return found


def _write(path: Path, text: str) -> None:
    """Envoy reads a file that was moved there, and never half of one."""
    write_whole(path, text.encode())
