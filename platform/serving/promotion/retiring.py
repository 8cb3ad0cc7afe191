"""`serving promote retire`: takes away what no request needs any more."""

from __future__ import annotations

import time
from typing import Final

from serving.errors import InputError, ServingError
from serving.gateway.limits import timeouts
from serving.promotion.admission import refuse_to_retire
from serving.promotion.effects import READ_BACK_SECONDS, READ_BACKS
from serving.promotion.latest import latest
from serving.promotion.ready import metrics_of
from serving.promotion.setting import DRAINING, DRAINING_SECONDS, PATIENCE_SECONDS, Setting
from serving.promotion.traffic import recent
from serving.settings import Release

LEASE: Final = "retiring"


def retire(setting: Setting, model: str, version: int | None = None) -> int:
    """The version that is gone: `previous` unless it is named. Raises InputError, Busy."""
    with setting.lease(model, f"{LEASE} a version of {model}") as lease:
        release = _release(setting, model)
        chosen = version or release.previous
        if chosen is None:
            raise InputError(
                f"model {model}: keeps no previous version; the model itself is taken away with "
                "--model, once nobody sends it requests"
            )
        refuse_to_retire(model, chosen, release)
        if chosen != release.previous:
            raise InputError(f"model {model}: version {chosen} is not deployed")
        _drained(setting, model, chosen)
        kept = release.model_copy(update={"previous": None})
        setting.stack.apply({model: kept}, PATIENCE_SECONDS, lease.check)
        return chosen


def retire_model(setting: Setting, model: str) -> None:
    """Raises InputError while anybody sends it requests, or a promotion of it is unfinished."""
    with setting.lease(model, f"{LEASE} {model}") as lease:
        release = _release(setting, model)
        last = latest(setting.ground.journals, model)
        if last is not None and last.goes_on(release):
            raise InputError(
                f"model {model}: the promotion of version {last.started.version} is unfinished; "
                f"abort it first"
            )
        if release.canary is not None and release.stable is not None:
            refuse_to_retire(model, release.canary, release)
        if release.stable is not None:
            _unused(setting, model, release.stable)
            # first without a route, so that whoever asks meanwhile is told so by the gateway
            without = Release(canary=release.stable)
            setting.stack.apply({model: without}, PATIENCE_SECONDS, lease.check)
            _confirm_gone(setting, model)
            _drained(setting, model, release.stable)
        setting.stack.apply({model: None}, PATIENCE_SECONDS, lease.check)


def _release(setting: Setting, model: str) -> Release:
    release = setting.release(model)
    if release is None:
        raise InputError(f"model {model}: is not deployed, so there is nothing to take away")
    return release


def _unused(setting: Setting, model: str, version: int) -> None:
    ground = setting.ground
    contract = ground.published(model, version)
    window = recent(metrics_of(ground), contract, version, ground.scrape_seconds)
    problems = [each for each in window.unmet if each.name != "series-present"]
    if problems:
        raise InputError(f"model {model}: whether it has traffic cannot be told: {problems[0]}")
    if requests := window.canary.counts.requests:
        raise InputError(
            f"model {model}: version {version} got {requests} requests in the last "
            f"{window.seconds:.0f} s; a model with traffic is not taken away"
        )


def _confirm_gone(setting: Setting, model: str) -> None:
    for _ in range(READ_BACKS):
        if not (shares := setting.ground.route.shares(model)):
            return
        time.sleep(READ_BACK_SECONDS)
    raise ServingError(
        f"model {model}: its route still reads back as {dict(shares)}; nothing more was taken away"
    )


def _drained(setting: Setting, model: str, version: int) -> None:
    limits = timeouts(setting.ground.published(model, version))
    seconds = DRAINING * limits.whole + DRAINING_SECONDS
    setting.ground.route.drain(model, version, seconds)
