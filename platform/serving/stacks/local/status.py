"""What runs of a local stack, told by the processes themselves: no engine is asked."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.local import held, proc, supervision, writing
from serving.errors import InputError
from serving.stacks.local.place import ADDRESS, GATEWAY, PROMETHEUS, Place


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


def missing(place: Place) -> Sequence[str]:
    """What is deployed and has no process: its start has failed."""
    outputs = _outputs(place)
    pods = [
        server["pod"]
        for versions in outputs.get("servers", {}).values()
        for servers in versions.values()
        for server in servers
    ]
    wanted = [GATEWAY, PROMETHEUS, *pods] if outputs else []
    known = {path.stem for path in place.records.glob("*.json")}
    return [name for name in wanted if name not in known]


def held_weights(place: Place) -> Mapping[str, Mapping[str, int]]:
    """By model and cluster: changed directly, and the configuration says something else."""
    return held.read_held(place.envoy)


def _outputs(place: Place) -> Mapping[str, Any]:
    """As the engine kept them last, read from its file: to ask it would take as long as all the
    rest. Empty where nothing is deployed, or another engine keeps them otherwise."""
    state = place.backend / ".pulumi" / "stacks" / "serving" / f"{place.name}.json"
    try:
        document = json.loads(writing.content_of(state) or "{}")
        resources = document["checkpoint"]["latest"]["resources"] or []
    except (ValueError, LookupError, TypeError):
        return {}
    stacks = (each for each in resources if each["type"] == "pulumi:pulumi:Stack")
    return next((each.get("outputs", {}) for each in stacks), {})


def addresses(place: Place) -> Addresses:
    """Raises InputError before the stack was brought up for the first time."""
    ports = json.loads(writing.content_of(place.ports) or "{}")
    try:
        return Addresses(
            gateway=f"{ADDRESS}:{ports[f'{GATEWAY}/requests']}",
            gateway_admin=f"http://{ADDRESS}:{ports[f'{GATEWAY}/admin']}",
            prometheus=f"http://{ADDRESS}:{ports[f'{PROMETHEUS}/http']}",
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
