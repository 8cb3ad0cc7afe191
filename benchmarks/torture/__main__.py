"""`python -m benchmarks.torture`: kill, double and pause the promoter, and look at what is left.

It goes on where it was stopped. Exit status 1 where anything is wrong, or Ctrl-C came first.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from math import inf
from pathlib import Path
from typing import Final

from benchmarks.torture.crashes import crashes
from benchmarks.torture.kills import kills
from benchmarks.torture.ledger import Ledger, Result
from benchmarks.torture.pairs import pairs
from benchmarks.torture.pauses import pauses
from benchmarks.torture.points import pausing, points, stories
from benchmarks.torture.report import document, page, write
from benchmarks.torture.saves import Saves
from benchmarks.torture.workshop import Workshop
from serving.errors import ServingError

OUT: Final = Path(__file__).resolve().parents[2] / "build" / "torture"
Parts = Mapping[str, tuple[int, Callable[[], Iterator[Result]]]]
"""How many there are to be, and each as it is found."""


def main() -> int:
    asked = _asked()
    ledger = Ledger(folder=asked.out)
    try:
        ledger.open(asked.seed)
    except ServingError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    stopped = False
    saves = Saves(shop=Workshop(folder=asked.out / "work"), folder=asked.out / "saves")
    parts = _parts(asked, ledger, saves)
    try:
        for part in asked.only or parts:
            _run(part, *parts[part], 60 * asked.minutes)
    except KeyboardInterrupt:
        stopped = True
    except ServingError as error:
        sys.stderr.write(f"{error}\n")
        stopped = True
    return _told(asked, ledger, parts) or stopped


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="at random times (default 200)")
    parser.add_argument("--pairs", type=int, default=200, help="of promoters (default 200)")
    parser.add_argument("--out", type=Path, default=OUT, help=f"default {OUT.name} in build/")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--minutes", type=float, default=inf, help="of each part; another call goes on"
    )
    parser.add_argument(
        "--only", action="append", choices=["crashes", "kills", "pairs", "pauses"], metavar="PART",
        help="crashes, kills, pairs or pauses; more than once for several",
    )  # fmt: skip
    return parser.parse_args()


def _parts(asked: argparse.Namespace, ledger: Ledger, saves: Saves) -> Parts:
    told = stories()
    promotion, locked = told[0], told[-1]
    middle = next(each for each in told if each.harm_from == locked.harm_from)
    asleep = (promotion, middle, locked)
    return {
        "pairs": (asked.pairs, lambda: pairs(ledger, saves, promotion, asked.pairs)),
        "crashes": (
            sum(len(list(points(story))) for story in told),
            lambda: crashes(ledger, saves, told, asked.seed),
        ),
        "pauses": (
            sum(len(list(pausing(story))) for story in asleep),
            lambda: pauses(ledger, saves, asleep, asked.seed),
        ),
        "kills": (asked.kills, lambda: kills(ledger, saves, told, asked.kills, asked.seed)),
    }


def _run(part: str, planned: int, results: Callable[[], Iterator[Result]], seconds: float) -> None:
    done, until = 0, time.monotonic() + seconds
    for result in results():
        done += result.kills if part == "kills" else 1
        said = "; ".join(f"WRONG: {each.kind}: {each.what}" for each in result.problems)
        paused = f", paused {len(result.paused)} times" if result.paused else ""
        kept = f" (kept in {result.folder})" if result.folder else ""
        sys.stdout.write(
            f"{part} {done}/{planned}  {result.name}: {result.outcome}{paused}, "
            f"{result.seconds:g} s {said}{kept}\n"
        )
        sys.stdout.flush()
        if time.monotonic() > until:
            return


def _told(asked: argparse.Namespace, ledger: Ledger, parts: Parts) -> int:
    """The table of all that was found so far, in this call or another."""
    found = {part: ledger.all(part) for part in parts}
    planned = {part: number for part, (number, _) in parts.items()}
    command = (
        f"python -m benchmarks.torture --kills {asked.kills} --pairs {asked.pairs} "
        f"--seed {asked.seed}"
    )
    text = page(found, planned, command, asked.seed)
    write(asked.out, text, document(found, planned, command, asked.seed))
    sys.stdout.write(f"\n{text}\n")
    return int(any(each.problems for results in found.values() for each in results))


if __name__ == "__main__":
    sys.exit(main())
