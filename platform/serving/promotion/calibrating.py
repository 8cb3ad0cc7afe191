"""`serving promote calibrate`: how often a service's own past would have been rolled back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil

from serving.contract.model import ModelContract
from serving.errors import InputError
from serving.promotion.arm import Side
from serving.promotion.calibration import calibrate, trials_of
from serving.promotion.course import engine_version
from serving.promotion.gate import Rules
from serving.promotion.ground import Ground
from serving.promotion.judge import Judge, judge_of
from serving.promotion.learnt import Learnt, keep, promise_of
from serving.promotion.measurement import Window
from serving.promotion.metrics import LAG_SECONDS
from serving.promotion.past import past
from serving.promotion.prometheus import Prometheus
from serving.promotion.share_gate import ShareGate
from serving.promotion.steps import Plan

PAST_SECONDS = 30.0
"""To answer a question about the past: it may be a large one."""


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    learnt: Learnt
    version: int
    windows: int
    trial_windows: int
    """In each trial: about as long as a promotion takes."""
    false_rollback: float
    """What the contract allows."""
    where: str

    @property
    def arms(self) -> bool:
        return self.learnt.calibration.arms(self.false_rollback)


def calibrated(ground: Ground, model: str, hours: float, until: float) -> Calibrated:
    """`until`: seconds since 1970. Raises InputError where the past does not suffice."""
    release = ground.stack.deployed().get(model)
    if release is None or release.stable is None:
        raise InputError(f"model {model}: has no stable version yet, so no past to learn from")
    version = release.stable
    contract = ground.published(model, version)
    windows = _past(ground, contract, version, hours, until - LAG_SECONDS)
    length = ceil(sum(Plan.of(contract.rollout, armed=True).dwell_seconds) / ground.window_seconds)
    trials = trials_of(windows, length)
    if not trials:
        raise InputError(
            f"model {model}: {len(windows)} usable windows of {ground.window_seconds:g} s in the "
            f"last {hours:g} h, and one trial takes {length}; let it serve longer, or look further "
            "back with --hours"
        )

    def judge(rules: Rules) -> Judge:
        return judge_of(contract, version, rules)

    found = calibrate(judge, trials, Rules())
    unmeasured = _unmeasured(judge(Rules()), windows)
    learnt = Learnt(
        rules=_without(found.rules, unmeasured),
        trials=found.trials,
        rollbacks=found.rollbacks,
        engine=engine_version(),
        promise=promise_of(contract, ground.window_seconds),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        unmeasured=unmeasured,
    )
    return Calibrated(
        learnt=learnt,
        version=version,
        windows=len(windows),
        trial_windows=length,
        false_rollback=contract.rollout.false_rollback,
        where=keep(ground.leases, model, learnt),
    )


def _past(
    ground: Ground, contract: ModelContract, version: int, hours: float, until: float
) -> list[Window]:
    prometheus = Prometheus(ground.prometheus, deadline_seconds=PAST_SECONDS)
    side = Side.of(contract, version, ground.gateway)
    since = until - 3600 * hours
    found = list(past(prometheus, side, since, until, ground.window_seconds, ground.scrape_seconds))
    most = max((len(window.stable.pods) for window in found if window.stable), default=0)
    if most < 2:
        raise InputError(
            f"model {contract.name}: version {version} had {most} servers in the last {hours:g} h "
            "that counted requests; expected two at least, as one plays the canary: give it "
            "more replicas, or start with --waive REASON"
        )
    return found


def _unmeasured(judge: Judge, windows: list[Window]) -> tuple[str, ...]:
    """Latency by server, which some gateways do not count."""
    pods = [counts for each in windows if each.stable for counts in each.stable.pods.values()]
    if any(counts.slower for counts in pods):
        return ()
    shares = (gate for gate in judge.gates if isinstance(gate, ShareGate))
    return tuple(gate.name for gate in shares if gate.name != "errors")


def _without(rules: Rules, gates: tuple[str, ...]) -> Rules:
    """Of what was not measured nothing is known: it stays as cautious as without calibration."""
    kept = {gate: value for gate, value in rules.dispersion.items() if gate not in gates}
    return replace(rules, dispersion=kept)
