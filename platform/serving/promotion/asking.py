"""`serving promote abort` and `approve`: told to the process that runs it, or done here if none."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from math import log
from typing import Final

from serving.errors import InputError
from serving.promotion.asks import Ask, asks_at
from serving.promotion.decision import Verdict
from serving.promotion.latest import Latest, latest
from serving.promotion.lease import Busy
from serving.promotion.promoting import unfinished
from serving.promotion.ready import configuration
from serving.promotion.record import Ended
from serving.promotion.setting import Setting
from serving.settings import Release

POLL_SECONDS: Final = 0.5
TAKE_UP_SECONDS: Final = 120.0
"""In an update a running promotion does not look up."""
Sleep = Callable[[float], None]


def abort(setting: Setting, model: str, reason: str, *, sleep: Sleep = time.sleep) -> Ended | None:
    """How it ended; None where the process that runs it has taken it up."""
    last = _abortable(setting, model)
    ask = Ask(kind="abort", version=last.started.version, who=setting.person.who, reason=reason)
    return _asked(setting, last, ask, sleep)


def approve(
    setting: Setting,
    model: str,
    reason: str,
    *,
    override: bool = False,
    config: bool = False,
    sleep: Sleep = time.sleep,
) -> Ended | None:
    """As `abort`. Raises InputError where a gate says no, unless that is what `override` means."""
    last = unfinished(setting, model)
    started = last.started
    ask = Ask(kind="approve", version=started.version, who=setting.person.who, reason=reason)
    if config:
        versions = [each for each in (started.version, started.stable) if each is not None]
        digest = configuration(setting.ground, model, *versions)
        ask = replace(ask, kind="accept", config=digest)
    elif override:
        ask = replace(ask, kind="override")
    else:
        ask = replace(ask, gate=_asking_gate(last))
    return _asked(setting, last, ask, sleep)


def _abortable(setting: Setting, model: str) -> Latest:
    """Also what was promoted, as long as the version before is kept warm."""
    last = latest(setting.ground.journals, model)
    ended = last.ended if last else None
    if last is None or ended is None or ended.outcome != "promoted":
        return unfinished(setting, model)
    started, release = last.started, setting.release(model) or Release()
    warm = release.previous is not None and release.previous == started.stable
    if not warm or release.stable != started.version:
        raise InputError(
            f"model {model}: version {started.version} was promoted, and the version before is not "
            "kept warm any more; promote that one again, with --force-older"
        )
    return last


def _asking_gate(last: Latest) -> str:
    """Whose question is to be answered; empty where it is none of a gate."""
    course = last.course
    judgement, decided = course.judgement, course.decided
    where = f"model {last.started.model}: version {last.started.version}"
    if decided is not None and decided.facts.changed:
        raise InputError(f"{where}: {decided.facts.changed}; say --config to go on with it")
    against = [finding.gate for finding in judgement.findings if finding.guard]
    if judgement.harm >= -log(last.started.plan.false_rollback):
        against.append(max(judgement.findings, key=lambda finding: finding.harm).gate)
    if against or judgement.unmet:
        said = f"gate {against[0]} says no" if against else "there are no usable metrics"
        raise InputError(
            f"{where}: {said} (`serving promote explain {last.store.where}` says why); who knows "
            "better says --override"
        )
    asks = decided is not None and decided.decision.verdict is Verdict.ASK
    return decided.decision.gate if asks and decided is not None else ""


def _asked(setting: Setting, last: Latest, ask: Ask, sleep: Sleep) -> Ended | None:
    model = last.started.model
    asks = asks_at(setting.ground.leases, model)
    name = asks.add(ask)
    until = time.monotonic() + TAKE_UP_SECONDS
    while True:
        try:
            with setting.lease(model, f"{ask.kind} of version {ask.version} of {model}") as lease:
                if not asks.waits(name):
                    return None
                return setting.resume(_still(setting, last), lease, reopen=ask.kind == "abort")
        except Busy as busy:
            if not asks.waits(name):
                return None
            if time.monotonic() >= until:
                raise Busy(
                    f"{busy}\n{ask.kind} was asked for, and not taken up in {TAKE_UP_SECONDS:g} s; "
                    "it stays, and is taken up as soon as that process looks"
                ) from None
        sleep(POLL_SECONDS)


def _still(setting: Setting, last: Latest) -> Latest:
    """Raises InputError where another promotion has come and gone meanwhile."""
    now = latest(setting.ground.journals, last.started.model)
    if now is None or now.store.where != last.store.where:
        raise InputError(f"{last.store.where}: is not the last promotion any more; ask again")
    return now
