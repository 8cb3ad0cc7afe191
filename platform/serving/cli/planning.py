"""`serving promote plan, calibrate`: what to expect of a promotion, and what its past says."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from serving.cli.caller import caller
from serving.cli.promote import LOCAL, Stack
from serving.cli.running import (
    Anyway,
    Degraded,
    Older,
    Verbs,
    Version,
    Waive,
    What,
    wishes_of,
)

if TYPE_CHECKING:
    from serving.promotion.calibrating import Calibrated
    from serving.promotion.forecast import Course
    from serving.promotion.outlook import Outlook
    from serving.promotion.ready import Wish
    from serving.promotion.record import Started

UNDECIDABLE: Final = 2


def plan(
    what: What,
    version: Version = None,
    stack: Stack = LOCAL,
    older: Older = False,
    waive: Waive = "",
    degraded: Degraded = "",
    anyway: Anyway = "",
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Show steps, time to 100 %, and how soon regressions would be found at today's traffic.

    Changes nothing. Exit code 2 if the traffic cannot decide the promotion.
    """
    from serving.ground import ground_of
    from serving.promotion.outlook import outlook

    wishes = wishes_of(what, version, older=older, waive=waive, degraded=degraded, anyway=anyway)
    ground, person = ground_of(stack), caller()
    found = [(wish, outlook(ground, wish, person)) for wish in wishes]
    if as_json:
        typer.echo(json.dumps([_document(wish, seen) for wish, seen in found]))
    else:
        typer.echo("\n\n".join("\n".join(_lines(wish, seen)) for wish, seen in found))
    if not all(seen.decidable for _, seen in found):
        raise typer.Exit(UNDECIDABLE)


def calibrate(
    model: Annotated[str, typer.Argument(help="Whose past is replayed.")],
    hours: Annotated[
        float, typer.Option(min=0.01, help="How far Prometheus remembers it.")
    ] = 168.0,
    stack: Stack = LOCAL,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Measure how often this service's own past would have been rolled back, wrongly.

    Each server of stable plays the canary in turn. Where the rate is bounded low enough, the next
    promotion may roll back by itself; exit code 11 if not.
    """
    from serving.ground import ground_of
    from serving.promotion.calibrating import calibrated
    from serving.promotion.engine import EXIT_CODES

    found = calibrated(ground_of(stack), model, hours, time.time())
    if as_json:
        typer.echo(json.dumps(_calibration(found)))
    else:
        typer.echo("\n".join(_told(model, found)))
    if not found.arms:
        raise typer.Exit(EXIT_CODES["held"])


def _document(wish: Wish, seen: Outlook) -> dict[str, Any]:
    document: dict[str, Any] = {
        "model": wish.model,
        "version": wish.version,
        "admission": str(seen.admission),
        "decidable": seen.decidable,
        "notices": list(seen.notices),
    }
    if seen.started is not None:
        steps, traffic = seen.started.plan, seen.traffic
        document |= {
            "stable": seen.started.stable,
            "evaluated_first": seen.started.contract.rollout.evaluation is not None,
            "load_tested_first": steps.loaded,
            "mirrored_first": steps.shadow,
            "steps": list(steps.steps),
            "dwell_seconds": list(steps.dwell_seconds),
            "watch_seconds": steps.watch_seconds,
            "armed": steps.armed,
            "requests_per_second": traffic.rps if traffic else None,
            "error_share": traffic.errors if traffic else None,
        }
    if (forecast := seen.forecast) is not None:
        document |= {
            "golden": {"asked": seen.samples, "wrong_for_rollback": seen.wrong_answers},
            "healthy": _course(forecast.healthy),
            "regressions": {
                str(share): _course(course) for share, course in forecast.regressions.items()
            },
        }
    return document


def _course(course: Course) -> Mapping[str, Any]:
    return {
        "ends": str(course.ends),
        "seconds": course.seconds,
        "requests": course.requests,
        "bad": course.bad,
    }


def _lines(wish: Wish, seen: Outlook) -> Iterator[str]:
    started = seen.started
    if started is None:
        yield f"{wish.model}: version {wish.version} is stable already"
        return
    against = f"against version {started.stable}" if started.stable else "the first release"
    yield f"{wish.model} version {started.version}, {against} ({seen.admission})"
    plan = started.plan
    if first := ", then ".join(_before_users(started)):
        yield f"  first     {first}"
    if plan.first_release:
        yield "  steps     100 %"
    else:
        weights = ", ".join(map(str, plan.steps))
        yield (
            f"  steps     {weights} %, each watched for {plan.dwell_seconds[0]:.0f} s at least, "
            f"the last for {plan.dwell_seconds[-1]:.0f} s"
        )
    yield f"  after     {plan.watch_seconds:.0f} s at 100 %, with the version before kept warm"
    yield f"  harm      {_armed(seen)}"
    yield from _expected(seen)
    yield from _golden(seen)
    yield from (f"notice: {notice}" for notice in seen.notices)


def _before_users(started: Started) -> Iterator[str]:
    from serving.promotion.judge import has_golden

    if has_golden(started.contract):
        yield "golden requests"
    if (evaluation := started.contract.rollout.evaluation) is not None:
        yield (
            f"an evaluation of {len(evaluation.questions)} answers by {evaluation.model}, mean "
            f"grade {evaluation.least_grade:g} at least"
        )
    if started.plan.loaded:
        yield "a load test against the SLO"
    if started.plan.shadow:
        yield "mirrored requests"


def _armed(seen: Outlook) -> str:
    armed = seen.started is not None and seen.started.plan.armed
    if not armed:
        return "a rollback is recommended, and a person asked: not calibrated, nothing waived"
    if seen.learnt is None:
        return "rolls back by itself: calibration is waived"
    found = seen.learnt
    return (
        f"rolls back by itself: {found.rollbacks} of {found.trials} stretches of the past would "
        f"have been, so at most {found.calibration.bound:.2%} ({found.at})"
    )


def _expected(seen: Outlook) -> Iterator[str]:
    if seen.forecast is None or seen.traffic is None:
        return
    traffic, healthy = seen.traffic, seen.forecast.healthy
    yield f"  traffic   {traffic.rps:.3g} requests/s, {traffic.errors:.2%} errors"
    if not seen.decidable:
        yield f"  100 %     not reached: undecided after {_time(healthy.seconds)}"
    else:
        yield f"  100 %     after about {_time(healthy.seconds)}, if all is well"
    for share, course in seen.forecast.regressions.items():
        ends = "rolled back" if course.ends == "rollback" else f"{course.ends}"
        yield (
            f"  {share:>4.0%} bad  {ends} after about {_time(course.seconds)}, "
            f"{course.requests} requests exposed, {course.bad} of them bad"
        )


def _golden(seen: Outlook) -> Iterator[str]:
    if not seen.samples:
        return
    asked, needed = seen.samples, seen.wrong_answers
    yield f"  answers   {asked} golden ones a window; before the first request a wrong one ends it"
    if needed is not None and needed <= asked:
        yield f"            once requests come, {needed} that turn wrong do"
    else:
        enough = "none would do" if needed is None else f"{needed} would do"
        yield f"            once requests come, they are too few to end it alone ({enough})"


def _time(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"


def _calibration(found: Calibrated) -> dict[str, Any]:
    learnt = found.learnt
    return {
        "version": found.version,
        "windows": found.windows,
        "trials": learnt.trials,
        "trial_windows": found.trial_windows,
        "rollbacks": learnt.rollbacks,
        "bound": learnt.calibration.bound,
        "allowed": found.false_rollback,
        "armed": found.arms,
        "dispersion": dict(learnt.rules.dispersion),
        "tolerance": learnt.rules.tolerance,
        "witnesses": learnt.rules.witnesses,
        "unmeasured": list(learnt.unmeasured),
        "kept_in": found.where,
    }


def _told(model: str, found: Calibrated) -> Iterator[str]:
    learnt = found.learnt
    yield (
        f"{model}: {found.windows} windows of version {found.version} made {learnt.trials} trials "
        f"of {found.trial_windows} windows"
    )
    yield (
        f"  false rollbacks  {learnt.rollbacks} of {learnt.trials}; with 97.5 % confidence at most "
        f"{learnt.calibration.bound:.2%}, allowed are {found.false_rollback:.2%}"
    )
    rules = learnt.rules
    clusters = ", ".join(f"{gate} {value:.3g}" for gate, value in rules.dispersion.items())
    yield f"  weighed by       {rules.witnesses}, tolerance {rules.tolerance:g}"
    yield f"  dispersion       {clusters}"
    if learnt.unmeasured:
        yield (
            f"  not measured     {', '.join(learnt.unmeasured)}: the gateway counts no latency by "
            "server, so they stay as cautious as before"
        )
    arms = (
        "the next promotion rolls back by itself"
        if found.arms
        else ("not armed: more history is needed, or fewer false rollbacks")
    )
    yield f"  {arms}; kept in {found.where}"


VERBS: Final[Verbs] = {
    "plan": (
        plan,
        "digits=2\n\nExit codes: 0 it can be decided; 2 it cannot, or bad input; 1 any other "
        "error.",
    ),
    "calibrate": (
        calibrate,
        "digits --hours 24\n\nExit codes: 0 armed; 11 not armed; 2 no past to learn from; 1 any "
        "other error.",
    ),
}
