"""Resolve every lock file anew: exact versions and hashes, for all supported Pythons."""

from __future__ import annotations

from serving.toolchain.cache import log_file
from serving.toolchain.command import run
from serving.toolchain.progress import Progress
from serving.toolchain.recipe import CHECKOUT
from serving.toolchain.tool import Tool

PROJECT = ("pyproject.toml",)
ALONE = ("--no-deps",)
"""The one file is wanted, not what would run beside it."""

LOCKS: dict[str, tuple[str, ...]] = {
    "program": PROJECT,
    "dev": (*PROJECT, "--group", "dev", "--constraints", "locks/program.txt"),
    "build": ("--group", "build"),
    "triton": ("--group", "triton"),
    "mlflow": ("--group", "mlflow"),
    "policies": ("--group", "policies"),
    "envoy": ("--group", "envoy", *ALONE),
    "go": ("--group", "go", *ALONE),
    "tritonserver": ("--group", "tritonserver", *ALONE),
    "uv": ("--group", "uv", *ALONE),
}
OPTIONS = (
    *("--universal", "--python-version", "3.11", "--generate-hashes", "--upgrade"),
    *("--no-header", "--no-emit-index-url", "--quiet"),
)


def lock_all(uv: Tool, progress: Progress) -> None:
    """In order: a later one may be constrained by an earlier."""
    with progress.step("locks", "resolving every environment", "20 s"):
        log = log_file("locks")
        for name, source in LOCKS.items():
            output = ("--output-file", f"locks/{name}.txt")
            run(
                f"locks/{name}.txt",
                uv.command("pip", "compile", *source, *OPTIONS, *output),
                log=log,
                cwd=CHECKOUT,
            )
