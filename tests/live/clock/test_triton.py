"""The server itself: what it loads, how it is waited for, who may change it, how it ends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from tritonclient import grpc
from tritonclient.utils import InferenceServerException

from serving import triton
from serving.contract.triton_config import files
from serving.inference import Protocol, total
from serving.triton import ADDRESS, ADMIN_HEADER, Server, TritonFailed, running
from tests.live.versions import ONE, TOY, toy

pytestmark = pytest.mark.live


def add_model(repository: Path, name: str, source: str = TOY, load_ms: int = 0) -> None:
    config = files(toy(load_ms=load_ms), 1)["toy/config.pbtxt"].decode()
    (repository / name / "1").mkdir(parents=True)
    (repository / name / "config.pbtxt").write_text(config.replace('"toy"', f'"{name}"'))
    (repository / name / "1" / "model.py").write_text(source)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """On a repository of two models, of which only `toy` is named."""
    repository = tmp_path_factory.mktemp("repository")
    add_model(repository, "toy")
    add_model(repository, "unnamed")
    with running(repository, ["toy"], 1) as server:
        yield server


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_it_answers_over_both_protocols(server: Server, protocol: Protocol) -> None:
    before = server.infer("toy", 1, ONE, protocol)["executions"].item()
    assert server.infer("toy", 1, ONE, protocol)["executions"].item() == before + 1


def test_readiness_is_of_the_version_asked_for(server: Server) -> None:
    assert server.ready("toy", 1)
    assert not server.ready("toy", 2)


def test_a_model_that_nobody_named_is_loaded_only_through_the_api_and_only_with_its_key(
    server: Server,
) -> None:
    load = f"{server.url}/v2/repository/models/unnamed/load"
    assert not server.ready("unnamed", 1)
    assert httpx.post(load).status_code == 403
    assert httpx.post(load, headers={ADMIN_HEADER: "guessed"}).status_code == 403
    with grpc.InferenceServerClient(f"{ADDRESS}:{server.grpc_port}") as client:
        with pytest.raises(InferenceServerException, match="restricted"):
            client.load_model("unnamed")
        assert not server.ready("unnamed", 1)
        client.load_model("unnamed", headers={f"triton-grpc-protocol-{ADMIN_HEADER}": server.key})
    assert server.ready("unnamed", 1)
    assert httpx.post(load, headers=server.admin, timeout=30).status_code == 200


@pytest.mark.parametrize(
    ("protocol", "status"), [("http", "400"), ("grpc", "StatusCode.INVALID_ARGUMENT")]
)
def test_a_request_above_the_largest_batch_is_refused(
    server: Server, protocol: Protocol, status: str
) -> None:
    nine = {"x": np.zeros((9, 1), dtype=np.float32)}
    with pytest.raises(InferenceServerException, match="batch") as refused:
        server.infer("toy", 1, nine, protocol)
    assert refused.value.status() == status


def test_its_metrics_tell_requests_and_latencies_by_model_and_version(server: Server) -> None:
    of_toy = {"model": "toy", "version": "1"}
    before = server.metrics()
    server.infer("toy", 1, ONE)
    after = server.metrics()
    for name in ("nv_inference_request_success", "nv_inference_count", "nv_inference_exec_count"):
        assert total(after, name, **of_toy) == total(before, name, **of_toy) + 1, name
    names = {sample.name for sample in after if of_toy.items() <= sample.labels.items()}
    assert names >= {
        "nv_inference_request_failure",
        "nv_inference_pending_request_count",
        "nv_inference_queue_duration_us",
        "nv_inference_compute_infer_duration_us",
        "nv_inference_request_summary_us",
    }
    quantiles = {s.labels["quantile"] for s in after if s.name == "nv_inference_queue_summary_us"}
    assert quantiles >= {"0.5", "0.99"}


def test_a_name_that_the_repository_lacks_ends_the_server_and_is_told(tmp_path: Path) -> None:
    add_model(tmp_path, "toy")
    with (
        pytest.raises(TritonFailed, match=r"exit code 1 before (.|\n)*missing") as failed,
        running(tmp_path, ["toy", "missing"], 1),
    ):
        pass
    assert "failed to poll model 'missing': model not found" in str(failed.value)


def test_a_model_that_does_not_load_is_told_with_its_own_last_words(tmp_path: Path) -> None:
    source = TOY.replace("self.executions = 0", "raise RuntimeError('the weights are torn')")
    add_model(tmp_path, "toy", source)
    with (
        pytest.raises(TritonFailed, match="the weights are torn"),
        running(tmp_path, ["toy"], 1),
    ):
        pass


def test_a_model_that_takes_longer_than_its_budget_is_not_waited_for(tmp_path: Path) -> None:
    add_model(tmp_path, "toy", load_ms=20_000)
    begun, memory = time.monotonic(), shared_memory()
    with (
        pytest.raises(TritonFailed, match="toy version 1 was not ready within 2 s"),
        running(tmp_path, ["toy"], 1, within=2),
    ):
        pass
    assert time.monotonic() - begun < 20, "it had to be killed"
    assert shared_memory() <= memory


def test_ports_that_somebody_else_took_are_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_model(tmp_path, "toy")
    free_ports = triton._free_ports
    offers = []
    with socket.create_server((ADDRESS, 0)) as taken:

        def some_taken(count: int) -> list[int]:
            ports = free_ports(count)
            offers.append(ports if offers else [*ports[1:], taken.getsockname()[1]])
            return offers[-1]

        monkeypatch.setattr(triton, "_free_ports", some_taken)
        with running(tmp_path, ["toy"], 1) as server:
            assert server.metrics()
    assert len(offers) == 2


def test_nothing_is_left_of_it(tmp_path: Path) -> None:
    add_model(tmp_path, "toy")
    with running(tmp_path, ["toy"], 1) as server:
        group = group_of(server.http_port)
        assert len(members(group)) >= 2, "the server and the process that runs the model"
        assert any(name.startswith(server.shared_memory) for name in shared_memory())
    assert not members(group)
    assert not any(name.startswith(server.shared_memory) for name in shared_memory())
    assert not server.log.exists()
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "1",
        "config.pbtxt",
        "model.py",
        "toy",
    ]


def test_it_ends_with_the_program_that_started_it(tmp_path: Path) -> None:
    add_model(tmp_path, "toy")
    program = (
        "import pathlib, sys, time\n"
        "from serving.triton import running\n"
        "with running(pathlib.Path(sys.argv[1]), ['toy'], 1) as server:\n"
        "    print(server.http_port, flush=True)\n"
        "    time.sleep(600)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        group = group_of(int(parent.stdout.readline()))
        parent.kill()
    deadline = time.monotonic() + 30
    while members(group) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not members(group)


def shared_memory() -> set[str]:
    return {path.name for path in Path("/dev/shm").iterdir()}


def group_of(http_port: int) -> int:
    (pid,) = (pid for pid in pids() if f"--http-port={http_port}".encode() in words(pid))
    return os.getpgid(pid)


def members(group: int) -> list[int]:
    found = []
    for pid in pids():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] != "Z" and int(fields[2]) == group:
            found.append(pid)
    return found


def pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def words(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return []
