"""The table of what was done to promotions, and what came of it."""

from __future__ import annotations

import getpass
import json
import os
import platform
import socket
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.torture.checks import KINDS
from benchmarks.torture.ledger import Result
from benchmarks.torture.protocol import compared

TITLES: Final = {
    "crashes": "killed at a point of the protocol",
    "kills": "killed at a random time",
    "pairs": "two promoters started together",
    "pauses": "holder paused, overtaken, woken",
}
NOT_COVERED: Final = (
    "The cloud is a folder and its provider a double; route, candidate and traffic are scripted. "
    "No power was cut: what a process has written stays written. No operation lands after its "
    "provider has died with its engine."
)


def document(
    found: Mapping[str, Sequence[Result]], planned: Mapping[str, int], command: str, seed: int
) -> dict[str, Any]:
    return {
        "command": command,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "seed": seed,
        "machine": _machine(),
        "planned": dict(planned),
        "ran": {part: len(results) for part, results in found.items()},
        "kills": sum(each.kills for results in found.values() for each in results),
        "wrong": sum(bool(each.problems) for results in found.values() for each in results),
        "results": {part: [asdict(each) for each in results] for part, results in found.items()},
    }


def page(
    found: Mapping[str, Sequence[Result]], planned: Mapping[str, int], command: str, seed: int
) -> str:
    lines = [
        "# Torture of the promotion",
        "",
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}, seed {seed}, {_machine()}.",
        *_stopped(found, planned),
        "",
        "| what | planned | ran | kills | as if left alone | paused on the way | wrong |",
        "|---|---|---|---|---|---|---|",
        *(_row(part, results, planned[part]) for part, results in found.items()),
        "",
        "| found wrong, from outside | " + " | ".join(found) + " |",
        "|---|" + "---|" * len(found),
        *(_kinds(kind, found) for kind in KINDS),
        "",
        *_recovery(found),
        *compared(found.get("crashes", ())),
        NOT_COVERED,
        "",
        *_wrong(found),
    ]
    return "\n".join(lines)


def write(folder: Path, text: str, content: Mapping[str, Any]) -> None:
    (folder / "result.md").write_text(text, encoding="utf-8")
    said = json.dumps(content, indent=1).replace(f"{Path.cwd()}/", "")
    said = said.replace(f"{getpass.getuser()}@{socket.gethostname()}", "somebody")
    (folder / "result.json").write_text(f"{said}\n", encoding="utf-8")


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def _stopped(found: Mapping[str, Sequence[Result]], planned: Mapping[str, int]) -> list[str]:
    """Of the kills the number that was asked for, of all else how often there was a run."""
    done = {part: len(results) for part, results in found.items()}
    done["kills"] = sum(each.kills for each in found.get("kills", ()))
    if all(done.get(part, 0) >= number for part, number in planned.items()):
        return []
    return ["**Not the whole: it was stopped early. The same command goes on with it.**"]


def _row(part: str, results: Sequence[Result], planned: int) -> str:
    well = sum(not each.problems for each in results)
    paused = sum(bool(each.paused) for each in results)
    kills = sum(each.kills for each in results)
    wrong = len(results) - well
    return (
        f"| {TITLES[part]} | {planned} | {len(results)} | {kills} | {well} | {paused} | {wrong} |"
    )


def _kinds(kind: str, found: Mapping[str, Sequence[Result]]) -> str:
    counts = [
        sum(problem.kind == kind for each in results for problem in each.problems)
        for results in found.values()
    ]
    return f"| {kind} | {' | '.join(map(str, counts))} |"


def _recovery(found: Mapping[str, Sequence[Result]]) -> list[str]:
    seconds = sorted(
        each.recovery_seconds
        for results in found.values()
        for each in results
        if each.recovery_seconds is not None
    )
    if not seconds:
        return []
    median, late = statistics.median(seconds), seconds[int(0.95 * (len(seconds) - 1))]
    return [
        f"From the kill to the next confirmed effect or the end: median {median:.1f} s, 95 % "
        f"{late:.1f} s of {len(seconds)}, with the start of Python and of the engine.",
        "",
    ]


def _wrong(found: Mapping[str, Sequence[Result]]) -> list[str]:
    return [
        f"- {part}: {each.name}: {problem.kind}: {problem.what}"
        for part, results in found.items()
        for each in results
        for problem in each.problems
    ]
