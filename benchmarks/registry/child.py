"""One publish or verify; prints how many seconds each part of it took."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from serving.registry.folder import Folder
from serving.registry.folder_store import FolderStore
from serving.registry.model_file import read
from serving.registry.publish import Candidate, contract_files, publish
from serving.registry.transfer import Advance
from serving.registry.verify import verify

CONTRACT = """\
name: bench
tenant: bench
description: Large files beside a small model
runtime:
  engine: triton
  image: example.org/triton:1
  models:
    bench:
      backend: python
      inputs: {x: {type: FP32, shape: [1]}}
      outputs: {y: {type: FP32, shape: [1]}}
      memory: {weights: 1Mi, per_sample: 1Ki}
      golden: [{inputs: {x: [1]}, outputs: {y: [1]}}]
resources: {accelerator: cpu, cpu: 1, memory: 1Gi}
health: {startup_seconds: 60}
slo: {p50_ms: 50, p99_ms: 250}
"""

seconds: dict[str, float] = {}


@contextmanager
def meter(what: str, total: int) -> Iterator[Advance]:
    started = time.perf_counter()
    yield lambda size: None
    seconds[what.partition(" ")[0]] = time.perf_counter() - started


def main(what: str, work: Path) -> None:
    store = FolderStore(work / "store")
    started = time.perf_counter()
    if what == "publish":
        (work / "bench.yaml").write_text(CONTRACT)
        candidate = Candidate(
            model=read(work / "bench.yaml"),
            version=1,
            source=Folder(work / "source"),
            origin="benchmark",
            created=datetime.now(UTC),
        )
        contract_files(candidate.contract, 1)  # loads protobuf, which is start, not work
        started = time.perf_counter()
        publish(candidate, store, meter)
    else:
        verify(store, "bench", 1, meter=meter)
    seconds["all"] = time.perf_counter() - started
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({**seconds, "peak_mib": peak_mib}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
