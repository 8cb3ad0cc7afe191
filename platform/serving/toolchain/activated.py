"""`pulumi`, as people type it once they have activated the checkout's environment."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from serving.toolchain.programs import PATH, locate


def put(binaries: Path) -> None:
    """A script that starts the engine with its language host on PATH, unless PATH has an engine.

    Not links to both: programs that run the engine themselves would find the host too, and one
    that was built from modules is too old for policy packs.
    """
    engine, host = locate("pulumi"), locate("pulumi-language-python")
    script = binaries / engine.name
    if engine.origin == PATH:
        script.unlink(missing_ok=True)
        return
    folder, program = shlex.quote(str(host.path.parent)), shlex.quote(str(engine.path))
    text = f'#!/bin/sh\nPATH={folder}:$PATH exec {program} "$@"\n'
    if script.is_file() and script.read_text() == text:
        return
    part = script.with_suffix(f".{os.getpid()}.part")
    part.write_text(text)
    part.chmod(0o755)
    part.replace(script)
