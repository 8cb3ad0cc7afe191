"""The gates of one contract, fed together, and the one sum that may roll a version back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log
from typing import Any, Self

from serving.contract.model import ModelContract
from serving.contract.runtime import TritonRuntime
from serving.errors import InputError
from serving.promotion.answer_gate import GoldenGate, MirrorGate
from serving.promotion.evidence import log_sum
from serving.promotion.gate import Finding, Gate, Memory, Rules, Tick
from serving.promotion.measurement import Unmet, Window
from serving.promotion.resource_gate import GpuMemoryGate, PendingGate, QueueGate, SaturationGate
from serving.promotion.share_gate import ShareGate, SlowdownGate, errors, latency

WARM_UP_WINDOWS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that was gathered so far; its size does not depend on the promotion's length."""

    windows: int = 0
    weight: int = 0
    since_increase: int = 0
    """Windows judged since the weight last rose."""
    gates: Mapping[str, Memory] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "windows": self.windows,
            "weight": self.weight,
            "since_increase": self.since_increase,
            "gates": {name: memory.to_json() for name, memory in self.gates.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        gates = {name: Memory.from_json(memory) for name, memory in data["gates"].items()}
        return cls(**{**data, "gates": gates})


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    findings: tuple[Finding, ...] = ()
    harm: float = 0.0
    """Log of the promotion's evidence of harm: the weighted sum over the gates."""
    compared: bool = True
    """With stable's requests, not with the limits alone."""
    stable_well: bool = True
    """Not visibly over a limit in this window alone."""
    stable_sick: bool = False
    canary_sick: bool = False
    """Beyond doubt over a limit in this window alone."""
    unmet: tuple[Unmet, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Judge:
    gates: tuple[Gate, ...]
    false_rollback: float
    false_advance: float

    def judge(self, evidence: Evidence, window: Window) -> tuple[Evidence, Judgement]:
        """A window whose preconditions failed leaves the evidence as it is."""
        if window.unmet:
            return evidence, Judgement(unmet=window.unmet)
        changed = window.weight != evidence.weight
        rose = window.weight > evidence.weight
        since = 1 if rose else evidence.since_increase + 1
        tick = Tick(index=evidence.windows + 1, settled=since > WARM_UP_WINDOWS)
        memories = {}
        for gate in self.gates:
            memory = evidence.gates.get(gate.name, Memory())
            memories[gate.name] = gate.update(
                memory.at_new_step() if changed else memory, window, tick
            )
        after = Evidence(
            windows=tick.index, weight=window.weight, since_increase=since, gates=memories
        )
        return after, self._judgement(memories, window, tick)

    def _judgement(self, memories: Mapping[str, Memory], window: Window, tick: Tick) -> Judgement:
        margin = margin_at(window.weight if window.stable else 100)
        goal = -log(self.false_advance)
        findings = tuple(
            gate.finding(memories[gate.name], tick, margin, goal) for gate in self.gates
        )
        shares = [gate for gate in self.gates if isinstance(gate, ShareGate)]
        return Judgement(
            findings=findings,
            harm=self._harm(findings),
            compared=window.compared is not None,
            stable_well=all(gate.comparable(window) for gate in shares),
            stable_sick=any(gate.sick(window.stable) for gate in shares),
            canary_sick=any(gate.sick(window.canary) for gate in shares),
        )

    def _harm(self, findings: tuple[Finding, ...]) -> float:
        """Averages of e-processes on one clock are e-processes, however the gates depend."""
        total = sum(gate.budget for gate in self.gates)
        parts = [
            log(gate.budget / total) + finding.harm
            for gate, finding in zip(self.gates, findings, strict=True)
            if gate.budget
        ]
        return log_sum(parts)


def margin_at(weight: int) -> float:
    """The share of bad requests that must be ruled out before the weight rises from here."""
    for highest, margin in ((5, 0.05), (10, 0.03), (25, 0.02)):
        if weight <= highest:
            return margin
    return 0.01


def judge_of(contract: ModelContract, version: int, rules: Rules) -> Judge:
    """Raises InputError where no gate could ever testify that the version is safe."""
    slo, rollout = contract.slo, contract.rollout
    edges = contract.observability.latency_edges_ms
    doubt = -log(rollout.false_rollback)
    golden = has_golden(contract.at(version))
    made: dict[str, Gate] = {
        "errors": errors(slo.error_rate, rules),
        "p99": latency("p99", slo.p99_ms, edges, rules),
        "p50": latency("p50", slo.p50_ms, edges, rules),
        "slowdown": SlowdownGate(rules=rules, edges=len(edges), threshold=doubt),
        "queue": QueueGate(slo_ms=slo.queue_ms),
        "pending": PendingGate(),
        "gpu-memory": GpuMemoryGate(),
        "saturation": SaturationGate(),
    }
    if golden:
        made |= {"golden": GoldenGate(), "mirror": MirrorGate(threshold=doubt)}
    gates = tuple(gate for name, gate in made.items() if name in rollout.gates)
    if not any(isinstance(gate, ShareGate) for gate in gates):
        raise InputError(
            f"model {contract.name}: rollout.gates has none of errors, p99, p50, so no version "
            "could ever be shown to be safe; add at least one of them"
        )
    return Judge(
        gates=gates,
        false_rollback=rollout.false_rollback,
        false_advance=rollout.false_advance,
    )


def has_golden(contract: ModelContract) -> bool:
    runtime = contract.runtime
    return isinstance(runtime, TritonRuntime) and any(
        model.golden for model in runtime.models.values()
    )
