"""Real Tritons behind a real Envoy, asked by Triton's own clients."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
import pytest
from tritonclient import grpc, http

from serving import triton
from serving.gateway.table import Served, Server
from serving.inference import total
from serving.settings import Release
from tests.live import versions
from tests.live.envoys import Envoy, running, tenant, version_of
from tests.live.versions import ONE, TOY, toy

pytestmark = pytest.mark.live

GOLDEN = [{"inputs": {"x": [0]}, "outputs": {"executions": [1]}}]
BODY = b'{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[0]}]}'


@pytest.fixture(scope="module")
def tritons() -> Iterator[dict[int, triton.Server]]:
    """Two versions of a model, each on a server of its own."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        source = Path(folder)
        (source / "model.py").write_text(TOY)
        model = toy(golden=GOLDEN, warmup=False)
        yield {v: stack.enter_context(versions.served(model, source, v)) for v in (1, 2)}


@pytest.fixture(scope="module")
def envoy(
    tritons: dict[int, triton.Server], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Envoy]:
    servers = {
        version: [Server(name=f"toy-{version}-0", http_port=one.http_port, grpc_port=one.grpc_port)]
        for version, one in tritons.items()
    }
    contract = toy(golden=GOLDEN, warmup=False)
    release = Release(stable=1, canary=2, weight=50)
    model = Served(contract=contract, release=release, servers=servers)
    with running(tmp_path_factory.mktemp("envoy"), [model], tenant("tests")) as found:
        yield found


def ask(envoy: Envoy) -> Any:
    return envoy.post("toy", token=envoy.token("tests"), content=BODY)


def headers(envoy: Envoy) -> dict[str, str]:
    return {"authorization": f"Bearer {envoy.token('tests')}"}


def grpc_client(envoy: Envoy) -> Any:
    authority = [("grpc.default_authority", "toy.localhost")]
    return grpc.InferenceServerClient(f"127.0.0.1:{envoy.gateway.port}", channel_args=authority)


def inputs(kind: Any) -> list[Any]:
    tensor = kind("x", (1, 1), "FP32")
    return [tensor.set_data_from_numpy(ONE["x"])]


def test_tritons_http_client_is_served(envoy: Envoy) -> None:
    mine = headers(envoy) | {"Host": "toy.localhost"}
    with http.InferenceServerClient(f"127.0.0.1:{envoy.gateway.port}") as client:
        assert client.is_model_ready("toy", headers=mine)
        assert client.get_model_metadata("toy", headers=mine)["versions"] == ["1"]
        answers = [client.infer("toy", inputs(http.InferInput), headers=mine) for _ in range(20)]
    found = Counter(answer.get_response()["model_version"] for answer in answers)
    assert set(found) == {"1", "2"}


def test_tritons_grpc_client_is_served(envoy: Envoy) -> None:
    with grpc_client(envoy) as client:
        assert client.is_server_live(headers=headers(envoy))
        assert client.is_model_ready("toy", headers=headers(envoy))
        answers = [
            client.infer("toy", inputs(grpc.InferInput), headers=headers(envoy)) for _ in range(20)
        ]
    found = Counter(answer.get_response().model_version for answer in answers)
    assert set(found) == {"1", "2"}


def test_tritons_stream_is_served_by_one_version(envoy: Envoy) -> None:
    answers: Queue[tuple[Any, Any]] = Queue()
    with grpc_client(envoy) as client:
        client.start_stream(
            lambda result, error: answers.put((result, error)), headers=headers(envoy)
        )
        for _ in range(5):
            client.async_stream_infer("toy", inputs(grpc.InferInput))
        found = [answers.get(timeout=10) for _ in range(5)]
        client.stop_stream()
    assert {error for _, error in found} == {None}
    assert len({answer.get_response().model_version for answer, _ in found}) == 1


def test_the_gateway_says_which_version_answered(envoy: Envoy) -> None:
    for _ in range(10):
        answer = ask(envoy)
        assert version_of(answer) == answer.json()["model_version"]


def test_tritons_count_what_the_gateway_sent_and_probed(
    envoy: Envoy, tritons: dict[int, triton.Server]
) -> None:
    def counted() -> tuple[float, float]:
        success = total(tritons[2].metrics(), "nv_inference_request_success", model="toy")
        sent = envoy.stat(r"cluster\.toy-2-pods\.(upstream_rq_total|health_check\.attempt)")
        return success, sent

    before = counted()
    for _ in range(50):
        assert ask(envoy).status_code == 200
    served, sent = (now - then for now, then in zip(counted(), before, strict=True))
    assert served == pytest.approx(sent, abs=2)  # a probe may be on its way
    assert sent > 10


def test_an_answer_is_what_the_model_said(envoy: Envoy) -> None:
    (output,) = ask(envoy).json()["outputs"]
    assert np.array(output["data"]).shape == (1,)


def test_a_killed_python_process_is_found_although_its_server_says_that_it_is_ready(
    envoy: Envoy, tritons: dict[int, triton.Server]
) -> None:
    (stub,) = stubs(tritons[2])
    server = int((Path("/proc") / f"{stub}" / "stat").read_text().rpartition(")")[2].split()[1])
    os.kill(stub, signal.SIGKILL)
    started, statuses = time.monotonic(), Counter[int]()
    failed = r"cluster\.toy-2-pods\.health_check\.failure"
    while envoy.stat(failed) < 4:
        statuses[ask(envoy).status_code] += 1
        assert time.monotonic() - started < 10
    assert set(statuses) == {200}
    assert tritons[2].ready("toy", 2)
    tried = envoy.stat(r"cluster\.toy-2-pods\.upstream_rq_total")
    assert {version_of(ask(envoy)) for _ in range(20)} == {"1"}
    assert envoy.stat(r"cluster\.toy-2-pods\.upstream_rq_total") == tried
    os.kill(server, signal.SIGKILL)  # it would wait for its process when told to end


def stubs(server: triton.Server) -> list[int]:
    """The processes that run its models: their arguments name its shared memory."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            arguments = (folder / "cmdline").read_text()
            if "triton_python_backend_stub" in arguments and server.shared_memory in arguments:
                found.append(int(folder.name))
    return found
