"""Triton from its wheel, beside a Python environment for the models that its backend runs."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from pathlib import Path

from serving.errors import ServingError
from serving.toolchain import interpreter
from serving.toolchain.command import StepFailed, child
from serving.toolchain.interpreter import Interpreter
from serving.toolchain.packages import make_environment, unpack_debian, unpack_wheel
from serving.toolchain.recipe import Built, Workshop

WHEEL = "locks/tritonserver.txt"
MODELS = "locks/triton.txt"
BACKENDS = Path("pytriton/tritonserver/backends")
STUBS = Path("pytriton/tritonserver/python_backend_stubs")
LIBRARIES = Path("nvidia_pytriton.libs")
SERVER = Path("pytriton/tritonserver/bin/tritonserver")
ENVIRONMENT = Path("python")
PYTHON = ENVIRONMENT / "bin" / "python"
MANAGED = "3.12"
START_SECONDS = 60

PROBE = """\
import numpy
import onnxruntime


class TritonPythonModel:
    def execute(self, requests):
        return []
"""


def machine() -> str:
    return str(interpreter.embeddable() or f"uv's own Python {MANAGED}")


def search_path(folder: Path) -> dict[str, str]:
    """The backend embeds the first `python3` on PATH."""
    return {"PATH": f"{(folder / PYTHON).parent}:{os.environ.get('PATH', os.defpath)}"}


def build(shop: Workshop) -> Built:
    unpack_wheel(shop, WHEEL, shop.folder)
    python = interpreter.embeddable()
    base = python.path if python else MANAGED
    make_environment(shop, MODELS, base, shop.folder / ENVIRONMENT)
    made = interpreter.describe(str(shop.folder / PYTHON))
    if made is None:
        raise ServingError(f"{shop.name}: the Python made for it in {shop.folder} does not start")
    stub = STUBS / made.minor / "triton_python_backend_stub"
    shutil.copy(shop.folder / stub, shop.folder / BACKENDS / "python")
    _give_library(shop, made)
    try:
        version = probe(shop.folder)
    except ServingError as error:
        raise StepFailed(shop.name, str(SERVER), "started, but:", str(error), shop.log) from error
    return Built("package index", {"tritonserver": version, "triton-python": made.dotted})


def _give_library(shop: Workshop, python: Interpreter) -> None:
    """The stub looks into the wheel's own library folder first, so no LD_LIBRARY_PATH is needed."""
    place = shop.folder / LIBRARIES / python.library.name
    if python.library.exists():
        place.symlink_to(python.library)
        return
    aside = shop.folder / "debian"
    package = f"libpython{python.minor}"
    try:
        unpack_debian(shop, package, aside)
    except StepFailed:
        unpack_debian(shop, f"{package}t64", aside)  # its name from Ubuntu 24.04 and Debian 13 on
    shutil.copy(next(aside.rglob(python.library.name)), place)
    shutil.rmtree(aside)


def probe(folder: Path) -> str:
    """Start the server on a Python model, without ports; it then prints its version."""
    with tempfile.TemporaryDirectory(prefix="serving-probe-") as aside:
        model = Path(aside) / "models" / "probe"
        (model / "1").mkdir(parents=True)
        (model / "config.pbtxt").write_text('name: "probe"\nbackend: "python"\n')
        (model / "1" / "model.py").write_text(PROBE)
        command = [
            *(str(folder / SERVER), f"--backend-directory={folder / BACKENDS}"),
            *("--model-control-mode=explicit", "--load-model=probe"),
            f"--model-repository={model.parent}",
            *("--allow-http=false", "--allow-grpc=false", "--allow-metrics=false"),
        ]
        log = Path(aside) / "log"
        with log.open("wb") as output, child(command, output, search_path(folder)) as server:
            deadline = time.monotonic() + START_SECONDS
            while server.poll() is None and time.monotonic() < deadline:
                found = re.search(r"server_version\W+([\d.]+)", log.read_text())
                if found:
                    return found[1]
                time.sleep(0.1)
        raise ServingError(f"tritonserver did not load a Python model:\n{log.read_text()}")
