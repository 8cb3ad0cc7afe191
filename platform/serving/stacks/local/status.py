"""What runs of a local stack, told by the processes themselves: no engine is asked."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.local import proc, supervision, writing
from serving.errors import InputError
from serving.stacks.local.place import ADDRESS, Place


@dataclass(frozen=True, kw_only=True)
class ProcessStatus:
    name: str
    kind: str
    pid: int
    alive: bool
    since: float
    """Seconds since 1970 of its start."""
    rss_bytes: int
    """Of it and its helpers; shared pages count in each."""
    ports: Mapping[str, int]
    log: str

    @property
    def seconds(self) -> float:
        return time.time() - self.since


@dataclass(frozen=True, kw_only=True)
class Addresses:
    gateway: str
    """Host and port, for HTTP and gRPC."""
    gateway_admin: str
    prometheus: str
    store: str
    """The folder of the published versions."""


def processes(place: Place) -> Sequence[ProcessStatus]:
    """Everything that was started and not stopped, by kind and name."""
    records = [supervision.read(path) for path in place.records.glob("*.json")]
    found = [_status(record) for record in records if record is not None]
    return sorted(found, key=lambda each: (each.kind, each.name))


def addresses(place: Place) -> Addresses:
    """Raises InputError before the stack was brought up for the first time."""
    ports = json.loads(writing.content_of(place.ports) or "{}")
    try:
        return Addresses(
            gateway=f"{ADDRESS}:{ports['gateway/requests']}",
            gateway_admin=f"http://{ADDRESS}:{ports['gateway/admin']}",
            prometheus=f"http://{ADDRESS}:{ports['prometheus/http']}",
            store=str(place.store),
        )
    except KeyError:
        raise InputError(
            f"stack {place.name} was never brought up (its state folder would be {place.root}): "
            f"run `serving local up --stack {place.name}` first"
        ) from None


def _status(record: Mapping[str, object]) -> ProcessStatus:
    alive = supervision.lives(record)
    pid = int(str(record["pid"]))
    return ProcessStatus(
        name=str(record["name"]),
        kind=str(record["kind"]),
        pid=pid,
        alive=alive,
        since=float(str(record["since"])),
        rss_bytes=proc.resident_bytes(pid) if alive else 0,
        ports={str(k): int(v) for k, v in dict(record["ports"]).items()},  # type: ignore[call-overload]  # as written by the launcher
        log=str(record["log"]),
    )
