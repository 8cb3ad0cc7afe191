"""Gates over shares of requests: errors, slower than p99 or p50 allows, slower than stable is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log

from serving.promotion.draw import binomial, hypergeometric, uniform
from serving.promotion.evidence import (
    SHARPNESS,
    Logs,
    limit_factors,
    log_mean,
    log_sum,
    log_value,
    mean_factors,
    odds_times,
    rank_factors,
    requests_to_go,
    restarted,
    safety,
    split_factors,
)
from serving.promotion.gate import Finding, Memory, Rules, Tick
from serving.promotion.measurement import Arm, Counts, Window

EMPTY = Arm()
NO_RANKS = (0.0,) * len(SHARPNESS)
FEWEST_PODS = 3
"""Of stable, for ranks among pods to say anything."""
KILL_LIMIT = 0.2
KILL_BELOW = 20
"""Requests of stable in a window below which there is nothing to compare the canary with."""
KILL_BUDGET = 0.1
SICK = log(100)

Bad = Callable[[Counts], int]


def bad_limit(limit: float) -> float:
    """What a sick arm is over: twice the odds of the limit."""
    return odds_times(limit, 2.0)


@dataclass(frozen=True, kw_only=True)
class ShareGate:
    """A share of bad requests that must be no worse than stable's, or within its limit."""

    name: str
    null: str
    source: str
    budget: float
    limit: float
    views: Mapping[str, Bad]
    """What counts as bad when compared with stable; evidence is averaged over them."""
    bad: Bad
    """What counts as bad against the limit."""
    rules: Rules
    kill_switch: bool = False
    warm_only: bool = True
    """Latencies just after an increase of the weight do not count."""

    def update(self, memory: Memory, window: Window, tick: Tick) -> Memory:
        quiet = self.warm_only and not tick.settled
        canary = EMPTY if quiet else window.canary
        stable = EMPTY if quiet or window.compared is None else window.compared
        ranked = not quiet and window.stable is not None and begins(tick, window.stable)
        evidence: dict[str, Logs] = {}
        for view, bad in self.views.items():
            evidence |= relative(self, memory, view, bad, canary, stable, tick, ranked=ranked)

        requests, wrong = canary.counts.requests, self.bad(canary.counts)
        over = limit_factors((requests, wrong), self.limit, self.rules.dispersion_of(self.name))
        evidence["limit"] = restarted(memory.evidence.get("limit", ()), tick.index, over)
        if self.kill_switch:
            alone = requests and stable.counts.requests < KILL_BELOW
            share = wrong / requests if alone else None
            evidence["kill"] = restarted(
                memory.evidence.get("kill", ()), tick.index, mean_factors(share, KILL_LIMIT)
            )
        counted = self.comparable(window)
        return replace(
            memory,
            evidence=evidence,
            requests=memory.requests + (requests if counted else 0),
            bad=memory.bad + (wrong if counted else 0),
            series={
                "compared": (float(window.compared is not None),),
                "suspicion": suspicion(memory, over) if counted else (),
            },
        )

    def comparable(self, window: Window) -> bool:
        """Stable is not visibly over the limit in this window, or known to be."""
        if self.rules.stable_degraded or window.stable is None:
            return True
        counts = window.stable.counts
        return self.bad(counts) <= max(bad_limit(self.limit) * counts.requests, 1)

    def sick(self, arm: Arm | None) -> bool:
        """Over the limit in one window, beyond doubt."""
        counts = arm.counts if arm else Counts()
        seen = counts.requests, self.bad(counts)
        evidence = limit_factors(seen, self.limit, self.rules.dispersion_of(self.name))
        return log_mean(evidence) >= SICK

    def finding(self, memory: Memory, tick: Tick, margin: float, goal: float) -> Finding:
        worse = log_mean([worse_than_stable(self, memory, view, tick) for view in self.views])
        over = log_value(memory.evidence.get("limit", ()), tick.index)
        harm = min(worse, over)
        if memory.series.get("compared") == (0.0,):
            harm = over
        elif self.rules.stable_degraded:
            harm = worse
        if self.kill_switch:
            kill = log_value(memory.evidence.get("kill", ()), tick.index)
            harm = log_sum((log(1 - KILL_BUDGET) + harm, log(KILL_BUDGET) + kill))
        bound = max(margin, bad_limit(self.limit))
        dispersion = self.rules.dispersion_of(self.name)
        safe = safety(memory.requests, memory.bad, bound, dispersion)
        return Finding(
            gate=self.name,
            harm=harm,
            suspicion=max(memory.series.get("suspicion", ()), default=0.0),
            safe=safe,
            needs=requests_to_go(memory.requests, memory.bad, bound, dispersion, goal) or 0,
        )


def suspicion(memory: Memory, over: Logs) -> Logs:
    """Forgets what lies before the last sign of health: a sum that never falls below zero."""
    before = memory.series.get("suspicion") or (0.0,) * len(over)
    return tuple(max(old + new, 0.0) for old, new in zip(before, over, strict=True))


def begins(tick: Tick, stable: Arm) -> bool:
    """Ranks are looked at from the first window on, or never."""
    return tick.index == 1 and len(stable.pods) >= FEWEST_PODS


def relative(
    gate: ShareGate,
    memory: Memory,
    view: str,
    bad: Bad,
    canary: Arm,
    stable: Arm,
    tick: Tick,
    *,
    ranked: bool,
) -> dict[str, Logs]:
    """The witnesses for "worse than stable", one window on; `ranked`: ranks are one from now on."""
    rules = gate.rules
    factors = split_factors(
        (canary.counts.requests, bad(canary.counts)),
        (stable.counts.requests, bad(stable.counts)),
        rules.tolerance,
        rules.dispersion_of(gate.name),
    )
    split, rank = f"split {view}", f"rank {view}"
    result = {split: restarted(memory.evidence.get(split, ()), tick.index, factors)}
    if rules.witnesses == "split":
        return result
    if ranked or rank in memory.evidence:
        key = f"{rules.seed}/{gate.name}/{view}/{tick.index}"
        result[rank] = restarted(
            memory.evidence.get(rank, ()),
            tick.index,
            pod_factors(canary.pods, stable.pods, bad, rules.tolerance, key),
        )
    return result


def worse_than_stable(gate: ShareGate, memory: Memory, view: str, tick: Tick) -> float:
    split = log_value(memory.evidence.get(f"split {view}", ()), tick.index)
    ranks = memory.evidence.get(f"rank {view}")
    if ranks is None:
        return split
    rank = log_value(ranks, tick.index)
    return min(split, rank) if gate.rules.witnesses == "minimum" else log_mean((split, rank))


def pod_factors(
    canary: Mapping[str, Counts],
    stable: Mapping[str, Counts],
    bad: Bad,
    tolerance: float,
    key: str,
) -> Logs:
    """Ranks after thinning every pod to the requests of the smallest one."""
    kept = min((counts.requests for counts in (*canary.values(), *stable.values())), default=0)
    if not kept or not canary or len(stable) < FEWEST_PODS:
        return NO_RANKS
    own = []
    for pod in sorted(canary):
        count = thin(canary[pod], bad, kept, key, pod)
        own.append(float(binomial(count, 1 / tolerance, uniform(key, pod, "tolerance"))))
    return rank_factors(
        own, [float(thin(stable[pod], bad, kept, key, pod)) for pod in sorted(stable)]
    )


def thin(counts: Counts, bad: Bad, kept: int, key: str, pod: str) -> int:
    return hypergeometric(counts.requests, bad(counts), kept, uniform(key, pod))


@dataclass(frozen=True, kw_only=True)
class SlowdownGate:
    """Holds a canary that is slower than stable, though inside its SLO."""

    rules: Rules
    edges: int
    """Of the histogram."""
    threshold: float
    """Log evidence from which the weight must not rise."""
    name: str = "slowdown"
    null: str = "the canary exceeds stable's 90th percentile no more often than stable does"
    source: str = "the gateway's latency histogram by version"
    budget: float = 0.0

    def update(self, memory: Memory, window: Window, tick: Tick) -> Memory:
        seen = memory.series.get("stable", (0.0,) * (self.edges + 1))
        stable = window.compared.counts if window.compared else Counts()
        canary = window.canary.counts
        edge = self._edge(seen)
        factors: Sequence[float] = split_factors((0, 0), (0, 0), 1.0, 1.0)
        if tick.settled and edge is not None and stable.slower and canary.slower:
            factors = split_factors(
                (canary.requests, canary.slower[edge]),
                (stable.requests, stable.slower[edge]),
                self.rules.tolerance,
                self.rules.dispersion_of(self.name),
            )
        increments = (stable.requests, *(stable.slower or (0,) * self.edges))
        return replace(
            memory,
            evidence={"split": restarted(memory.evidence.get("split", ()), tick.index, factors)},
            series={"stable": tuple(a + b for a, b in zip(seen, increments, strict=True))},
        )

    def _edge(self, seen: Sequence[float]) -> int | None:
        """The lowest edge that at most a tenth of stable's requests exceeded before now."""
        return next(
            (i for i, slower in enumerate(seen[1:]) if seen[0] and slower <= seen[0] / 10), None
        )

    def finding(self, memory: Memory, tick: Tick, margin: float, goal: float) -> Finding:
        slower = log_value(memory.evidence.get("split", ()), tick.index)
        block = "slower than stable beyond chance" if slower >= self.threshold else ""
        return Finding(gate=self.name, suspicion=slower, block=block)


def errors(limit: float, rules: Rules) -> ShareGate:
    def bad(counts: Counts) -> int:
        return counts.errors

    return ShareGate(
        name="errors",
        null="the canary's share of errors is no higher than stable's, or within the SLO",
        source="the gateway's requests by version, HTTP status and gRPC status",
        budget=0.4,
        limit=limit,
        views={"errors": bad},
        bad=bad,
        rules=rules,
        kill_switch=True,
        warm_only=False,
    )


def latency(name: str, slo_ms: float, edges_ms: Sequence[float], rules: Rules) -> ShareGate:
    """The p99 and p50 gates. A quantile is within T when few enough requests exceed T."""
    allowed, budget = {"p99": (0.01, 0.2), "p50": (0.5, 0.1)}[name]
    if slo_ms not in edges_ms:
        raise ValueError(f"{name} of {slo_ms} ms must be an edge of the histogram: {edges_ms}")
    at = list(edges_ms).index(slo_ms)
    near = range(max(at - 1, 0), min(at + 2, len(edges_ms)))
    return ShareGate(
        name=name,
        null=f"requests slower than {slo_ms:g} ms are no more common than on stable, "
        f"or at most {allowed:.0%}",
        source="the gateway's latency histogram by version",
        budget=budget,
        limit=allowed,
        views={f"{edges_ms[i]:g} ms": slower_than(i) for i in near},
        bad=slower_than(at),
        rules=rules,
    )


def slower_than(edge: int) -> Bad:
    def bad(counts: Counts) -> int:
        return counts.slower[edge] if counts.slower else 0

    return bad
