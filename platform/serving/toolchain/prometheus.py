"""Prometheus and promtool: the distribution's package, else from their modules."""

from __future__ import annotations

import shutil
from pathlib import Path

from serving.errors import ServingError
from serving.toolchain import modules
from serving.toolchain.modules import Module
from serving.toolchain.packages import unpack_debian
from serving.toolchain.recipe import Built, Workshop
from serving.toolchain.version import ask

PROGRAMS = ("prometheus", "promtool")
SOURCE = Module(
    folder="tools/prometheus",
    path="github.com/prometheus/prometheus",
    variable="github.com/prometheus/common/version.Version={version}",
)


def machine() -> str:
    """A package is made for one distribution's libraries."""
    return Path("/etc/os-release").read_text() if Path("/etc/os-release").exists() else ""


def build(shop: Workshop) -> Built:
    binaries = shop.folder / "bin"
    try:
        unpack_debian(shop, "prometheus", shop.folder / "debian")
    except ServingError as error:
        shop.say(f"{error}\n  prometheus: building it from its modules instead (5 min)")
        modules.build(shop, SOURCE, binaries)
        modules.clean(shop)
        return Built("Go modules", dict.fromkeys(PROGRAMS, SOURCE.version))
    binaries.mkdir()
    for program in PROGRAMS:
        (shop.folder / "debian" / "usr" / "bin" / program).rename(binaries / program)
    shutil.rmtree(shop.folder / "debian")
    return Built(
        "distribution package",
        {program: ask(binaries / program, "--version") or "unknown" for program in PROGRAMS},
    )
