"""`python -m benchmarks.registry`: publish and verify beside cp, sync and sha256sum."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from serving.registry.folder import remove_tree

HERE = Path(__file__).parent
GIB = 1 << 30
TARGET = 1.3
SHAPES = {"1 file": 1, "256 files": 256}


@dataclass(frozen=True, kw_only=True)
class Measured:
    seconds: float
    peak_mib: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.registry", description=__doc__)
    parser.add_argument("--gib", type=float, default=2.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--work", type=Path, help="on the disk to measure; needs 3 x --gib")
    parser.add_argument("--out", type=Path, default=HERE, help="where result.json and .md go")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.work) as work:
        results = {
            shape: measured(Path(work), round(asked.gib * GIB), files, asked.runs)
            for shape, files in SHAPES.items()
        }
        small = peak(measured(Path(work), GIB // 16, 1, 1))
    report = tables(results, small, asked.gib)
    sys.stdout.write(report)
    (asked.out / "result.md").write_text(report)
    (asked.out / "result.json").write_text(json.dumps(results, default=asdict, indent=2) + "\n")


Result = Mapping[str, Mapping[str, Sequence[Measured]]]


def measured(work: Path, size: int, files: int, runs: int) -> Result:
    """Both sides in turn, each from a cold cache."""
    source = work / "source"
    fill(source, size, files)
    found: dict[str, dict[str, list[Measured]]] = {}

    def note(what: str, side: str, one: Measured) -> None:
        found.setdefault(what, {}).setdefault(side, []).append(one)

    for _ in range(runs):
        evict(source)
        copied = shell(
            f"cp -r {source} {work}/copy && sync {work}/copy $(find {work}/copy -type f)"
        )
        evict(work / "copy")
        summed = shell(f"find {work}/copy -type f -exec sha256sum {{}} + > /dev/null")
        shutil.rmtree(work / "copy")
        evict(source)
        ours = child("publish", work)
        evict(work / "store")
        verified = child("verify", work)
        remove_tree(work / "store")
        note("verify", "theirs", summed)
        note("verify", "ours", verified["verifying"])
        note("publish: copy, hash, sync", "theirs", copied)
        note("publish: copy, hash, sync", "ours", ours["copying"])
        both = Measured(seconds=copied.seconds + summed.seconds)
        note("publish, with reading back", "theirs", both)
        note("publish, with reading back", "ours", ours["all"])
    shutil.rmtree(source)
    return found


def fill(source: Path, size: int, files: int) -> None:
    source.mkdir()
    (source / "model.py").write_text("# weights beside\n")
    for number in range(files):
        with (source / f"{number:03}.bin").open("wb") as file:
            left = size // files
            while left:
                left -= file.write(os.urandom(min(left, 1 << 24)))
            os.fsync(file.fileno())


def evict(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def shell(script: str) -> Measured:
    started = time.perf_counter()
    subprocess.run(["/bin/bash", "-ec", script], check=True)
    return Measured(seconds=time.perf_counter() - started)


def child(what: str, work: Path) -> dict[str, Measured]:
    """In a process of its own, which tells how long each part took without its own start."""
    command = [sys.executable, "-m", "benchmarks.registry.child", what, str(work)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(answer.stdout)
    peak_mib = found.pop("peak_mib")
    return {part: Measured(seconds=value, peak_mib=peak_mib) for part, value in found.items()}


def tables(results: Mapping[str, Result], small: float, gib: float) -> str:
    machine = f"{os.cpu_count()} cores, {platform.system()}"
    lines = [
        "# The registry beside coreutils",
        "",
        f"`python -m benchmarks.registry`, {datetime.now(UTC):%Y-%m-%d}, {machine}, "
        f"Python {platform.python_version()}; {gib:g} GiB of random bytes, page cache empty, "
        "medians in seconds.",
        "`verify` is held against `sha256sum`, copying against `cp` + `sync`, the whole of "
        "`publish` against `cp` + `sync` + `sha256sum` of the copy.",
        "",
        "| files | what | registry | coreutils | ratio | target |",
        "|---|---|---|---|---|---|",
    ]
    for shape, result in results.items():
        for what, sides in result.items():
            ours, theirs = median(sides["ours"]), median(sides["theirs"])
            ratio = ours / theirs
            lines.append(
                f"| {shape} | {what} | {ours:.2f} | {theirs:.2f} | {ratio:.2f} | ≤ {TARGET} |"
            )
    highest = max(map(peak, results.values()))
    lines += ["", f"Peak memory: {highest:.0f} MiB; with 1/16 GiB: {small:.0f} MiB.", ""]
    return "\n".join(lines)


def median(found: Sequence[Measured]) -> float:
    return statistics.median(one.seconds for one in found)


def peak(result: Result) -> float:
    return max(one.peak_mib for sides in result.values() for one in sides["ours"])


if __name__ == "__main__":
    main()
