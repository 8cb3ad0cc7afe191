"""Gates over answers: the contract's golden samples, sent to both arms by the promotion itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

from serving.promotion.evidence import log_value, mean_factors, pair_factors, restarted
from serving.promotion.gate import Finding, Memory, Tick
from serving.promotion.measurement import Window

ALLOWED_DISAGREEMENT = 0.02
"""Share of samples that a new version may answer differently without a person looking."""


@dataclass(frozen=True, kw_only=True)
class GoldenGate:
    name: str = "golden"
    null: str = "the canary is no more often wrong about a golden sample than stable"
    source: str = "the contract's golden requests, sent to both arms"
    budget: float = 0.1

    def update(self, memory: Memory, window: Window, tick: Tick) -> Memory:
        answers = window.answers
        pairs = (0, 0)
        series = dict(memory.series) | {"malformed": (0.0,), "excess": (0.0,)}
        if answers is not None and answers.asked:
            seen = memory.series.get("pairs", (0.0, 0.0))
            now = (answers.only_canary_wrong, answers.only_stable_wrong)
            # The same samples come again and again: only what was never seen before is news.
            fresh = tuple(int(max(n - s, 0)) for n, s in zip(now, seen, strict=True))
            pairs = (fresh[0], sum(fresh))
            excess = answers.canary_wrong - answers.stable_wrong - answers.noise
            series |= {
                "asked": (float(answers.asked),),
                "malformed": (float(answers.malformed),),
                "excess": (float(excess if window.weight == 0 else 0),),
                "pairs": tuple(max(n, s) for n, s in zip(map(float, now), seen, strict=True)),
            }
        logs = restarted(memory.evidence.get("pairs", ()), tick.index, pair_factors(*pairs))
        return replace(memory, evidence={"pairs": logs}, series=series)

    def finding(self, memory: Memory, tick: Tick, margin: float, goal: float) -> Finding:
        asked = memory.series.get("asked", (0.0,))[0]
        malformed = memory.series.get("malformed", (0.0,))[0]
        excess = memory.series.get("excess", (0.0,))[0]
        guard = ""
        if malformed:
            guard = f"{malformed:.0f} of {asked:.0f} golden answers are malformed"
        elif excess > 0:
            guard = f"{excess:.0f} more of {asked:.0f} golden answers are wrong than of stable's"
        return Finding(
            gate=self.name,
            harm=log_value(memory.evidence.get("pairs", ()), tick.index),
            guard=guard,
            block="" if asked else "the golden samples were not asked yet",
        )


@dataclass(frozen=True, kw_only=True)
class MirrorGate:
    """Differing is no fault by itself: a new version may mean to. A person is asked."""

    threshold: float
    """Log evidence from which the weight must not rise."""
    name: str = "mirror"
    null: str = "both arms answer the same samples alike, but for an allowed share and noise"
    source: str = "the contract's golden requests, sent to both arms and twice to stable"
    budget: float = 0.0

    def update(self, memory: Memory, window: Window, tick: Tick) -> Memory:
        answers = window.answers
        share = None
        if answers is not None and answers.asked and window.stable is not None:
            share = (answers.differ - answers.noise) / answers.asked
        factors = mean_factors(share, ALLOWED_DISAGREEMENT, lowest=-1.0)
        logs = restarted(memory.evidence.get("differ", ()), tick.index, factors)
        return replace(memory, evidence={"differ": logs})

    def finding(self, memory: Memory, tick: Tick, margin: float, goal: float) -> Finding:
        differ = log_value(memory.evidence.get("differ", ()), tick.index)
        ask = f"answers differ in more than {ALLOWED_DISAGREEMENT:.0%} of the samples"
        return Finding(gate=self.name, ask=ask if differ >= self.threshold else "")
