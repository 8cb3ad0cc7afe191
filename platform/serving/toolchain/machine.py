"""Whether this machine can run the platform at all; each refusal is one sentence."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from serving.errors import ServingError
from serving.toolchain import interpreter

OLDEST_GLIBC = (2, 35)
FREE_GIB = 6
"""The largest build, the Pulumi engine from its modules, takes four of them and returns most."""


def check(cache: Path) -> None:
    system = os.uname()
    refuse_platform(system.sysname, system.machine, os.confstr("CS_GNU_LIBC_VERSION"))
    refuse_python(interpreter.running().version[:2])
    refuse_full_disk(cache, shutil.disk_usage(cache).free)


def refuse_platform(system: str, processor: str, libc: str | None) -> None:
    if (system, processor) != ("Linux", "x86_64"):
        raise ServingError(
            f"this is {system} on {processor}; Triton's wheel needs Linux on x86_64: use such a "
            "machine or a virtual one"
        )
    name, _, version = (libc or "no glibc").partition(" ")
    if name != "glibc" or tuple(map(int, version.split("."))) < OLDEST_GLIBC:
        raise ServingError(
            f"this system has {libc or 'no glibc'}; Triton's wheel needs glibc "
            f"{'.'.join(map(str, OLDEST_GLIBC))}: use Debian 12, Ubuntu 22.04 or newer"
        )


def refuse_python(version: tuple[int, ...]) -> None:
    if version not in interpreter.SUPPORTED:
        raise ServingError(
            f"this is Python {version[0]}.{version[1]}; supported are "
            f"{', '.join(f'{major}.{minor}' for major, minor in interpreter.SUPPORTED)}: install "
            "one of them and name it, as in `make PYTHON=python3.11 test`"
        )


def refuse_full_disk(folder: Path, free: int) -> None:
    gib = free / 2**30
    if gib < FREE_GIB:
        raise ServingError(
            f"{folder} has {gib:.1f} GiB free and set-up needs {FREE_GIB}: free some space, or "
            "name a folder on another disk in SERVING_CACHE"
        )
