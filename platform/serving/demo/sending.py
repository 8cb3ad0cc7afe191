"""The load as a process of its own, from before the first promotion until after the last."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from serving.demo.promoter import SETPRIV
from serving.errors import ServingError
from serving.load import Reading

_BEGIN_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 30.0


@contextmanager
def sending(
    address: str,
    rates: Mapping[str, float],
    tokens: Mapping[str, str],
    examples: Path,
    to: Path,
    *,
    grpc_share: float = 0.5,
) -> Iterator[Reading]:
    """By model: requests per second, and the token of its caller. Yields once it has begun."""
    spec = to.with_suffix(".json")
    traffic = [
        {
            "model": model,
            "rate": rate,
            "grpc_share": grpc_share,
            "samples": str(examples / model / "held-out.npz"),
            "token": tokens[model],
        }
        for model, rate in rates.items()
    ]
    descriptor = os.open(spec, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as stream:
        json.dump({"address": address, "traffic": traffic}, stream)
    command = [sys.executable, "-m", "serving.load", str(spec), "--to", str(to)]
    with to.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            [SETPRIV, "--pdeathsig=TERM", *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield _begun(process, to)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _begun(process: subprocess.Popen[bytes], to: Path) -> Reading:
    """A reading that has read nothing but the beginning."""
    reading, deadline = Reading(to), time.monotonic() + _BEGIN_SECONDS
    while reading.began is None:
        reading.more()
        if process.poll() is not None or time.monotonic() > deadline:
            said = to.with_suffix(".log").read_text(errors="replace").strip()
            raise ServingError(f"the load did not begin: {said or 'it said nothing'}")
        time.sleep(0.1)
    return reading
