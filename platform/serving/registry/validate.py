"""The health part of a contract on a real server: ready in time, golden requests answered right."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, get_args

from tritonclient.utils import InferenceServerException

from serving.contract.model import ModelContract
from serving.contract.repository import placed, problems
from serving.contract.runtime import TritonModel, TritonRuntime
from serving.contract.triton_config import server_args
from serving.errors import InputError
from serving.golden import Difference, differences, inputs_of
from serving.inference import Protocol
from serving.registry.errors import Refused
from serving.registry.folder import Folder
from serving.registry.publish import contract_files
from serving.triton import Server, running

MAX_DIFFERENCES: Final = 10
"""Of one answer; the first ones tell enough."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One golden request over one protocol."""

    model: str
    golden: int
    """Its place in the contract, from 1."""
    protocol: Protocol
    seconds: float
    differences: tuple[Difference, ...] = ()
    error: str | None = None
    """What the server said instead of an answer."""

    @property
    def passed(self) -> bool:
        return not self.differences and self.error is None


@dataclass(frozen=True, kw_only=True)
class Validation:
    ready_seconds: float
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)


def validate(contract: ModelContract, version: int, repository: Path | str) -> Validation:
    """Raises TritonFailed where the version is not ready within its start-up budget."""
    effective = contract.at(version)
    models = _triton(effective).models
    flags = server_args(contract, version)
    budget = effective.health.startup_seconds
    begun = time.monotonic()
    with running(repository, list(models), version, within=budget, options=flags) as server:
        ready = time.monotonic() - begun
        checks = [
            check for name in models for check in _checks(server, name, models[name], version)
        ]
    return Validation(ready_seconds=ready, checks=tuple(checks))


@contextmanager
def staged(contract: ModelContract, version: int, source: Path) -> Iterator[Path]:
    """Files that are not published, laid out as the version they would be. Raises Refused."""
    listed = Folder(source).listed()
    sizes = {path: found.size for path, found in listed.items() if not _cached(path)}
    if wrong := problems(contract, version, sizes):
        raise Refused(f"{source}", wrong, "make these files what the contract says, or change that")
    links = {placed(contract, version, path): source.resolve() / path for path in sizes}
    with tempfile.TemporaryDirectory(prefix="serving-validate-") as folder:
        for path, content in contract_files(contract, version).items():
            _place(Path(folder) / path).write_bytes(content)
        for path, target in links.items():
            _place(Path(folder) / path).symlink_to(target)
        yield Path(folder)


def _cached(path: str) -> bool:
    return "__pycache__" in path.split("/")


def _place(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _triton(contract: ModelContract) -> TritonRuntime:
    if not isinstance(contract.runtime, TritonRuntime):
        raise InputError(
            f"{contract.name} is served by {contract.runtime.engine}: only versions for Triton can "
            "be started here; check the contract instead, with `serving model check`"
        )
    return contract.runtime


def _checks(server: Server, name: str, model: TritonModel, version: int) -> Iterator[Check]:
    for index, golden in enumerate(model.golden, start=1):
        inputs = inputs_of(model, golden)
        for protocol in get_args(Protocol):
            begun = time.monotonic()
            outcome: dict[str, Any]
            try:
                answer = server.infer(name, version, inputs, protocol)
                found = islice(differences(model, golden, answer), MAX_DIFFERENCES)
                outcome = {"differences": tuple(found)}
            except InferenceServerException as error:
                outcome = {"error": error.message()}
            seconds = time.monotonic() - begun
            yield Check(model=name, golden=index, protocol=protocol, seconds=seconds, **outcome)
