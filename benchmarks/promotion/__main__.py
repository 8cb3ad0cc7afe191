"""`python -m benchmarks.promotion`: print the scoreboard and write it to a folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.promotion.picture import picture
from benchmarks.promotion.report import page
from benchmarks.promotion.scenario import HEALTHY, QUICK, REGRESSIONS
from benchmarks.promotion.scoreboard import Cell, boards, write


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promotion", description=__doc__)
    parser.add_argument("--runs", type=int, default=2000, help="per cell (default 2000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes side by side")
    parser.add_argument("--quick", action="store_true", help="three scenarios only")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    asked = parser.parse_args()
    scenarios = QUICK if asked.quick else (*HEALTHY, *REGRESSIONS)
    command = f"python -m benchmarks.promotion --runs {asked.runs} --seed {asked.seed}"
    asked.out.mkdir(parents=True, exist_ok=True)
    cells: list[Cell] = []
    for done in boards(scenarios, asked.runs, asked.seed, asked.workers):
        cells += done
        write(cells, asked.out / "result.json", command)
    (asked.out / "result.md").write_text(page(cells, command))
    (asked.out / "result.svg").write_text(picture(cells))
    print(page(cells, command))  # noqa: T201  # its output is what it is for


if __name__ == "__main__":
    main()
