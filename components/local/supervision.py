"""Programs that outlive whoever started them: start, look, stop. Standard library only.

Each has a record, `<records>/<name>.json`, that it writes itself before it runs: nothing that was
begun is ever unknown, whenever its starter dies.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
from collections.abc import Mapping, Sequence
from contextlib import suppress
from glob import glob
from pathlib import Path
from typing import Any

from components.local import links
from components.local.asking import ask
from components.local.last_words import heard_out, last_words
from components.local.log_writer import rotate
from components.local.proc import boot, free, start_of

_ROOT = Path(__file__).resolve().parents[2]
_POLL_SECONDS = 0.05
_LAUNCH_SECONDS = 20.0
_PROBE_SECONDS = 5.0


class NotStarted(Exception):
    """The message says which program, why, and what it said last."""


def start(props: Mapping[str, Any]) -> dict[str, int]:
    """The process, once it is ready. One of the same name that still runs is ended first."""
    record = record_of(props)
    stop(props)
    record.parent.mkdir(parents=True, exist_ok=True)
    log = Path(props["log"])
    log.parent.mkdir(parents=True, exist_ok=True)
    rotate(log)  # what it says now is not to be taken for what it said before
    if taken := [port for port in props["ports"].values() if not free(int(port))]:
        raise NotStarted(
            f"{props['name']}: port {', '.join(map(str, taken))} of this machine is taken by "
            "another program since it was chosen; repeat, and another one is chosen"
        )
    for folder, target in props["linked"].items():
        links.make(Path(folder), Path(target))
    _launch(props, record)
    found = _known(record, time.monotonic() + _LAUNCH_SECONDS)
    if found is None:
        raise NotStarted(f"{props['name']}: did not start; its log ends:\n{last_words(props)}")
    try:
        _await_ready(props, found)
    except NotStarted:
        stop(props)
        raise
    return found


def stop(props: Mapping[str, Any]) -> None:
    """Asked first, killed with all it has started after `stop_seconds`. Does nothing twice."""
    record = record_of(props)
    found = read(record)
    if found is not None and lives(found):
        _signal(found, signal.SIGTERM)
        _gone(found, float(props["stop_seconds"]))
        with suppress(ProcessLookupError):
            os.killpg(found["pid"], signal.SIGKILL)
        _gone(found, 5.0)
    elif found is not None and found["boot"] == boot() and start_of(found["pid"]) is None:
        with suppress(ProcessLookupError):  # helpers of one that was killed
            os.killpg(found["pid"], signal.SIGKILL)
    for folder in props["linked"]:
        links.remove(Path(folder))
    for pattern in props["leaves"]:
        for path in glob(pattern):
            Path(path).unlink(missing_ok=True)
    record.unlink(missing_ok=True)


def wrong_with(props: Mapping[str, Any]) -> str:
    """Empty if it lives and works; else what is wrong."""
    found = read(record_of(props))
    if found is None or not lives(found):
        return "is not running"
    probe = props.get("alive")  # the engine leaves out what is None
    seconds = float(props["alive_seconds"])
    # once more: who is busy is not ill
    if probe and asked(probe, seconds) and (wrong := asked(probe, seconds)):
        return f"runs (process {found['pid']}), but {wrong}"
    return ""


def record_of(props: Mapping[str, Any]) -> Path:
    return Path(props["records"]) / f"{props['name']}.json"


def read(record: Path) -> dict[str, Any] | None:
    """None where there is none, or none that can be read: what it was about is not known."""
    try:
        found: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found


def lives(found: Mapping[str, Any]) -> bool:
    """The very process that was started, not one that has its number by now."""
    return bool(found["boot"] == boot() and start_of(found["pid"]) == found["started"])


def asked(probe: Mapping[str, Any], seconds: float) -> str:
    """Empty if the answer is HTTP 2xx in time."""
    try:
        ask(probe["url"], seconds, probe["body"])
    except urllib.error.HTTPError as error:
        return f"{probe['url']} answers {error.code}"
    except OSError as error:
        return f"{probe['url']} does not answer within {seconds:g} s ({error})"
    return ""


def _launch(props: Mapping[str, Any], record: Path) -> None:
    about = {name: props[name] for name in ("name", "kind", "ports", "log")}
    order = {
        "record": str(record),
        "log": props["log"],
        "folder": props["folder"],
        "command": props["command"],
        "environment": props["environment"],
        "about": {**about, "since": time.time()},
    }
    code = f"import sys; sys.path.insert(0, {str(_ROOT)!r}); from components.local import launcher"
    subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"{code}; launcher.main()"],
        input=json.dumps(order).encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )


def _known(record: Path, until: float) -> dict[str, Any] | None:
    while time.monotonic() < until:
        if (found := read(record)) is not None:
            return found
        time.sleep(_POLL_SECONDS)
    return None


def _await_ready(props: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    deadline = time.monotonic() + float(props["ready_seconds"])
    missing: Sequence[Mapping[str, Any]] = props["ready"]
    while missing:
        log = props["log"]
        if not lives(found):
            heard_out(found)
            raise NotStarted(
                f"{props['name']}: ended before it was ready; its log ({log}) ends:\n"
                f"{last_words(props)}"
            )
        if time.monotonic() > deadline:
            wrong = asked(missing[0], _PROBE_SECONDS)
            raise NotStarted(
                f"{props['name']}: was not ready within {float(props['ready_seconds']):g} s: "
                f"{wrong}; its log ({log}) ends:\n{last_words(props)}"
            )
        time.sleep(_POLL_SECONDS)
        missing = [probe for probe in missing if asked(probe, _PROBE_SECONDS)]


def _signal(found: Mapping[str, Any], number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(found["pid"], number)


def _gone(found: Mapping[str, Any], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while lives(found) and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
    return not lives(found)
