"""What is set up on this machine, and what is wrong with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from serving.errors import ServingError
from serving.toolchain import cache, interpreter, machine
from serving.toolchain.environment import POLICIES, PROJECT, Environment
from serving.toolchain.programs import PATH, PROGRAMS, Program, locate, which
from serving.toolchain.setup import GROUPS
from serving.toolchain.tool import Tool, ToolMissing


class State(StrEnum):
    GOOD = "good"
    ABSENT = "absent"
    """Not there, and not needed before a target that sets it up."""
    WRONG = "wrong"


@dataclass(frozen=True, kw_only=True)
class Finding:
    name: str
    state: State
    version: str = ""
    origin: str = ""
    path: Path | None = None
    days: int | None = None
    """Since it was built."""
    remark: str = ""
    """What is wrong and what to do."""


def survey() -> Iterator[Finding]:
    yield _machine()
    yield _environment("environment", PROJECT, State.WRONG)
    yield _environment(POLICIES.name, POLICIES, State.ABSENT)
    for program in PROGRAMS:
        yield _program(program)


def _machine() -> Finding:
    finding = Finding(
        name="machine",
        state=State.GOOD,
        version=f"Python {interpreter.running().dotted}",
        path=cache.home(),
    )
    try:
        machine.check(cache.shelf(""))
    except ServingError as error:
        return replace(finding, state=State.WRONG, remark=str(error))
    free = shutil.disk_usage(cache.home()).free / 2**30
    return replace(finding, remark=f"{free:.0f} GiB free for the cache")


def _environment(name: str, environment: Environment, otherwise: State) -> Finding:
    finding = Finding(name=name, state=State.GOOD, origin=environment.lock, path=environment.folder)
    if not environment.complete():
        remark = "missing, or of other lock files than the checkout's: run `make setup`"
        remark = remark if otherwise is State.WRONG else ""
        return replace(finding, state=otherwise, remark=remark)
    return replace(
        finding, days=_days(datetime.fromtimestamp(environment.stamp.stat().st_mtime, UTC))
    )


def _program(program: Program) -> Finding:
    try:
        tool = locate(program.name)
    except ToolMissing as missing:
        needed = program.recipe.name in GROUPS["demo"]
        return Finding(
            name=program.name,
            state=State.WRONG if needed else State.ABSENT,
            remark=str(missing) if needed else "",
        )
    fault = None if tool.origin == PATH else _fault(program, tool)
    return Finding(
        name=tool.name,
        state=State.WRONG if fault else State.GOOD,
        version=tool.version,
        origin=tool.origin,
        path=tool.path,
        days=_days(tool.built) if tool.built else None,
        remark=fault or _passed_over(program, tool),
    )


def _fault(program: Program, tool: Tool) -> str | None:
    folder = cache.home() / program.recipe.name / program.recipe.key()
    remedy = f"remove {folder} and run `make setup`"
    if not tool.path.exists():
        return f"{tool.path} is gone: {remedy}"
    try:
        told = program.told(folder)
    except ServingError as error:
        return f"{error}\n{remedy}"
    if told != tool.version and (program.asks or program.proof):
        return f"asked for its version it said {told or 'nothing'}: {remedy}"
    return None


def _passed_over(program: Program, tool: Tool) -> str:
    other = which(program.name)
    if program.floor is None or tool.origin == PATH or other is None:
        return ""
    return f"{other} is not used: older than {'.'.join(map(str, program.floor))}"


def _days(since: datetime) -> int:
    return (datetime.now(UTC) - since).days
