"""The Python environments of the checkout: of the project itself, and of the policy pack."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from serving.toolchain import interpreter
from serving.toolchain.cache import locked, log_file
from serving.toolchain.command import run
from serving.toolchain.packages import LOCKED
from serving.toolchain.progress import Progress
from serving.toolchain.recipe import CHECKOUT
from serving.toolchain.tool import Tool

BUILD_LOCK = "locks/build.txt"


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What a lock file says, in a `.venv` where the programs that use it look for one."""

    name: str
    doing: str
    usual: str
    folder: Path
    lock: str
    project: bool = False
    """Whether the project itself is installed in it, to be edited."""

    @property
    def stamp(self) -> Path:
        return self.folder / ".complete"

    @property
    def binaries(self) -> Path:
        return self.folder / "bin"

    @property
    def python(self) -> Path:
        return self.binaries / "python"

    def key(self) -> str:
        digest = hashlib.sha256(f"{CHECKOUT} {interpreter.running()}".encode())
        for file in (self.lock, *((BUILD_LOCK, "pyproject.toml") if self.project else ())):
            digest.update(hashlib.sha256((CHECKOUT / file).read_bytes()).digest())
        return digest.hexdigest()

    def complete(self) -> bool:
        stamp = self.stamp
        return stamp.exists() and stamp.read_text() == self.key() and self.python.exists()

    def ensure(self, progress: Progress, obtain: Callable[[str], Tool]) -> None:
        log = log_file(self.name)
        with locked(log.with_suffix(".lock"), lambda: progress.waiting(self.name)):
            if self.complete():
                return
            with progress.step(self.name, self.doing, self.usual) as done:
                self._make(obtain("uv"), log)
                done(f"Python {interpreter.running().dotted}, {self.lock}")

    def _make(self, uv: Tool, log: Path) -> None:
        python = interpreter.running()
        self.stamp.unlink(missing_ok=True)
        if interpreter.describe(str(self.python)) != python:
            make = uv.command("venv", "--clear", "--python", str(python.path), str(self.folder))
            run(self.name, make, log=log)
        inside = ("--python", str(self.python))
        sync = uv.command("pip", "sync", *LOCKED, *inside, str(CHECKOUT / self.lock))
        run(self.name, sync, log=log)
        if self.project:
            build = ("--no-deps", "--build-constraints", str(CHECKOUT / BUILD_LOCK))
            install = uv.command("pip", "install", *build, *inside, "--editable", str(CHECKOUT))
            run(self.name, install, log=log)
        self.stamp.write_text(self.key())


PROJECT = Environment(
    name="venv",
    doing="making the checkout's Python environment",
    usual="15 s",
    folder=CHECKOUT / ".venv",
    lock="locks/dev.txt",
    project=True,
)
POLICIES = Environment(
    name="policies",
    doing="making the policy pack's Python environment",
    usual="5 s",
    folder=CHECKOUT / "policies" / ".venv",
    lock="locks/policies.txt",
)
"""Of its own: the analyzer's protobuf is older than that of the program."""

ENVIRONMENTS = {environment.name: environment for environment in (PROJECT, POLICIES)}
