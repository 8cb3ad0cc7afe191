"""What a calibration has shown, kept beside the leases until the engine or the promise changes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Final

from pydantic import TypeAdapter, ValidationError

from serving.contract.model import ModelContract
from serving.promotion.calibration import Calibration
from serving.promotion.course import engine_version
from serving.promotion.gate import Rules
from serving.promotion.record import canonical
from serving.promotion.shelf import shelf_at

NAME: Final = "calibration.json"


@dataclass(frozen=True, kw_only=True)
class Learnt:
    rules: Rules
    trials: int
    rollbacks: int
    engine: str
    """That was replayed: another one may judge otherwise."""
    promise: str
    """Digest of what the gates ask for, and of how long a window is."""
    at: str
    """UTC."""
    unmeasured: tuple[str, ...] = ()
    """Gates that the history says nothing about, as it is not known by server."""

    @property
    def calibration(self) -> Calibration:
        return Calibration(rules=self.rules, trials=self.trials, rollbacks=self.rollbacks)


_LEARNT: Final = TypeAdapter(Learnt)


def promise_of(contract: ModelContract, window_seconds: float) -> str:
    document = {
        "slo": contract.slo.model_dump(mode="json"),
        "gates": sorted(contract.rollout.gates),
        "false_rollback": contract.rollout.false_rollback,
        "edges": contract.observability.latency_edges_ms,
        "window": window_seconds,
    }
    return f"sha256:{hashlib.sha256(canonical(document).encode()).hexdigest()}"


def keep(leases: str, model: str, learnt: Learnt) -> str:
    """Where it lies."""
    shelf = shelf_at(f"{leases.rstrip('/')}/{model}")
    kept = replace(learnt, rules=replace(learnt.rules, seed=""))
    shelf.put(NAME, _LEARNT.dump_json(kept))
    return f"{shelf.where}/{NAME}"


def learnt_of(
    leases: str, contract: ModelContract, window_seconds: float
) -> tuple[Learnt | None, str]:
    """What holds for this engine and this promise; or None, and why."""
    content = shelf_at(f"{leases.rstrip('/')}/{contract.name}").get(NAME)
    if content is None:
        return None, "it was never calibrated"
    try:
        found = _LEARNT.validate_json(content)
    except ValidationError:
        return None, "its calibration cannot be read"
    if found.engine != engine_version():
        return None, f"it was calibrated with another engine ({found.engine})"
    if found.promise != promise_of(contract, window_seconds):
        return None, "its SLO, its gates or the windows have changed since it was calibrated"
    return found, ""
