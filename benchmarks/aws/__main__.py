"""`python -m benchmarks.aws`: the program of `prod` beside bare resources, and beside the SDKs."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

from benchmarks.aws import engine, imports

HERE: Final = Path(__file__).parent
RATIO: Final = 1.3
IMPORT_SECONDS: Final = 1.5

Seconds: TypeAlias = Mapping[str, Sequence[float]]
"""By side, one of each round."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.aws", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of previews and deployments")
    parser.add_argument("--imports", type=int, default=15, help="rounds of fresh processes")
    parser.add_argument("--out", type=Path, default=HERE, help="where result.md and .json go")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    imported = imports.rounds(asked.imports)
    with (
        tempfile.TemporaryDirectory(prefix="serving-benchmark-") as folder,
        engine.backend(Path(folder)) as backend,
    ):
        deployed, resources = engine.rounds(backend, asked.rounds)
    text = report(imported, deployed, resources, asked.rounds)
    sys.stdout.write(text)
    (asked.out / "result.md").write_text(text)
    found = {"resources": resources, "imports": imported, **deployed}
    (asked.out / "result.json").write_text(json.dumps(found, indent=2) + "\n")


def report(imported: Seconds, deployed: Mapping[str, Seconds], resources: int, rounds: int) -> str:
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    lines = [
        "# The program of the AWS stacks",
        "",
        f"`python -m benchmarks.aws --rounds {rounds} --imports {len(imported['program'])}`, "
        f"{datetime.now(UTC):%Y-%m-%d}, {machine}; the real engine with a file backend and "
        "doubles of the providers, which answer at once.",
        f"`prod` is held against a program that registers its {resources} resources as its state "
        "has them, with the same kinds, names, parents and inputs, and works nothing out; what it "
        "imports, against Pulumi and its three providers alone, in processes of their own and "
        "without the interpreter's start.",
        f"Medians of seconds; {rounds} rounds of previews and updates, in which the sides take "
        "turns; a ratio is the median of the rounds' ratios.",
        "",
        "| what | ours | theirs | ratio | target |",
        "|---|---|---|---|---|",
        *(_beside(f"{what} of `prod`", each, "ours", "bare", f"ratio ≤ {RATIO}")
          for what, each in deployed.items()),
        _beside("import, as `__main__.py` does", imported, "program", "sdk",
                f"≤ {IMPORT_SECONDS} s"),
        _beside("import of all that `prod` is built from", imported, "stack, with the parts",
                "sdk, with its parts", ""),
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def _beside(what: str, seconds: Seconds, ours: str, theirs: str, target: str) -> str:
    medians = [statistics.median(seconds[side]) for side in (ours, theirs)]
    cells = [f"{median:.2f}" for median in medians]
    return (
        f"| {what} | {' | '.join(cells)} | {ratio(seconds[ours], seconds[theirs]):.3f} | {target} |"
    )


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Of pairs, so that a machine that is busy for a while is so for both."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


if __name__ == "__main__":
    main()
