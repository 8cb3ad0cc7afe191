"""The load generator against real servers behind a real gateway."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from serving.gateway.table import Served
from serving.gateway.table import Server as Behind
from serving.load import Load, read
from serving.settings import Release
from serving.triton import Server
from tests.live.envoys import Envoy, free_port, running, tenant
from tests.live.samples import held_out
from tests.live.versions import example, served

pytestmark = pytest.mark.live

RATE = 60


@dataclass(frozen=True)
class Stage:
    envoy: Envoy
    built: Path
    servers: dict[str, Server]

    @contextmanager
    def load(self, tmp_path: Path, *traffic: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
        spec = {"address": f"127.0.0.1:{self.envoy.gateway.port}", "traffic": traffic}
        (tmp_path / "spec.json").write_text(json.dumps(spec))
        command = [sys.executable, "-m", "serving.load", "spec.json", "--to", "load.jsonl"]
        process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        try:
            until_recorded(tmp_path / "load.jsonl")
            yield process
        finally:
            process.terminate()
            _, said = process.communicate(timeout=20)
            assert (process.returncode, said) == (0, "")

    def of(self, model: str, **changed: Any) -> dict[str, Any]:
        token = self.envoy.token({"digits": "vision", "tickets": "language"}[model])
        samples = str(self.built / model / "held-out.npz")
        return {"model": model, "rate": RATE, "samples": samples, "token": token} | changed


@pytest.fixture(scope="module")
def stage(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with (
        served(example("digits"), built / "digits" / "1", 1) as one,
        served(example("digits"), built / "digits" / "4", 4) as four,
        served(example("tickets"), built / "tickets" / "1", 1) as texts,
    ):
        servers = {"digits-1": one, "digits-4": four, "tickets-1": texts}
        behind = [
            answering("digits", servers, stable=1),
            answering("tickets", servers, stable=1),
        ]
        folder = tmp_path_factory.mktemp("gateway")
        with running(folder, behind, tenant("vision"), tenant("language")) as envoy:
            yield Stage(envoy, built, servers)


def answering(model: str, servers: dict[str, Server], stable: int) -> Served:
    server = servers[f"{model}-{stable}"]
    ports = {"http_port": server.http_port, "grpc_port": server.grpc_port}
    return Served(
        contract=example(model),
        release=Release(stable=stable),
        servers={stable: [Behind(name=f"{model}-{stable}-1", **ports)]},
    )


def until_recorded(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists() or path.read_bytes().count(b"\n") < 2:
        assert time.monotonic() < deadline, "nothing was recorded"
        time.sleep(0.05)


def outcomes(load: Load) -> Counter[tuple[str, int | None, str]]:
    return Counter((each.protocol, each.version, each.outcome) for each in load.requests)


def test_it_sends_at_its_rate_and_knows_who_answered_and_how_well(
    stage: Stage, tmp_path: Path
) -> None:
    traffic = (stage.of("digits"), stage.of("tickets", rate=20, grpc_share=0.25))
    with stage.load(tmp_path, *traffic):
        time.sleep(12)
    load = read(tmp_path / "load.jsonl")
    assert {each.version for each in load.requests} == {1}
    assert {each.outcome for each in load.requests} == {"right", "wrong"}
    seconds = max(each.due for each in load.requests)
    streams = Counter((each.model, each.protocol) for each in load.requests)
    rates = {("digits", "http"): 30, ("digits", "grpc"): 30}
    rates |= {("tickets", "http"): 15, ("tickets", "grpc"): 5}
    for stream, rate in rates.items():
        assert abs(streams[stream] - seconds * rate) <= 1.5, stream
    truths = held_out("tickets")["label"]
    for each in load.requests:
        if each.model == "tickets":
            assert (each.outcome == "right") == (each.answer == truths[each.sample])
    digits = [each for each in load.requests if each.model == "digits"]
    by_sample = {(each.sample, each.protocol): each.answer for each in digits}
    assert all(
        by_sample.get((sample, "grpc"), answer) == answer
        for (sample, protocol), answer in by_sample.items()
        if protocol == "http"
    ), "both protocols bring the same answers"
    right = sum(each.outcome == "right" for each in digits)
    assert 0.95 < right / len(digits) < 0.99


def test_errors_of_the_model_are_not_those_of_the_gateway(stage: Stage, tmp_path: Path) -> None:
    stage.envoy.put(answering("digits", stage.servers, stable=4))
    with stage.load(tmp_path, stage.of("digits")):
        time.sleep(4)
        nobody = {"http_port": free_port(), "grpc_port": free_port()}
        dead = {4: [Behind(name="digits-4-1", **nobody)]}
        contract = example("digits")
        stage.envoy.put(Served(contract=contract, release=Release(stable=4), servers=dead))
        time.sleep(3)
    stage.envoy.put(answering("digits", stage.servers, stable=1))
    found = outcomes(read(tmp_path / "load.jsonl"))
    for protocol in ("http", "grpc"):
        assert found[protocol, 4, "error"] > 3
        assert found[protocol, None, "lost"] > RATE
        assert not found[protocol, 4, "lost"] + found[protocol, None, "error"]


def test_who_is_turned_away_has_lost_nothing(stage: Stage, tmp_path: Path) -> None:
    with stage.load(tmp_path, stage.of("digits", token="")):
        time.sleep(1)
    found = outcomes(read(tmp_path / "load.jsonl"))
    assert set(found) == {("http", None, "refused"), ("grpc", None, "refused")}


def test_a_pause_costs_the_latency_of_every_request_that_was_due_in_it(
    stage: Stage, tmp_path: Path
) -> None:
    """However the sender is held up: no request is left out, and none begins to count later."""
    with stage.load(tmp_path, stage.of("digits")) as process:
        time.sleep(1)
        process.send_signal(signal.SIGSTOP)
        time.sleep(1)
        process.send_signal(signal.SIGCONT)
        time.sleep(2)
    requests = sorted(read(tmp_path / "load.jsonl").requests, key=lambda each: each.due)
    due = [each.due for each in requests]
    gaps = [after - before for before, after in pairwise(due)]
    assert max(gaps) == pytest.approx(1 / RATE, rel=0.01)
    late = [each for each in requests if each.late_ms > 100]
    assert 0.8 * RATE < len(late) < 1.2 * RATE
    assert all(each.ms >= each.late_ms for each in requests)
    assert max(each.ms for each in late) > 900


def test_it_is_read_while_it_runs_and_ends_when_it_is_told_to(stage: Stage, tmp_path: Path) -> None:
    with stage.load(tmp_path, stage.of("digits")) as process:
        time.sleep(2.2)
        during = read(tmp_path / "load.jsonl")
        assert len(during.requests) > RATE
        begun = time.monotonic()
        process.terminate()
        process.wait(10)
        assert time.monotonic() - begun < 2
    after = read(tmp_path / "load.jsonl")
    assert after.requests[: len(during.requests)] == during.requests
    assert len(after.requests) - len(during.requests) <= 2 * RATE


def test_it_says_what_is_wrong_with_its_order(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text('{"address": "127.0.0.1:1"}')
    command = [sys.executable, "-m", "serving.load", "spec.json", "--to", "load.jsonl"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (2, "spec.json: traffic: Field required\n")
    assert not (tmp_path / "load.jsonl").exists()
