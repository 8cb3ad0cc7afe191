"""Takes nodes whose GPUs are broken out of use, and back in when they are sound again.

This file alone, with what Python brings, is what runs in the cluster: `python quarantine.py`.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEY = "gpu-quarantine"
TAINT = {"key": KEY, "value": "broken", "effect": "NoSchedule"}

CONDITIONS = ("AcceleratedHardwareReady", "KernelReady", "StorageReady")
"""What the node's own agent says of it: False is a fault."""

POOL = "workload"
"""Label that nodes of one pool share."""

MOST = 0.5
"""Of a pool: when more look broken, what looks is likelier to be broken."""

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
PAUSE_SECONDS = 30
DEADLINE_SECONDS = 10
ALIVE_SECONDS = 300


@dataclass(frozen=True)
class Node:
    name: str
    version: str
    pool: str
    taints: Sequence[Mapping[str, Any]]
    broken: bool
    sound: bool
    """Somebody says so; of a node that nobody says anything of, it is not known."""

    @property
    def held(self) -> bool:
        return any(taint["key"] == KEY for taint in self.taints)


@dataclass(frozen=True)
class Plan:
    hold: Sequence[Node] = ()
    release: Sequence[Node] = ()
    refused: Sequence[Node] = ()
    """Broken, but one too many of their pool."""


def nodes(listed: Mapping[str, Any], broken: Mapping[str, bool]) -> list[Node]:
    """As the API server lists them; `broken` is what metrics say of some of them."""
    return [_node(each, broken) for each in listed["items"]]


def _node(described: Mapping[str, Any], broken: Mapping[str, bool]) -> Node:
    metadata = described["metadata"]
    faults = [
        condition
        for condition in described.get("status", {}).get("conditions", [])
        if condition["type"] in CONDITIONS and condition["status"] == "False"
    ]
    told = broken.get(metadata["name"])
    return Node(
        name=metadata["name"],
        version=metadata["resourceVersion"],
        pool=metadata.get("labels", {}).get(POOL, ""),
        taints=described.get("spec", {}).get("taints", []),
        broken=bool(faults) or told is True,
        sound=not faults and told is False,
    )


def plan(known: Sequence[Node]) -> Plan:
    """One node of a pool may always be held, more only up to the share."""
    hold: list[Node] = []
    refused: list[Node] = []
    for pool in sorted({node.pool for node in known}):
        members = sorted((node for node in known if node.pool == pool), key=lambda node: node.name)
        room = max(1, int(MOST * len(members))) - sum(node.held for node in members)
        for node in members:
            if node.broken and not node.held:
                (hold if room > 0 else refused).append(node)
                room -= 1
    release = [node for node in known if node.held and node.sound]
    return Plan(hold=hold, release=release, refused=refused)


def patch(node: Node, *, held: bool) -> list[dict[str, Any]]:
    """Of this node as it was seen: the API server refuses it if it has changed since."""
    others = [dict(taint) for taint in node.taints if taint["key"] != KEY]
    taints = [*others, TAINT] if held else others
    return [
        {"op": "test", "path": "/metadata/resourceVersion", "value": node.version},
        {"op": "add", "path": "/spec/taints", "value": taints},
    ]


@dataclass(frozen=True)
class Cluster:
    server: str
    prometheus: str
    rule: str
    token: str
    tls: ssl.SSLContext | None

    def broken(self) -> Mapping[str, bool]:
        """By node; nothing of any, where there is no answer."""
        question = urllib.parse.urlencode({"query": self.rule})
        try:
            body = self._ask(f"{self.prometheus}/api/v1/query?{question}")
            return {
                each["metric"]["node"]: float(each["value"][1]) > 0
                for each in body["data"]["result"]
            }
        except (OSError, ValueError, KeyError, TypeError) as error:
            say("metrics give no answer", error=str(error))
            return {}

    def listed(self) -> Mapping[str, Any]:
        label = urllib.parse.quote("nvidia.com/gpu.present=true")
        found: Mapping[str, Any] = self._ask(
            f"{self.server}/api/v1/nodes?labelSelector={label}", mine=True
        )
        return found

    def apply(self, node: Node, *, held: bool) -> None:
        content = json.dumps(patch(node, held=held)).encode()
        self._ask(f"{self.server}/api/v1/nodes/{node.name}", mine=True, content=content)

    def _ask(self, url: str, *, mine: bool = False, content: bytes | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310  both addresses are given
            url, data=content, method="GET" if content is None else "PATCH"
        )
        if mine:
            request.add_header("Authorization", f"Bearer {self.token}")
        if content is not None:
            request.add_header("Content-Type", "application/json-patch+json")
        tls = self.tls if mine else None
        with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS, context=tls) as answer:  # noqa: S310
            return json.load(answer)


def step(cluster: Cluster) -> Plan:
    """One look at all nodes with GPUs, and what follows from it."""
    decided = plan(nodes(cluster.listed(), cluster.broken()))
    for node, held in _changes(decided):
        try:
            cluster.apply(node, held=held)
            say("held" if held else "released", node=node.name, pool=node.pool)
        except urllib.error.HTTPError as error:
            # Somebody else changed it meanwhile; the next look sees it as it is then.
            say("not changed", node=node.name, status=error.code)
    for node in decided.refused:
        say("too many of the pool are held already", node=node.name, pool=node.pool)
    return decided


def _changes(decided: Plan) -> Iterator[tuple[Node, bool]]:
    yield from ((node, True) for node in decided.hold)
    yield from ((node, False) for node in decided.release)


def say(what: str, **more: Any) -> None:
    sys.stdout.write(json.dumps({"message": what, **more}) + "\n")
    sys.stdout.flush()


def main() -> None:
    alive = Path(os.environ["ALIVE"])
    if "--alive" in sys.argv:
        sys.exit(time.time() - alive.stat().st_mtime > ALIVE_SECONDS)
    cluster = Cluster(
        server="https://kubernetes.default.svc",
        prometheus=os.environ["PROMETHEUS"],
        rule=os.environ["RULE"],
        token="",
        tls=ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt")),
    )
    while True:
        try:
            # The kubelet renews it.
            token = (ACCOUNT / "token").read_text(encoding="utf-8").strip()
            step(Cluster(**{**vars(cluster), "token": token}))
            alive.touch()
        except OSError as error:
            say("the API server gives no answer", error=str(error))
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
