"""Two promoters of one model started together: exactly one works, the other names it and ends."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Mapping
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Final

from benchmarks.torture.checks import Problem
from benchmarks.torture.ledger import Ledger, Result, discard
from benchmarks.torture.points import MODEL, Story
from benchmarks.torture.promoter import LEASE, WHO
from benchmarks.torture.running import Torment
from benchmarks.torture.saves import Saves
from serving.promotion.lease import Busy, held
from serving.promotion.lease_store import FolderLease

PART: Final = "pairs"
WORK: Final = "work"
WHOLE: Final = 20
"""Of so many pairs one is a pair of whole promoters, with an engine."""


def pairs(ledger: Ledger, saves: Saves, story: Story, wanted: int) -> Iterator[Result]:
    for number in range(wanted):
        whole = number % WHOLE == 0
        name = f"{number:04} / {'with the engine' if whole else 'lease and journal'}"
        result = ledger.find(PART, name)
        if result is None:
            result = _whole(saves, story, name) if whole else _bare(saves, name)
            ledger.keep(result)
        yield result


def _whole(saves: Saves, story: Story, name: str) -> Result:
    folder = saves.shop.copy(saves.at(story, story.sites[-1]), name.partition(" ")[0])
    torment = Torment(saves.shop, folder, story)
    both = [torment.start(), torment.start()]
    ends = {promoter.process.pid: promoter.end() for promoter in both}
    torment.problems += _one_works(ends)
    return torment.result(PART, name)


def _bare(saves: Saves, name: str) -> Result:
    """The lease decides before there is an engine: what is done under it is one line in a file."""
    began = time.monotonic()
    folder = saves.shop.empty(name.partition(" ")[0])
    folder.mkdir(parents=True)
    processes = _processes()
    together = processes.Barrier(2)
    pipes = [processes.Pipe(duplex=False) for _ in range(2)]
    both = [
        processes.Process(target=contend, args=(folder, together, sender)) for _, sender in pipes
    ]
    for process in both:
        process.start()
    said = [receiver.recv() for receiver, _ in pipes]
    for process in both:
        process.join()
    ends = {each.pid or 0: (each.exitcode or 0, it) for each, it in zip(both, said, strict=True)}
    found = _one_works(ends)
    if len(worked := (folder / WORK).read_text().split()) != 1:
        found.append(Problem(kind="effect twice", what=f"{worked} have worked"))
    discard(folder)
    seconds = round(time.monotonic() - began, 1)
    return Result(part=PART, name=name, outcome="one works", problems=tuple(found), seconds=seconds)


def contend(folder: Path, together: Barrier, result: Connection) -> None:
    """The one that works stays until the other has tried."""
    together.wait()
    try:
        with held(FolderLease(folder / LEASE), WHO, f"promoting {MODEL}"):
            with (folder / WORK).open("a") as stream:
                stream.write(f"{os.getpid()}\n")
            together.wait()
            result.send("")
    except Busy as busy:
        together.wait()
        result.send(str(busy))
        sys.exit(busy.exit_code)


@cache
def _processes() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _one_works(ends: Mapping[int, tuple[int, str]]) -> list[Problem]:
    """By process: its exit status and what it said."""
    winners = [pid for pid, (code, _) in ends.items() if code == 0]
    losers = [said for code, said in ends.values() if code == Busy.exit_code]
    if len(winners) != 1 or len(losers) != len(ends) - 1:
        return [Problem(kind="wrong end state", what=f"not one works: {ends}")]
    named = f"is being done by {WHO} (process {winners[0]} on "
    if not all(named in said for said in losers):
        return [Problem(kind="wrong end state", what=f"does not name {winners}: {losers}")]
    return []
