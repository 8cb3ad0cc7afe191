"""Nodes with broken GPUs, against an API server and a Prometheus that are no more than that."""

from __future__ import annotations

import ast
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.health import quarantine
from serving.health.quarantine import KEY, MOST, TAINT, Cluster, Node, patch, plan, step
from serving.observability import gpus

GPU_TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}


def node(name: str, *, broken: bool | None = False, held: bool = False, pool: str = "gpu") -> Node:
    """Of which nobody says anything, where it is neither broken nor not."""
    taints = [GPU_TAINT, TAINT] if held else [GPU_TAINT]
    return Node(
        name=name,
        version="1",
        pool=pool,
        taints=taints,
        broken=broken is True,
        sound=broken is False,
    )


def names(nodes: Any) -> list[str]:
    return [each.name for each in nodes]


def test_a_broken_node_is_held_and_no_other() -> None:
    """GPU-8."""
    decided = plan([node("a"), node("b", broken=True), node("c"), node("d")])
    assert (names(decided.hold), names(decided.release), names(decided.refused)) == (["b"], [], [])


def test_a_node_that_is_sound_again_is_released() -> None:
    decided = plan([node("a", held=True), node("b", held=True, broken=True)])
    assert (names(decided.hold), names(decided.release)) == ([], ["a"])


def test_nobody_s_word_changes_nothing() -> None:
    """A driver that is gone reports no fault."""
    decided = plan([node("a", held=True, broken=None), node("b", broken=None)])
    assert not [*decided.hold, *decided.release, *decided.refused]


def test_the_only_node_of_a_pool_is_held_too() -> None:
    assert names(plan([node("a", broken=True)]).hold) == ["a"]


def test_when_a_whole_pool_looks_broken_half_of_it_stays() -> None:
    decided = plan([node(name, broken=True) for name in "abcd"])
    assert (names(decided.hold), names(decided.refused)) == (["a", "b"], ["c", "d"])


def test_what_is_held_already_counts() -> None:
    known = [node("a", held=True, broken=True), node("b", broken=True), node("c"), node("d")]
    assert names(plan(known).hold) == ["b"]
    known = [node("a", held=True, broken=True), node("b", broken=True), node("c")]
    assert names(plan(known).refused) == ["b"]


def test_a_broken_pool_takes_no_node_of_another_along() -> None:
    known = [*(node(name, broken=True) for name in "ab"), node("c", broken=True, pool="gpu-vllm")]
    assert names(plan(known).hold) == ["a", "c"]


pools = st.lists(
    st.builds(
        lambda number, broken, held, pool: node(f"n{number}", broken=broken, held=held, pool=pool),
        st.integers(0, 99),
        st.sampled_from([True, False, None]),
        st.booleans(),
        st.sampled_from(["a", "b"]),
    ),
    unique_by=lambda each: each.name,
    max_size=12,
)


@given(pools)
def test_never_more_than_the_share_is_taken_of_a_pool(known: list[Node]) -> None:
    decided = plan(known)
    for pool in ("a", "b"):
        members = [each for each in known if each.pool == pool]
        before = sum(each.held for each in members)
        taken = sum(each.pool == pool for each in decided.hold)
        assert taken == 0 or before + taken <= max(1, MOST * len(members))


@given(pools)
def test_every_node_is_dealt_with_once_and_the_sound_are_left_alone(known: list[Node]) -> None:
    decided = plan(known)
    touched = names([*decided.hold, *decided.release, *decided.refused])
    assert len(touched) == len(set(touched))
    right = {each.name for each in known if each.held == each.broken}
    unknown = {each.name for each in known if not each.broken and not each.sound}
    assert not (right | unknown) & set(touched)


def test_a_patch_keeps_all_other_taints() -> None:
    assert patch(node("a"), held=True)[1]["value"] == [GPU_TAINT, TAINT]
    assert patch(node("a", held=True), held=False)[1]["value"] == [GPU_TAINT]
    assert patch(node("a", held=True), held=True)[1]["value"] == [GPU_TAINT, TAINT]


def test_a_patch_is_for_the_node_as_it_was_seen() -> None:
    assert patch(node("a"), held=True)[0] == {
        "op": "test", "path": "/metadata/resourceVersion", "value": "1",
    }  # fmt: skip


class World:
    """Nodes as Kubernetes keeps them, and what Prometheus says of them."""

    def __init__(self, *names: str) -> None:
        self.nodes = {name: self._fresh(name) for name in names}
        self.broken: list[str] | None = []
        self.measured = list(names)
        self.asked: list[str] = []
        self.patched: list[str] = []

    def _fresh(self, name: str) -> dict[str, Any]:
        return {
            "metadata": {"name": name, "resourceVersion": "1", "labels": {"workload": "gpu"}},
            "spec": {"taints": [GPU_TAINT]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }

    def keys(self, name: str) -> list[str]:
        return [taint["key"] for taint in self.nodes[name]["spec"]["taints"]]

    def answer(self, path: str, content: bytes | None) -> tuple[int, Any]:
        self.asked.append(path)
        url = urlsplit(path)
        if url.path == "/api/v1/query":
            if self.broken is None:
                return 503, {}
            result = [
                {"metric": {"node": name}, "value": [0, f"{int(name in self.broken)}"]}
                for name in self.measured
            ]
            return 200, {"data": {"result": result}}
        if content is None:
            assert parse_qs(url.query) == {"labelSelector": ["nvidia.com/gpu.present=true"]}
            return 200, {"items": list(self.nodes.values())}
        return self._patch(url.path.rpartition("/")[2], json.loads(content))

    def _patch(self, name: str, operations: list[dict[str, Any]]) -> tuple[int, Any]:
        seen, change = operations
        metadata = self.nodes[name]["metadata"]
        if seen["value"] != metadata["resourceVersion"]:
            return 409, {}
        metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)
        self.nodes[name]["spec"]["taints"] = change["value"]
        self.patched.append(name)
        return 200, {}


@contextmanager
def served(world: World) -> Iterator[Cluster]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(None)

        def do_PATCH(self) -> None:
            assert self.headers["Content-Type"] == "application/json-patch+json"
            assert self.headers["Authorization"] == "Bearer secret"
            self._reply(self.rfile.read(int(self.headers["Content-Length"])))

        def _reply(self, content: bytes | None) -> None:
            status, body = world.answer(self.path, content)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        yield Cluster(server=url, prometheus=url, rule=gpus.BROKEN, token="secret", tls=None)
        server.shutdown()


def test_the_node_that_metrics_call_broken_is_taken_out_of_use_and_comes_back() -> None:
    """GPU-8, FM-3."""
    world = World("a", "b", "c")
    with served(world) as cluster:
        world.broken = ["b"]
        step(cluster)
        assert world.keys("b") == ["nvidia.com/gpu", KEY]
        assert world.keys("a") == world.keys("c") == ["nvidia.com/gpu"]
        step(cluster)
        assert world.patched == ["b"]
        world.broken = []
        step(cluster)
        assert world.keys("b") == ["nvidia.com/gpu"]
    assert any("serving%3Agpu_broken%3Amax" in path for path in world.asked)


@pytest.mark.parametrize("condition", quarantine.CONDITIONS)
def test_so_is_the_node_whose_agent_says_so(condition: str) -> None:
    world = World("a", "b")
    world.nodes["a"]["status"]["conditions"].append({"type": condition, "status": "False"})
    world.nodes["b"]["status"]["conditions"].append({"type": condition, "status": "Unknown"})
    with served(world) as cluster:
        step(cluster)
    assert world.patched == ["a"]


def test_without_an_answer_from_prometheus_everything_stays_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = World("a", "b")
    world.broken = ["b"]
    with served(world) as cluster:
        step(cluster)
        world.broken = None
        step(cluster)
    assert (world.keys("a"), world.keys("b")) == (["nvidia.com/gpu"], ["nvidia.com/gpu", KEY])
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["message"] == (
        "metrics give no answer"
    )


def test_a_node_comes_back_only_when_its_gpus_are_said_to_be_sound() -> None:
    world = World("a", "b")
    world.broken = ["b"]
    with served(world) as cluster:
        step(cluster)
        world.broken, world.measured = [], ["a"]
        step(cluster)
        assert world.keys("b") == ["nvidia.com/gpu", KEY]
        world.measured = ["a", "b"]
        step(cluster)
        assert world.keys("b") == ["nvidia.com/gpu"]


def test_a_node_that_changed_meanwhile_is_left_for_the_next_look(
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = World("a")
    world.broken = ["a"]
    stale = plan(quarantine.nodes({"items": list(world.nodes.values())}, {"a": True}))
    with served(world) as cluster:
        world.nodes["a"]["metadata"]["resourceVersion"] = "7"
        with pytest.raises(OSError, match="409"):
            cluster.apply(stale.hold[0], held=True)
        assert world.patched == []
        step(cluster)
    assert world.patched == ["a"]
    assert "held" in capsys.readouterr().out


def test_the_file_runs_with_what_python_brings_alone() -> None:
    tree = ast.parse(Path(quarantine.__file__).read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for found in ast.walk(tree)
        if isinstance(found, ast.Import | ast.ImportFrom)
        for name in (
            [alias.name for alias in found.names]
            if isinstance(found, ast.Import)
            else [str(found.module)]
        )
    }
    assert imported <= sys.stdlib_module_names


def test_the_taint_is_the_one_that_alerts_watch() -> None:
    assert gpus.QUARANTINE == KEY
