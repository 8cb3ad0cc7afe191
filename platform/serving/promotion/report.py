"""One self-contained page that shows a promotion: what was measured, what was decided, by whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from math import ceil, floor, log, log10
from typing import Final, Literal

from serving.promotion.chart import Chart, Series, drawn
from serving.promotion.plan import DOUBT
from serving.promotion.seen import odds
from serving.promotion.timeline import Change, Slice, Tally, Timeline

_NATS: Final = log(10)
_TELLING: Final = 20
"""Requests below which a share does not stretch the scale: one of four is no 25 %."""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def report(line: Timeline) -> str:
    started = line.started
    title = f"{started.model}: version {started.version}"
    style = files("serving.promotion").joinpath("report.css").read_text()
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>"
        f"<h1>{escape(title)}</h1>{_summary(line)}<section>{_charts(line)}</section>"
        f"<h2>Decisions</h2>{_decisions(line)}<h2>Rules</h2>{_rules(line)}"
        f"<footer>{line.records} records; the last one has the hash <code>{line.head}</code>. "
        "<code>serving promote replay</code> decides all of it again.</footer>"
        "</main></body></html>\n"
    )


def _summary(line: Timeline) -> str:
    started, ended = line.started, line.ended
    outcome = ended.outcome if ended else "unfinished"
    reason = f"<p>{escape(ended.reason)}</p>" if ended else ""
    against = f"version {started.stable}" if started.stable else "nothing: the first release"
    return f'<p class="outcome {_word(outcome)}">{escape(outcome)}</p>{reason}' + _facts(
        {
            "compared with": against,
            "from": _moment(line.begin),
            "until": _moment(line.end),
            "started by": started.who,
            "commit": started.commit,
        }
    )


def _facts(facts: dict[str, str], kind: str = "facts") -> str:
    items = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in facts.items()
    )
    return f'<dl class="{kind}">{items}</dl>'


def _charts(line: Timeline) -> str:
    slices = line.slices
    if not slices:
        return "<p>Nothing was measured.</p>"
    times = [slice_.begin for slice_ in slices] + [slices[-1].end]
    slo = line.started.contract.slo
    charts = (
        _weight(line),
        _share(f"Slower than {slo.p99_ms:g} ms (p99)", slices, lambda tally: tally.slow, 0.01),
        _share("Errors", slices, lambda tally: tally.errors, slo.error_rate),
        _harm(line),
        _safety(line),
    )
    begin, end = _span(
        datetime.fromtimestamp(times[0], UTC), datetime.fromtimestamp(times[-1], UTC)
    )
    return "".join(drawn(chart, times, begin, end) for chart in charts)


def _weight(line: Timeline) -> Chart:
    weights = [float(slice_.weight) for slice_ in line.slices]
    last = float(line.ended.weight) if line.ended else weights[-1]
    return Chart(
        title="Weight of the canary",
        series=[Series(name="weight", style="canary", points=[*weights, last])],
        ticks=[(0, "0 %"), (50, "50 %"), (100, "100 %")],
        says=f"Highest {max(*weights, last):.0f} %, at last {last:.0f} %.",
        stepped=True,
    )


def _share(title: str, slices: Sequence[Slice], bad: Callable[[Tally], int], limit: float) -> Chart:
    def shares(tallies: Sequence[Tally]) -> list[float | None]:
        values = [bad(tally) / tally.requests if tally.requests else None for tally in tallies]
        return [*values, values[-1]]

    def said(tallies: Sequence[Tally]) -> str:
        wrong, requests = sum(map(bad, tallies)), sum(tally.requests for tally in tallies)
        return f"{wrong} of {requests}" + (f" ({_percent(wrong / requests)})" if requests else "")

    canary, stable = [s.canary for s in slices], [s.stable for s in slices]
    series = [
        Series(name="stable", style="stable", points=shares(stable)),
        Series(name="canary", style="canary", points=shares(canary)),
        Series(name=f"limit {_percent(limit)}", style="limit", points=[limit] * (len(slices) + 1)),
    ]
    seen = [bad(t) / t.requests for t in (*canary, *stable) if t.requests >= _TELLING]
    top = _round_up(max((limit, *seen)))
    return Chart(
        title=title,
        series=series,
        ticks=[(0, "0 %"), (top / 2, _percent(top / 2)), (top, _percent(top))],
        says=f"In all: canary {said(canary)}, stable {said(stable)}.",
    )


def _harm(line: Timeline) -> Chart:
    plan = line.started.plan
    threshold = -log(plan.false_rollback)
    known = [slice_.harm for slice_ in line.slices if slice_.harm is not None]
    highest = max(known, default=0.0)
    does = "rolls back" if plan.armed else "recommends to roll back"
    return Chart(
        title="Evidence of harm, all gates together",
        series=[
            _line("harm", [slice_.harm for slice_ in line.slices]),
            _level(line, f"{does} at {odds(threshold)}", "limit", threshold),
            _level(line, f"no advance from {odds(DOUBT)}", "doubt", DOUBT),
        ],
        ticks=_odds_ticks(max(highest, threshold)),
        says=f"At most {_said(highest)}.",
    )


def _safety(line: Timeline) -> Chart:
    goal = -log(line.started.plan.false_advance)
    known = [slice_.safe for slice_ in line.slices if slice_.safe is not None]
    return Chart(
        title="Evidence of safety, of the gate least convinced",
        series=[
            _line("safety", [slice_.safe for slice_ in line.slices]),
            _level(line, f"advances at {odds(goal)}", "limit", goal),
        ],
        ticks=_odds_ticks(goal),
        says=f"Afresh at each weight; at last {_said(known[-1])}." if known else "None.",
    )


def _line(name: str, values: Sequence[float | None]) -> Series:
    return Series(name=name, style="canary", points=[*values, values[-1]])


def _level(line: Timeline, name: str, style: Literal["limit", "doubt"], value: float) -> Series:
    return Series(name=name, style=style, points=[value] * (len(line.slices) + 1))


def _said(evidence: float) -> str:
    return odds(evidence) if evidence > 0 else "none"


def _odds_ticks(highest: float) -> list[tuple[float, str]]:
    """Evidence is a logarithm; what is below 1 to 10 is none."""
    decades = max(ceil(highest / _NATS + 0.2), 2)
    stride = ceil((decades + 1) / 4)
    shown = range(-1, decades + stride, stride)
    return [(each * _NATS, f"{10.0**each:g}" if each < 6 else f"1e{each}") for each in shown]


def _round_up(share: float) -> float:
    """To 1, 2 or 5 times a power of ten."""
    power = 10.0 ** floor(log10(share))
    room = next(step * power for step in (1, 2, 5, 10, 20) if share <= step * power * 0.999)
    return min(room, 1.0)


def _decisions(line: Timeline) -> str:
    half = len(line.changes) // 2
    shown = [_decision(change) for change in line.changes]
    if line.left_out:
        shown.insert(half, f"<li>{line.left_out} more are left out here.</li>")
    return f"<ol>{''.join(shown)}</ol>"


def _decision(change: Change) -> str:
    first, last = _span(datetime.fromisoformat(change.first), datetime.fromisoformat(change.last))
    when = f"{change.count} times, {first} to {last}" if change.count > 1 else last
    weight = "" if change.weight is None else f" {change.weight} %"
    gate = f" ({change.gate})" if change.gate else ""
    return (
        f'<li><b class="{_word(change.what)}">{escape(change.what)}{weight}</b>'
        f"<span>{escape(change.reason)}{escape(gate)}</span>"
        f"<small>{escape(when)}, line {change.line}</small></li>"
    )


def _rules(line: Timeline) -> str:
    started = line.started
    plan, rules = started.plan, started.rules
    spread = ", ".join(f"{gate} {value:.3g}" for gate, value in sorted(rules.dispersion.items()))
    facts = {
        "steps": ", ".join(f"{step} %" for step in plan.steps),
        "false rollback, whole promotion": _percent(plan.false_rollback),
        "false advance, each step": _percent(plan.false_advance),
        "statistics may roll back": "yes" if plan.armed else "no, a person decides",
        "dispersion": spread or "not calibrated",
        "witnesses": rules.witnesses,
        "configuration": started.config,
        "engine": started.engine,
    }
    if not started.queries:
        return _facts(facts)
    asked = _facts(dict(sorted(started.queries.items())), "queries")
    return f"{_facts(facts)}<details><summary>Queries</summary>{asked}</details>"


def _word(text: str) -> str:
    return text.replace(" ", "-")


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _moment(at: str) -> str:
    return f"{datetime.fromisoformat(at).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _span(first: datetime, last: datetime) -> tuple[str, str]:
    """The times of one day do without it."""
    moments = first.astimezone(UTC), last.astimezone(UTC)
    pattern = "%H:%M:%S" if moments[0].date() == moments[1].date() else "%Y-%m-%d %H:%M:%S"
    return moments[0].strftime(pattern), moments[1].strftime(pattern)
