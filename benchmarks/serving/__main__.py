"""`python -m benchmarks.serving`: the batch size and queue delay that serve most inside the SLO."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.serving.load import Outcome, closed_loop
from examples import digits
from serving.contract.check import load
from serving.contract.model import ModelContract, merged
from serving.contract.triton_config import server_args
from serving.registry.validate import staged
from serving.triton import running

MODEL: Final = "digits"
VERSION: Final = 2
BATCHES: Final = (1, 8, 32)
DELAYS_MS: Final = (0.0, 2.0, 5.0)
CLIENTS: Final = 32
REQUESTS: Final = 60


def main() -> None:
    contract = load(Path(f"platform/models/{MODEL}.yaml"))
    sys.stdout.write(f"{MODEL} version {VERSION}, {CLIENTS} clients over gRPC, one sample each\n")
    with tempfile.TemporaryDirectory() as folder:
        digits.example().write(Path(folder))
        outcomes = {
            (batch, delay): _measured(contract, Path(folder) / f"{VERSION}", batch, delay)
            for batch in BATCHES
            for delay in (DELAYS_MS if batch > 1 else DELAYS_MS[:1])
        }
    slo = contract.slo.p99_ms / 1000
    inside = {key: outcome for key, outcome in outcomes.items() if outcome.quantile(0.99) <= slo}
    best = max(inside, key=lambda key: inside[key].rate, default=None)
    sys.stdout.write(
        f"inside p99 ≤ {contract.slo.p99_ms:g} ms: "
        + (f"most with max_batch_size {best[0]}, {best[1]:g} ms" if best else "none")
        + "\n"
    )


def _measured(contract: ModelContract, source: Path, batch: int, delay_ms: float) -> Outcome:
    tuned = _with_batches(contract, batch, delay_ms)
    flags = server_args(tuned, VERSION)
    image = {"image": digits.data()[1]["image"][:1]}
    with (
        staged(tuned, VERSION, source) as folder,
        running(folder, [MODEL], VERSION, options=flags) as server,
    ):
        outcome = closed_loop(server, MODEL, image, clients=CLIENTS, requests=REQUESTS)
    sys.stdout.write(f"  max_batch_size {batch:2}, queue delay {delay_ms:g} ms: {outcome}\n")
    sys.stdout.flush()
    return outcome


def _with_batches(contract: ModelContract, batch: int, delay_ms: float) -> ModelContract:
    batching = {"enabled": batch > 1, "max_queue_delay_ms": delay_ms}
    model = {"max_batch_size": batch, "batching": batching}
    document = contract.model_dump(mode="json")
    document["runtime"] = merged(document["runtime"], {"models": {MODEL: model}})
    return ModelContract.model_validate_json(json.dumps(document))


if __name__ == "__main__":
    main()
