"""The Python environment of the checkout: what the lock file says and the project itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from serving.toolchain import interpreter
from serving.toolchain.cache import locked, log_file
from serving.toolchain.command import run
from serving.toolchain.packages import LOCKED
from serving.toolchain.progress import Progress
from serving.toolchain.recipe import CHECKOUT
from serving.toolchain.tool import Tool

FOLDER = CHECKOUT / ".venv"
STAMP = FOLDER / ".complete"
LOCK = "locks/dev.txt"
BUILD_LOCK = "locks/build.txt"
FILES = (LOCK, BUILD_LOCK, "pyproject.toml")


def key() -> str:
    digest = hashlib.sha256(f"{CHECKOUT} {interpreter.running()}".encode())
    for file in FILES:
        digest.update(hashlib.sha256((CHECKOUT / file).read_bytes()).digest())
    return digest.hexdigest()


def complete() -> bool:
    return STAMP.exists() and STAMP.read_text() == key() and (FOLDER / "bin" / "python").exists()


def ensure(progress: Progress, obtain: Callable[[str], Tool]) -> None:
    log = log_file("venv")
    with locked(log.with_suffix(".lock"), lambda: progress.waiting("venv")):
        if complete():
            return
        with progress.step("venv", "making the checkout's Python environment", "15 s") as done:
            _make(obtain("uv"), log)
            done(f"Python {interpreter.running().dotted}, {LOCK}")


def _make(uv: Tool, log: Path) -> None:
    python = interpreter.running()
    STAMP.unlink(missing_ok=True)
    if interpreter.describe(str(FOLDER / "bin" / "python")) != python:
        run(
            "venv",
            uv.command("venv", "--clear", "--python", str(python.path), str(FOLDER)),
            log=log,
        )
    inside = ("--python", str(FOLDER / "bin" / "python"))
    run("venv", uv.command("pip", "sync", *LOCKED, *inside, str(CHECKOUT / LOCK)), log=log)
    build = ("--no-deps", "--build-constraints", str(CHECKOUT / BUILD_LOCK))
    run("venv", uv.command("pip", "install", *build, *inside, "--editable", str(CHECKOUT)), log=log)
    STAMP.write_text(key())
