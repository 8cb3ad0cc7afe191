"""One self-contained page that shows the demo: what was promoted, and what callers saw of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from math import floor, log10
from textwrap import shorten
from typing import Final

from serving.demo.chart import Chart, Line, Span, drawn
from serving.demo.facts import Facts, Point, Promotion
from serving.demo.scenario import MODEL

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_MOST: Final = 400
"""Characters of a reason."""
_TONES: Final = {"promoted": "good", "rolled back": "bad"}
_LATENCIES: Final = (1, 3, 10, 30, 100, 300, 1000, 3000)


def report(facts: Facts) -> str:
    title = f"{MODEL}: {len(facts.promotions)} promotions under load"
    style = files("serving.demo").joinpath("report.css").read_text()
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>"
        f"<h1>{escape(title)}</h1>{_summary(facts)}"
        f"<h2>What callers saw</h2>{_charts(facts)}"
        f"<h2>Promotions</h2>{_promotions(facts)}"
        f"<h2>Requests</h2>{_totals(facts)}"
        f"<h2>How it was measured</h2>{_notes(facts)}"
        "</main></body></html>\n"
    )


def _summary(facts: Facts) -> str:
    ended = "".join(f"<p>{escape(problem)}</p>" for problem in facts.problems)
    verdict = (
        '<p class="verdict bad">not as expected</p>'
        if ended
        else '<p class="verdict good">every promotion ended as expected</p>'
    )
    figures = {
        "requests": f"{facts.requests}",
        "lost by promotion and rollback": f"{facts.lost - facts.lost_to_kill}",
        "lost to the killed server": f"{facts.lost_to_kill}",
        "answered badly by the models": f"{facts.bad}",
        "in all": f"{facts.whole_seconds:.0f} s",
    }
    return verdict + ended + _figures(figures, "big")


def _figures(figures: dict[str, str], style: str = "") -> str:
    items = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in figures.items()
    )
    return f'<dl class="{style}">{items}</dl>'


def _charts(facts: Facts) -> str:
    spans = [_span(number, each) for number, each in enumerate(facts.promotions, 1)]
    spans += [
        Span(begin=at, end=at, label="", title=what, style="event")
        for each in facts.promotions
        for at, what in each.events
    ]
    points = [point for point in facts.points if point.model == MODEL]
    charts = (
        _weight(facts.promotions, facts.seconds),
        _requests(points, facts),
        _latency(points, facts),
        _faults(points, facts),
    )
    return "".join(drawn(chart, spans, facts.seconds) for chart in charts)


def _span(number: int, each: Promotion) -> Span:
    sign = {"promoted": "✓", "rolled back": "✗"}.get(each.outcome, "?")
    return Span(
        begin=max(each.began, 0.0),
        end=max(each.ended, 0.0),
        label=f"{number}{sign}",
        title=f"{number}: version {each.version}, {each.about}: {each.outcome}",
        style=_TONES.get(each.outcome, "doubt"),
    )


def _weight(promotions: Sequence[Promotion], seconds: float) -> Chart:
    lines = []
    for version in dict.fromkeys(each.version for each in promotions):
        own = [each for each in promotions if each.version == version]
        points: list[tuple[float, float | None]] = []
        for each in own:
            points += [(at, float(weight)) for at, weight in each.weights]
            points += [(each.ended, float(each.weights[-1][1])), (each.ended, None)]
        lines.append(
            Line(name=f"version {version}", style=f"v{version}", points=points, stepped=True)
        )
    if any(each.events for each in promotions):
        lines.append(Line(name="something was killed", style="event", points=()))
    promoted = sum(each.outcome == "promoted" for each in promotions)
    return Chart(
        title="Weight of the canary",
        lines=lines,
        ticks=[(0, "0 %"), (50, "50 %"), (100, "100 %")],
        says=f"{promoted} of {len(promotions)} promotions reached 100 %; the others ended at 0.",
        labelled=True,
    )


def _requests(points: Sequence[Point], facts: Facts) -> Chart:
    """Stacked: each line is the sum of its version and of those before it."""
    bins = _bins(facts)
    below = dict.fromkeys(bins, 0.0)
    lines = []
    for version in _versions(points):
        own = {point.at: point.requests for point in points if point.version == version}
        below = {at: value + own.get(at, 0) / facts.bin_seconds for at, value in below.items()}
        lines.append(
            Line(
                name=f"version {version}",
                style=f"v{version}",
                points=_ending(list(below.items()), facts),
                stepped=True,
                filled=True,
            )
        )
    top = _round_up(max([1.0, *below.values()]))
    return Chart(
        title="Requests per second, by the version that answered",
        lines=lines,
        ticks=[(0, "0"), (top / 2, f"{top / 2:g}"), (top, f"{top:g}")],
        says=f"{facts.rates[MODEL]:g} requests were sent each second, whatever became of them.",
    )


def _latency(points: Sequence[Point], facts: Facts) -> Chart:
    lines = []
    for version in _versions(points):
        own = {point.at: point for point in points if point.version == version}
        for name in ("p99", "p50"):
            measured: list[tuple[float, float | None]] = [
                (at + facts.bin_seconds / 2, getattr(own[at], f"{name}_ms") if at in own else None)
                for at in _bins(facts)
            ]
            key = f"version {version}" if name == "p99" else ""
            lines.append(Line(name=key, style=f"v{version} {name}", points=measured))
    limit = [(0.0, facts.slo_p99_ms), (facts.seconds, facts.slo_p99_ms)]
    lines += [
        Line(name="dotted: p50, else p99", style="p50", points=()),
        Line(name=f"p99 allowed: {facts.slo_p99_ms:g} ms", style="limit", points=limit),
    ]
    return Chart(
        title="Latency, from the moment a request was due",
        lines=lines,
        ticks=[(ms, f"{ms} ms" if ms < 1000 else f"{ms // 1000} s") for ms in _LATENCIES],
        says=_said_of_latency(facts),
        logarithmic=True,
    )


def _said_of_latency(facts: Facts) -> str:
    told = [
        f"version {total.version} {total.p50_ms:.1f} and {total.p99_ms:.1f} ms"
        for total in facts.totals
        if total.model == MODEL and total.p50_ms is not None and total.p99_ms is not None
    ]
    return f"p50 and p99 over all the time: {', '.join(told)}."


def _faults(points: Sequence[Point], facts: Facts) -> Chart:
    """Stacked shares of all requests of a bin."""
    bins = _bins(facts)
    requests = dict.fromkeys(bins, 0)
    for point in points:
        requests[point.at] += point.requests
    below = dict.fromkeys(bins, 0.0)
    lines = []
    for name in ("lost", "errors", "wrong"):
        for point in points:
            below[point.at] += getattr(point, name) / max(requests[point.at], 1)
        lines.append(
            Line(
                name={"errors": "errors of the model", "wrong": "wrong answers"}.get(name, name),
                style={"errors": "error"}.get(name, name),
                points=_ending(list(below.items()), facts),
                stepped=True,
                filled=True,
            )
        )
    top = _round_up(max([0.05, *below.values()]))
    lost = sum(point.lost for point in points)
    return Chart(
        title="Requests that went badly, of all",
        lines=lines,
        ticks=[(0, "0 %"), (top / 2, _percent(top / 2)), (top, _percent(top))],
        says=f"{lost} lost. What a canary fails the gateway asks stable again, so callers see few "
        "of its errors. Answers are compared with the true label: no version reads every digit.",
    )


def _bins(facts: Facts) -> Sequence[float]:
    count = -int(-facts.seconds // facts.bin_seconds)
    return [number * facts.bin_seconds for number in range(count)]


def _ending(
    points: list[tuple[float, float]], facts: Facts
) -> Sequence[tuple[float, float | None]]:
    """A step needs the end of the last bin."""
    return [*points, (facts.seconds, points[-1][1])] if points else []


def _versions(points: Iterable[Point]) -> Sequence[int]:
    return sorted({point.version for point in points if point.version is not None})


def _promotions(facts: Facts) -> str:
    names = ("", "version", "verdict", "gate", "seconds", "exposed", "bad", "lost")
    rows = "".join(_promotion(number, each) for number, each in enumerate(facts.promotions, 1))
    numbers = {"seconds", "exposed", "bad", "lost"}
    head = "".join(
        f'<th class="number">{name}</th>' if name in numbers else f"<th>{name}</th>"
        for name in names
    )
    return f'<table class="fixed"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _promotion(number: int, each: Promotion) -> str:
    tone = _TONES.get(each.outcome, "doubt")
    lost = f"{each.lost}" + (f" + {each.lost_to_kill} to the kill" if each.lost_to_kill else "")
    events = "".join(f"<small>{escape(what)}</small>" for _, what in each.events)
    return (
        f"<tr><td>{number}</td>"
        f'<td class="wide"><b>{each.version}</b> {escape(each.about)}{events}</td>'
        f'<td class="wide"><b class="{tone}">{escape(each.outcome)}</b>'
        f"<small>{escape(shorten(each.reason, _MOST, placeholder='…'))}</small></td>"
        f'<td data-name="gate">{escape(each.gate or "–")}</td>'
        f'<td class="number" data-name="seconds">{each.seconds:.0f}</td>'
        f'<td class="number" data-name="exposed">{each.exposed}</td>'
        f'<td class="number" data-name="bad">{each.bad}</td>'
        f'<td class="number" data-name="lost">{lost}</td></tr>'
    )


def _totals(facts: Facts) -> str:
    names = ("requests", "http", "grpc", "errors", "wrong", "lost", "p50", "p99")
    head = "<th>answered by</th>" + "".join(f'<th class="number">{name}</th>' for name in names)
    rows = []
    for total in facts.totals:
        who = f"version {total.version}" if total.version is not None else "nobody"
        values = [f"{getattr(total, name)}" for name in names[:6]]
        values += ["–" if ms is None else f"{ms:.1f} ms" for ms in (total.p50_ms, total.p99_ms)]
        cells = "".join(
            f'<td class="number" data-name="{name}">{value}</td>'
            for name, value in zip(names, values, strict=True)
        )
        rows.append(f'<tr><td class="wide">{escape(total.model)}, {who}</td>{cells}</tr>')
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _notes(facts: Facts) -> str:
    late = "–" if facts.late_p99_ms is None else f"{facts.late_p99_ms:.1f} ms"
    rates = ", ".join(f"{model} {rate:g}/s" for model, rate in facts.rates.items())
    figures = {
        "sent at a constant rate": rates,
        "99 % of them sent within": f"{late} of their time",
        "statistical rollback": facts.waiver,
        **{f"set-up: {name}": f"{seconds:.1f} s" for name, seconds in facts.setup.items()},
        **facts.machine,
    }
    return _figures(figures) + (
        "<p>Latency counts from the moment at which a request was due, not from when it was sent: "
        "waiting is part of it. Lost: no answer, or a 5xx made by the gateway. Bad: an error or a "
        "wrong answer of the model itself. Everything ran on one machine, on loopback.</p>"
    )


def _round_up(value: float) -> float:
    """To 1, 2 or 5 times a power of ten."""
    power = 10.0 ** floor(log10(value))
    return next(step * power for step in (1, 2, 5, 10) if value <= step * power)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
