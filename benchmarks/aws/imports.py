"""How long the program takes to import, in processes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final

from tests.engine.conftest import ROOT

SDK: Final = "import pulumi, pulumi_aws, pulumi_eks, pulumi_kubernetes"
PROGRAM: Final = "import serving.stacks.program"
"""As `__main__.py` does before anything else."""
STACK: Final = f"{PROGRAM}, serving.stacks.aws"
"""And what it imports once the settings have said that it is AWS."""
_BUILT: Final = """
import sys
from tests.unit import stacks
stacks.graph("prod")
print(*(each for each in sys.modules if each.startswith(("pulumi_aws.", "pulumi_kubernetes."))))
"""
_PATH: Final = os.pathsep.join([str(ROOT), str(ROOT / "platform")])


def rounds(count: int) -> Mapping[str, Sequence[float]]:
    """Seconds by what is imported, the interpreter's own start taken off."""
    parts = f", {', '.join(_parts())}"
    sides = {
        "nothing": "pass",
        "sdk": SDK,
        "program": PROGRAM,
        "sdk, with its parts": SDK + parts,
        "stack, with the parts": STACK + parts,
    }
    found: dict[str, list[float]] = {side: [] for side in sides if side != "nothing"}
    for _ in range(count):
        seconds = {side: _run(code) for side, code in sides.items()}
        for side, taken in found.items():
            taken.append(seconds[side] - seconds["nothing"])
    return found


def _parts() -> Sequence[str]:
    """Of the SDKs, what they import only when a stack asks for it."""
    run = subprocess.run(
        [sys.executable, "-c", _BUILT],
        env=_environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    return run.stdout.splitlines()[-1].split()


def _run(code: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env=_environment(), check=True)
    return time.perf_counter() - begun


def _environment() -> Mapping[str, str]:
    return {**os.environ, "PYTHONPATH": _PATH}
