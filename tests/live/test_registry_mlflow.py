"""REG-2: publish from a real MLflow server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from serving.errors import InputError, ServingError
from serving.registry.folder_store import FolderStore
from serving.registry.manifest import Manifest
from serving.registry.publish import publish
from serving.registry.source import open_source
from serving.toolchain import Tool, locate
from tests.unit.serving.registry.hostile_sources import FILES
from tests.unit.serving.registry.workplace import Workplace

pytestmark = pytest.mark.live

REGISTER = """
import sys
import mlflow

folder, artifact_path = sys.argv[1:]
client = mlflow.MlflowClient()
with mlflow.start_run() as run:
    mlflow.log_artifacts(folder, artifact_path)
try:
    client.create_registered_model("digits")
except mlflow.exceptions.MlflowException as error:
    assert error.error_code == "RESOURCE_ALREADY_EXISTS"
version = client.create_model_version(
    "digits", f"runs:/{run.info.run_id}/{artifact_path}", run.info.run_id
)
print(version.version)
"""

LOG_MODEL = """
import sys
import mlflow

class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input: list[str]) -> list[str]:
        return model_input

model = mlflow.pyfunc.log_model(
    name="model", python_model=Model(), artifacts={"model.py": sys.argv[1]},
    registered_model_name="logged",
)
print(model.registered_model_version)
"""


@dataclass(frozen=True)
class Mlflow:
    url: str
    tool: Tool

    def python(self, code: str, *arguments: object) -> str:
        """Runs code in MLflow's own environment; its last line of output."""
        answer = subprocess.run(
            [self.tool.path.parent / "python", "-c", code, *map(str, arguments)],
            env={**self.tool.environment(), "MLFLOW_TRACKING_URI": self.url},
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.splitlines()[-1]


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mlflow]:
    folder = tmp_path_factory.mktemp("mlflow")
    tool = locate("mlflow")
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            tool.command("server", "--host=127.0.0.1", f"--port={port}", "--workers=1",
                         "--backend-store-uri=sqlite:///mlflow.db",
                         f"--artifacts-destination={folder / 'artifacts'}"),
            env={**tool.environment(), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            cwd=folder, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        server = Mlflow(f"http://127.0.0.1:{port}", tool)
        wait_for(server, process, folder / "log")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MLFLOW_TRACKING_URI", server.url)
            yield server
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def wait_for(server: Mlflow, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{server.url}/health").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    pytest.fail(log.read_text()[-4000:])


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path).set_up({**FILES, "labels/größe 1.txt": b"large"})


def published(workplace: Workplace, where: str) -> Manifest:
    with open_source(where) as files:
        candidate = replace(workplace.candidate(), source=files, origin=where)
        return publish(candidate, FolderStore(workplace.store))


def test_a_registered_version_is_published_file_by_file(
    mlflow: Mlflow, workplace: Workplace
) -> None:
    version = mlflow.python(REGISTER, workplace.source, "model")
    manifest = published(workplace, f"models:/digits/{version}")
    assert manifest.source == f"models:/digits/{version}"
    assert workplace.verify() == manifest
    for path in (path for path in workplace.source.rglob("*") if path.is_file()):
        stored = workplace.folder() / "digits/1" / path.relative_to(workplace.source)
        assert stored.read_bytes() == path.read_bytes()


def test_a_large_file_is_streamed(mlflow: Mlflow, workplace: Workplace) -> None:
    (workplace.source / "weights" / "large.bin").write_bytes(os.urandom(9 << 20))
    version = mlflow.python(REGISTER, workplace.source, "nested/model")
    manifest = published(workplace, f"models:/digits/{version}")
    assert manifest.files["digits/1/weights/large.bin"].size == 9 << 20


def test_the_files_of_a_logged_model_are_found(mlflow: Mlflow, workplace: Workplace) -> None:
    version = mlflow.python(LOG_MODEL, workplace.source / "model.py")
    with open_source(f"models:/logged/{version}") as files:
        listed = files.listed()
        with files.open("artifacts/model.py") as stream:
            assert stream.read() == FILES["model.py"]
    assert {"MLmodel", "artifacts/model.py", "python_model.pkl"} <= set(listed)


def test_what_mlflow_does_not_know_is_an_error_in_its_words(
    mlflow: Mlflow, workplace: Workplace
) -> None:
    with pytest.raises(InputError, match=r"MLflow: .*nobody.* not found"):
        published(workplace, "models:/nobody/1")


@pytest.mark.parametrize(
    "where", ["models:/digits", "models:/digits@best", "models:/digits/latest"]
)
def test_a_version_that_may_move_is_refused(
    mlflow: Mlflow, workplace: Workplace, where: str
) -> None:
    with pytest.raises(InputError, match="expected models:/NAME/VERSION"):
        published(workplace, where)


def test_a_server_that_cannot_be_reached_is_named(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ServingError, match=r"http://127\.0\.0\.1:\d+/api.*ConnectError"):
        published(workplace, "models:/digits/1")


def test_without_a_server_the_variable_is_named(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(InputError, match="set MLFLOW_TRACKING_URI"):
        published(workplace, "models:/digits/1")
