"""Hands a running Envoy its configuration by files, so that no request is ever lost by a change.

What a route names exists before the route does, and until after it is gone; nothing counts before
Envoy says that it is in force. Standard library only.
"""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.local import writing
from components.local.asking import ask_json
from components.local.held import HELD, Json, overridden, read_held, under_held, versioned

LISTENERS, CLUSTERS, ROUTES = "listener.json", "clusters.json", "routes.json"
LOCK = "routes.json.lock"
_REFUSALS = {
    LISTENERS: r"lds\.update_(rejected|failure)$",
    CLUSTERS: r"cds\.update_(rejected|failure)$",
    ROUTES: r"rds\..*update_(rejected|failure)$",
}
_COMPLAINTS = ("update failed", "rejected", "Error adding", "Unable to parse", "invalid")
_SECONDS = 60.0
"""A new cluster counts once its servers were asked, or a probe's deadline is over."""
_POLL_SECONDS = 0.05


class Rejected(Exception):
    """Envoy keeps what it had. The message has its words."""


def hand_over(props: Mapping[str, Any]) -> None:
    """Raises Rejected; then the old files are there again."""
    folder = Path(props["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        files = _files(props)
        before = {name: writing.content_of(folder / name) for name in files}
        wanted = {**files, ROUTES: under_held(folder, files[ROUTES])}
        envoy = _Envoy(folder, props["admin"], Path(props["log"]))
        try:
            envoy.write(CLUSTERS, _both(before[CLUSTERS], wanted[CLUSTERS]))
            envoy.write(ROUTES, wanted[ROUTES])
            envoy.write(LISTENERS, wanted[LISTENERS])
            envoy.write(CLUSTERS, wanted[CLUSTERS])
        except Rejected:
            for name, content in before.items():
                if content is not None:
                    writing.write(folder / name, content)
            raise


def in_force(props: Mapping[str, Any]) -> bool:
    """As files that Envoy has not refused; what was changed directly counts as it stands."""
    folder, files = Path(props["folder"]), _files(props)
    wanted = {**files, ROUTES: overridden(files[ROUTES], read_held(folder))}
    if not all(writing.content_of(folder / name) == text for name, text in wanted.items()):
        return False
    return _Envoy(folder, props["admin"], Path(props["log"])).follows(ROUTES, wanted[ROUTES])


def remove(props: Mapping[str, Any]) -> None:
    for name in (LISTENERS, CLUSTERS, ROUTES, HELD, LOCK):
        (Path(props["folder"]) / name).unlink(missing_ok=True)


def _files(props: Mapping[str, Any]) -> dict[str, str]:
    return {
        LISTENERS: props["listeners"], CLUSTERS: props["clusters"], ROUTES: props["routes"]
    }  # fmt: skip


@dataclass(frozen=True)
class _State:
    version: str
    refused: int
    """Updates, since Envoy started."""
    settled: bool = True
    """What is new has asked once: its servers whether they are well, an issuer for its keys."""


class _Envoy:
    def __init__(self, folder: Path, admin: str, log: Path) -> None:
        self._folder = folder
        self._admin = admin
        self._log = log

    def write(self, name: str, content: str) -> None:
        """Returns when it is in force; at once where Envoy does not run."""
        path = self._folder / name
        old = writing.content_of(path)
        known = old is not None and _by_name(old) == _by_name(content)
        if known and (name != ROUTES or self.follows(name, content)):
            if old != content:  # Envoy goes on to show the version of what changed something
                writing.write(path, content)
            return
        before = self._state(name)
        writing.write(path, content)
        version = json.loads(content)["version_info"]
        until = time.monotonic() + _SECONDS
        while before is not None and (now := self._state(name)) is not None:
            if now.version == version and now.settled:
                return
            if now.refused > before.refused:
                raise Rejected(f"{path}: {self._words()}")
            if time.monotonic() > until:
                raise Rejected(f"{path}: not in force after {_SECONDS:g} s; {self._words()}")
            time.sleep(_POLL_SECONDS)

    def follows(self, name: str, content: str) -> bool:
        """Also where Envoy does not answer: then it will read the file when it starts."""
        state = self._state(name)
        if state is None or not state.refused:
            return True
        return state.version == str(json.loads(content)["version_info"])

    def _words(self) -> str:
        """Envoy tells the reason nowhere else."""
        lines = (writing.content_of(self._log) or "").splitlines()
        said = [line for line in lines if any(word in line for word in _COMPLAINTS)]
        return f"Envoy said: {said[-1]}" if said else f"see Envoy's log, {self._log}"

    def _state(self, name: str) -> _State | None:
        """None where Envoy does not answer."""
        try:
            dump = ask_json(f"{self._admin}/config_dump", _SECONDS)["configs"]
            stats = ask_json(f"{self._admin}/stats?format=json&filter={_REFUSALS[name]}", _SECONDS)
        except OSError:
            return None
        refused = sum(stat.get("value", 0) for stat in stats["stats"])
        if name == ROUTES:
            tables = _section(dump, "RoutesConfigDump").get("dynamic_route_configs", [{}])
            return _State(tables[0].get("version_info", ""), refused)
        if name == LISTENERS:
            listeners = _section(dump, "ListenersConfigDump")
            known = listeners.get("dynamic_listeners", ())
            warming = any("warming_state" in each for each in known)
            return _State(listeners.get("version_info", ""), refused, not warming)
        clusters = _section(dump, "ClustersConfigDump")
        warming = bool(clusters.get("dynamic_warming_clusters"))
        return _State(clusters.get("version_info", ""), refused, not warming)


def _by_name(document: str) -> dict[str, Json]:
    return {resource["name"]: resource for resource in json.loads(document)["resources"]}


def _section(dump: list[Json], kind: str) -> Json:
    return next((part for part in dump if part["@type"].endswith(f".{kind}")), {})


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Shared with whoever changes the weights directly."""
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _both(before: str | None, wanted: str) -> str:
    """The old clusters and the new ones; of one name the new one."""
    if before is None:
        return wanted
    old, new = json.loads(before), json.loads(wanted)
    names = {cluster["name"] for cluster in new["resources"]}
    kept = [cluster for cluster in old["resources"] if cluster["name"] not in names]
    if not kept:
        return wanted
    return versioned([*new["resources"], *kept])
