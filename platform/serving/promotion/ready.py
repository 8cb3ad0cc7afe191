"""All that a promotion needs to know before its first effect; it refuses what cannot succeed."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass, replace

from serving.contract.compatibility import differences
from serving.contract.model import ModelContract, frozen
from serving.errors import InputError
from serving.promotion.admission import Admission, admit
from serving.promotion.course import engine_version
from serving.promotion.decision import Verdict
from serving.promotion.evaluation import asking
from serving.promotion.forecast import Traffic, course, replanned
from serving.promotion.gate import Rules
from serving.promotion.ground import Ground
from serving.promotion.judge import Judge, judge_of
from serving.promotion.learnt import learnt_of
from serving.promotion.measurement import Window
from serving.promotion.metrics import LAG_SECONDS, PrometheusMetrics
from serving.promotion.prometheus import Prometheus
from serving.promotion.record import Started, Waived, canonical
from serving.promotion.steps import Plan
from serving.promotion.synthetic_load import requests_of
from serving.promotion.tally import Subject
from serving.promotion.traffic import INTERVALS, recent, traffic_in
from serving.settings import Release


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What somebody wants to be promoted, and what they take upon themselves."""

    model: str
    version: int
    older: bool = False
    """Than what is stable."""
    waive: str = ""
    """Why statistical gates may roll back though nobody calibrated them; empty: they may not."""
    stable_degraded: str = ""
    """Why stable is known to be sick, so that the canary need only be no worse."""
    anyway: str = ""
    """Why to start though today's traffic does not decide it."""


@dataclass(frozen=True, kw_only=True)
class Person:
    who: str
    commit: str


@dataclass(frozen=True, kw_only=True)
class Ready:
    started: Started
    waived: tuple[Waived, ...]
    traffic: Traffic | None
    """None on a first release."""
    notices: tuple[str, ...]


def metrics_of(ground: Ground) -> PrometheusMetrics:
    return PrometheusMetrics(
        Prometheus(ground.prometheus),
        ground.gateway,
        interval=ground.scrape_seconds,
        clock=time.time,
    )


def configuration(ground: Ground, model: str, *versions: int) -> str:
    """Digest of all that people write and that this promotion depends on.

    Publishing another version meanwhile changes nothing for it.
    """
    contract = ground.contract(model)
    document = contract.model_dump(mode="json", exclude={"versions"})
    known = {str(n): contract.versions[n] for n in versions if n in contract.versions}
    document["versions"] = {n: each.model_dump(mode="json") for n, each in known.items()}
    document["stack"] = ground.config_digest()
    return f"sha256:{hashlib.sha256(canonical(document).encode()).hexdigest()}"


def admitted(ground: Ground, wish: Wish, release: Release | None) -> Admission:
    """Raises InputError where it may not start at all."""
    return admit(ground.contract(wish.model), wish.version, release, older=wish.older)


def ready(ground: Ground, wish: Wish, person: Person, release: Release | None) -> Ready:
    """Raises InputError or ServingError; nothing was changed."""
    contract = ground.published(wish.model, wish.version)
    stable = release.stable if release else None
    metrics = metrics_of(ground)
    subject = _subject(ground, contract, wish.version, stable)
    broken = _broken(subject, wish)
    metrics.validate(subject)
    rules, armed, notices = _rules(ground, wish, contract)
    notices += broken
    plan = Plan.of(contract.rollout, armed=armed, first_release=stable is None)
    judge = judge_of(contract, wish.version, rules)
    traffic = None
    if contract.rollout.evaluation is not None:
        asking(contract, wish.version, 0.0)
    if plan.loaded:
        _testable(contract, wish.version)
    if stable is not None:
        if plan.shadow:
            metrics.validate(replace(subject, mirrored=True))
        compared = subject.stable_contract or contract
        window = recent(metrics, compared, stable, ground.scrape_seconds)
        traffic = traffic_in(window)
        if unknown := _unknown(window, ground, wish):
            if not wish.anyway:
                raise InputError(f"{unknown}, or start all the same with --anyway REASON")
            notices += (unknown,)
        plan, replanning = _decidable(judge, plan, traffic, ground.window_seconds, wish)
        notices += replanning
    return Ready(
        started=Started(
            version=wish.version,
            stable=stable,
            contract=contract,
            plan=plan,
            rules=rules,
            engine=engine_version(),
            config=configuration(ground, wish.model, wish.version, *([stable] if stable else [])),
            who=person.who,
            commit=person.commit,
            queries=metrics.queries(subject),
        ),
        waived=_waived(wish, person),
        traffic=traffic,
        notices=notices,
    )


def _subject(ground: Ground, contract: ModelContract, version: int, stable: int | None) -> Subject:
    return Subject(
        contract=contract,
        canary=version,
        stable=stable,
        stable_contract=ground.published(contract.name, stable) if stable else None,
    )


def _broken(subject: Subject, wish: Wish) -> tuple[str, ...]:
    """What callers of stable will miss; raises InputError unless going back is meant."""
    if subject.stable is None or subject.stable_contract is None:
        return ()
    found = differences(
        frozen(subject.stable_contract, subject.stable), frozen(subject.contract, subject.canary)
    )
    told = "; ".join(f"{each.path}: {each.what}" for each in found if each.kind == "breaking")
    if not told:
        return ()
    text = (
        f"model {wish.model}: version {wish.version} breaks callers of stable version "
        f"{subject.stable}: {told}"
    )
    if wish.older:
        return (text,)
    raise InputError(f"{text}; publish it as a model of another name, which has its own route")


def _rules(
    ground: Ground, wish: Wish, contract: ModelContract
) -> tuple[Rules, bool, tuple[str, ...]]:
    """How evidence is weighed, whether it may roll back by itself, what a person should know."""
    learnt, why = learnt_of(ground.leases, contract, ground.window_seconds)
    rules = learnt.rules if learnt else Rules()
    rules = replace(rules, stable_degraded=bool(wish.stable_degraded), seed=secrets.token_hex(8))
    if learnt is not None:
        bound = learnt.calibration.bound
        if learnt.calibration.arms(contract.rollout.false_rollback):
            return rules, True, ()
        why = f"its calibration bounds false rollbacks only by {bound:.1%}"
    if wish.waive:
        return rules, True, ()
    notice = (
        f"model {contract.name}: {why}, so statistical gates recommend a rollback and ask; "
        f"`serving promote calibrate {contract.name}` or --waive REASON arms them"
    )
    return rules, False, (notice,)


def _testable(contract: ModelContract, version: int) -> None:
    if not requests_of(contract, version):
        raise InputError(
            f"model {contract.name}: a first release, and one with rollout.load_test, is tested "
            "under load with the contract's own requests, and it has none; add a golden request "
            "to each Triton model that callers reach, or to a vLLM model rollout.evaluation"
        )


def _unknown(window: Window, ground: Ground, wish: Wish) -> str:
    """Not to know of any request is not to know that there is none."""
    if window.canary.counts.requests or not window.unmet:
        return ""
    seconds = LAG_SECONDS + (INTERVALS + 1) * ground.scrape_seconds
    return (
        f"model {wish.model}: how many requests come is not known: {window.unmet[0]}. Try again "
        f"once they have been recorded for {seconds:.0f} s"
    )


def _decidable(
    judge: Judge, plan: Plan, traffic: Traffic, window_seconds: float, wish: Wish
) -> tuple[Plan, tuple[str, ...]]:
    """The plan, or one with a higher first step where only that can be decided."""
    armed = replace(plan, armed=True)
    healthy = course(judge, armed, traffic, traffic.errors, window_seconds)
    if healthy.ends is Verdict.ADVANCE:
        return plan, ()
    other = replanned(judge, plan, traffic, window_seconds) if traffic.rps else None
    if other is not None:
        notice = (
            f"model {wish.model}: {traffic.rps:.3g} requests/s do not decide a first step of "
            f"{plan.steps[0]} %: it begins at {other.plan.steps[0]} %"
        )
        return other.plan, (notice,)
    if wish.anyway:
        return plan, ()
    raise InputError(
        f"model {wish.model}: {traffic.rps:.3g} requests/s with {traffic.errors:.2%} errors do not "
        "decide this promotion at any first step: it would be held until somebody is asked. Let "
        "more requests come (mirror some with rollout.shadow_percent, send synthetic ones), or "
        "start all the same with --anyway REASON"
    )


def _waived(wish: Wish, person: Person) -> tuple[Waived, ...]:
    said = {
        "calibration": wish.waive,
        "stable is well": wish.stable_degraded,
        "enough traffic": wish.anyway,
    }
    return tuple(
        Waived(what=what, who=person.who, reason=reason) for what, reason in said.items() if reason
    )
