"""A headless Chromium with the libraries that this machine lacks, from the distribution."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from serving.errors import ServingError
from serving.toolchain.packages import unpack_debian
from serving.toolchain.recipe import Built, Workshop
from serving.toolchain.version import told

PACKAGE = "chromium-headless-shell"
FONT = "fonts-dejavu-core"
BROWSER = Path("usr/lib/chromium/chromium-headless-shell")
SECONDS = 60


def build(shop: Workshop) -> Built:
    for package in dict.fromkeys((PACKAGE, FONT, *_lacking(shop))):
        unpack_debian(shop, package, shop.folder)
    return Built("distribution package", {"chromium": probe(shop.folder)})


def _lacking(shop: Workshop) -> list[str]:
    """What the distribution would install with it; asked for only, so without root."""
    command = ["apt-get", "--simulate", "install", "--no-install-recommends", PACKAGE, FONT]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServingError(f"{shop.name}: `{' '.join(command)}` failed: {error}") from error
    if answer.returncode:
        raise ServingError(
            f"{shop.name}: `{' '.join(command)}` ended with status {answer.returncode}:\n"
            f"{answer.stderr.strip()}\n  what to do: fill the package index (`sudo apt-get "
            "update`), or install a Chromium with this distribution's own tools"
        )
    return re.findall(r"^Inst (\S+)", answer.stdout, re.MULTILINE)


def environment(folder: Path) -> dict[str, str]:
    """Its own libraries and fonts, where the machine has none."""
    libraries = {path.parent for path in (folder / "usr" / "lib").rglob("lib*.so*")}
    before = os.environ.get("LD_LIBRARY_PATH")
    found = [*map(str, sorted(libraries)), *([before] if before else [])]
    fonts = {} if Path("/etc/fonts").is_dir() else {"FONTCONFIG_PATH": f"{folder}/etc/fonts"}
    return {"LD_LIBRARY_PATH": ":".join(found), "XDG_DATA_HOME": f"{folder}/usr/share", **fonts}


def probe(folder: Path) -> str:
    try:
        answer = subprocess.run(
            [folder / BROWSER, "--version"],
            env={**os.environ, **environment(folder)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServingError(f"{folder / BROWSER} does not start: {error}") from error
    version = told(answer.stdout)
    if answer.returncode or version is None:
        raise ServingError(f"{folder / BROWSER} does not start:\n{answer.stderr.strip()}")
    return version
