"""`python -m benchmarks.local`: what the gateway, a change of weight, a step and the whole cost."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.local import batching, flips, gateway, step
from benchmarks.local.ground import MODEL, bench
from serving.load import read
from serving.stacks.local.status import processes

HERE: Final = Path(__file__).parent
LIVE: Final = ("digits", "tickets", "biopsy", "offers", "mailroom")
DOUBLES: Final = 20

Rows = list[tuple[str, str, str]]
"""What, measured, wanted."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.local", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all")
    parser.add_argument("--out", type=Path, default=HERE, help="where result.md and .json go")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    file = asked.out / "result.json"
    found: dict[str, Rows] = json.loads(file.read_text()) if asked.parts and file.exists() else {}
    with tempfile.TemporaryDirectory(prefix="serving-benchmark-") as folder:
        examples = Path(folder) / "examples"
        command = [sys.executable, "-m", "examples.build", str(examples), *LIVE]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for part in asked.parts or PARTS:
            sys.stdout.write(f"{part} …\n")
            sys.stdout.flush()
            (Path(folder) / part).mkdir()
            found[part] = PARTS[part](Path(folder) / part, examples)
            sys.stdout.write("".join(f"  {what}: {value}\n" for what, value, _ in found[part]))
            (asked.out / "result.md").write_text(_report(found))
            file.write_text(json.dumps(found, indent=2) + "\n")


def _whole(folder: Path, examples: Path) -> Rows:
    with bench(folder, "whole", examples, [MODEL]) as here:
        here.publish(MODEL, {1: examples / MODEL / "1", 2: examples / MODEL / "2"})
        here.configure(releases={MODEL: {"stable": 1}})
        begun = time.monotonic()
        here.up()
        up = time.monotonic() - begun
        memory = {each.name: each.rss_bytes / 2**20 for each in processes(here.place)}
    total = sum(memory.values())
    parts = ", ".join(f"{name} {mib:.0f}" for name, mib in sorted(memory.items()))
    return [
        ("start-up of gateway, Prometheus and one Triton", f"{up:.1f} s", "≤ 30 s"),
        ("memory", f"{total:.0f} MiB ({parts})", ""),
    ]


def _gateway(folder: Path, examples: Path) -> Rows:
    with bench(folder, "gateway", examples, [MODEL]) as here:
        here.one_by_one(gateway.INSTANCES)
        here.publish(MODEL, {1: here.slowed(gateway.DELAY_MS)})
        here.configure(releases={MODEL: {"stable": 1}})
        here.up()
        cost = gateway.measured(here, folder)
    both = ", ".join(f"{way} {rate:.0f}" for way, rate in cost.most.items())
    medians = ", ".join(f"{way} {ms:.2f}" for way, ms in cost.p50_ms.items())
    return [
        (
            f"requests per second held, {gateway.INSTANCES} instances of {gateway.DELAY_MS} ms",
            both,
            "",
        ),
        ("throughput, gateway over direct", f"{cost.throughput:.2f}", "≥ 0.9"),
        (f"p50 in ms at {cost.half_rate:.0f} requests per second", medians, ""),
        ("added p50", f"{cost.added_p50_ms:.2f} ms", "≤ 1 ms"),
        ("processor time of the gateway for a request", f"{cost.gateway_cpu_ms:.3f} ms", ""),
    ]


def _flips(folder: Path, examples: Path) -> Rows:
    with bench(folder, "flips", examples, [MODEL]) as here:
        here.publish(MODEL, {1: examples / MODEL / "1", 2: examples / MODEL / "2"})
        here.configure(releases={MODEL: {"stable": 1, "canary": 2}})
        here.up()
        route = flips.by_route(here, folder)
        # the weights that were changed past the stack are the configuration's again
        here.up()
        stack = flips.by_stack(here, folder)
        split = flips.split(here, folder)
        times = sorted(request.ms for request in read(folder / "split.jsonl").requests)
    shares = ", ".join(f"{protocol} {share:.1f} %" for protocol, share in split.items())
    return [
        *_flip_rows("by the route's writer", route),
        *_flip_rows("by the stack", stack),
        (f"share at {flips.SPLIT} % of {flips.SPLIT_REQUESTS} requests", shares, "± 2 points"),
        (f"median latency at {flips.RATE:.0f} requests/s", f"{times[len(times) // 2]:.1f} ms",
         "< 100 ms"),
    ]  # fmt: skip


def _flip_rows(how: str, found: flips.Flips) -> Rows:
    lost = f"{found.lost} of {found.requests}"
    first = f"{found.median_seconds:.2f} s (median of {len(found.first_seconds)})"
    return [
        (f"requests lost in {found.changes} changes {how}", lost, "0"),
        (f"to the first changed request, {how}", first, ""),
    ]


def _step(folder: Path, examples: Path) -> Rows:
    found = []
    for models in (LIVE[:1], LIVE):
        with bench(folder, f"step-{len(models)}", examples, models) as here:
            for model in models:
                here.publish(model, {1: examples / model / "1"})
            here.publish(MODEL, {2: examples / MODEL / "2"})
            here.configure(releases={model: {"stable": 1} for model in models})
            here.up()
            found.append(("", step.measured(here, len(models))))
    with bench(folder, "step-doubles", examples, [MODEL]) as here:
        found.append((", doubles", step.with_doubles(here, DOUBLES)))
    return [
        (
            f"step over empty `up`, {each.models} models{what}",
            "{step_seconds:.2f} s / {empty_seconds:.2f} s = {ratio:.2f}".format(**step.row(each)),
            "≤ 1.5",
        )
        for what, each in found
    ]


def _batching(folder: Path, examples: Path) -> Rows:
    with bench(folder, "batching", examples, [MODEL]) as here:
        found = batching.measured(here)
    what = f"{batching.CLIENTS} clients at once, {batching.DELAY_MS} ms an execution"
    ratio = found["batched"].rate / found["one by one"].rate
    return [
        *((f"{what}, {how}", str(outcome), "") for how, outcome in found.items()),
        ("requests per second, batched over one by one", f"{ratio:.1f}", ""),
    ]


PARTS: Final[Mapping[str, Callable[[Path, Path], Rows]]] = {
    "whole": _whole, "gateway": _gateway, "flips": _flips, "step": _step,
    "batching": _batching,
}  # fmt: skip


def _report(found: Mapping[str, Any]) -> str:
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    lines = [
        "# The local stack",
        "",
        f"`python -m benchmarks.local`, {datetime.now(UTC):%Y-%m-%d}, {machine}; client, gateway, "
        "servers and engine share the machine.",
        "",
        "| what | measured | wanted |",
        "|---|---|---|",
        *(
            f"| {what} | {value} | {bound} |"
            for rows in found.values()
            for what, value, bound in rows
        ),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
