"""`serving promote run` and `resume`: from what somebody wants to how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from serving.errors import InputError, ServingError
from serving.promotion.admission import Admission
from serving.promotion.course import engine_version
from serving.promotion.engine import EXIT_CODES
from serving.promotion.gate import Rules
from serving.promotion.latest import Latest, latest
from serving.promotion.lease import Lease
from serving.promotion.ready import Wish, admitted, configuration, ready
from serving.promotion.record import Ended, Started
from serving.promotion.setting import Setting, in_parallel
from serving.promotion.steps import Plan
from serving.settings import Release

WORST_FIRST: Final = (12, 1, 10, 11, 130, 0)
"""Exit codes."""
Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Result:
    model: str
    ended: Ended | None = None
    """None where there was nothing to do, as it is stable already, or where it failed."""
    problem: str = ""
    """Why it failed, beside others that did not."""


def promote(setting: Setting, wishes: Sequence[Wish], tell: Tell = lambda _: None) -> list[Result]:
    """All are admitted and validated before the first effect of any. Raises Busy, InputError."""
    models = [wish.model for wish in wishes]
    if len(set(models)) != len(models):
        raise InputError("expected each model once: its versions are promoted one after the other")
    setting = replace(setting, together=len(models))
    with ExitStack() as leases:
        jobs: dict[str, Callable[[], Ended] | None] = {}
        for wish in wishes:
            what = f"promoting version {wish.version} of {wish.model}"
            lease = leases.enter_context(setting.lease(wish.model, what))
            jobs[wish.model] = _job(setting, wish, lease, tell)
        return _results(setting, jobs)


def resume(setting: Setting, models: Sequence[str]) -> list[Result]:
    """From their journals, wherever they were killed or stopped."""
    setting = replace(setting, together=len(models))
    with ExitStack() as leases:
        jobs: dict[str, Callable[[], Ended] | None] = {}
        for model in dict.fromkeys(models):
            lease = leases.enter_context(setting.lease(model, f"resuming {model}"))
            last = unfinished(setting, model)
            jobs[model] = partial(setting.resume, last, lease)
        return _results(setting, jobs)


def unfinished(setting: Setting, model: str) -> Latest:
    """Raises InputError where nothing can go on."""
    last = latest(setting.ground.journals, model)
    if last is None:
        raise InputError(f"model {model}: no promotion was recorded in {setting.ground.journals}")
    version, ended = last.started.version, last.ended
    if ended is not None and not last.unfinished:
        raise InputError(
            f"model {model}: the promotion of version {version} has ended, {ended.outcome}; start "
            f"another one with `serving promote run {model}=VERSION`"
        )
    if not last.goes_on(setting.release(model)):
        raise InputError(
            f"model {model}: version {version} was deployed by {last.store.where} and is gone; "
            f"start again with `serving promote run {model}={version}`"
        )
    return last


def exit_code(results: Iterable[Result]) -> int:
    """The worst of several."""
    found = list(results)
    codes = [EXIT_CODES[result.ended.outcome] for result in found if result.ended is not None]
    codes += [ServingError.exit_code for result in found if result.problem]
    return min(codes, key=WORST_FIRST.index, default=0)


def _job(setting: Setting, wish: Wish, lease: Lease, tell: Tell) -> Callable[[], Ended] | None:
    release = setting.release(wish.model)
    last = latest(setting.ground.journals, wish.model)
    running = last if last is not None and last.goes_on(release) else None
    if running is not None and running.started.version == wish.version:
        if wish.waive or wish.stable_degraded or wish.anyway:
            tell(
                f"model {wish.model}: the promotion of version {wish.version} goes on as it was "
                "begun; what is waived now is not taken over"
            )
        return partial(setting.resume, running, lease)
    admission = admitted(setting.ground, wish, release)
    if admission is Admission.DONE:
        return None
    prepared = ready(setting.ground, wish, setting.person, release)
    for notice in prepared.notices:
        tell(notice)

    def run() -> Ended:
        if running is not None:
            _cleared(wish, setting.resume(running, lease, superseded_by=wish.version))
        elif admission is Admission.SUPERSEDE and release is not None:
            found = _found(setting, wish.model, release)
            _cleared(wish, setting.start(found, lease, superseded_by=wish.version))
        return setting.start(prepared.started, lease, prepared.waived)

    return run


def _found(setting: Setting, model: str, release: Release) -> Started:
    """Of a canary that somebody has deployed without a promotion."""
    ground, version = setting.ground, release.canary
    if version is None or release.stable is None:
        raise InputError(f"model {model}: has no canary beside a stable version")
    contract = ground.published(model, version)
    return Started(
        version=version,
        stable=release.stable,
        contract=contract,
        plan=Plan.of(contract.rollout, armed=False),
        rules=Rules(),
        engine=engine_version(),
        config=configuration(ground, model, version, release.stable),
        who=setting.person.who,
        commit=setting.person.commit,
    )


def _cleared(wish: Wish, ended: Ended) -> None:
    if ended.outcome != "rolled back":
        raise ServingError(
            f"model {wish.model}: the canary before version {wish.version} could not be taken "
            f"out: {ended.outcome}, {ended.reason}; it has {ended.weight} % of the requests"
        )


def _results(setting: Setting, jobs: Mapping[str, Callable[[], Ended] | None]) -> list[Result]:
    """Raises ServingError where one alone was promoted, and failed."""
    ends = in_parallel({model: job for model, job in jobs.items() if job is not None})
    if len(jobs) == 1:
        for end in ends.values():
            if isinstance(end, ServingError):
                raise end
    return [_result(model, ends.get(model)) for model in jobs]


def _result(model: str, end: Ended | ServingError | None) -> Result:
    if isinstance(end, ServingError):
        return Result(model=model, problem=str(end))
    return Result(model=model, ended=end)
