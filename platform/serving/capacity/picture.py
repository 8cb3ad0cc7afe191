"""A report as a picture: each pool a row of nodes, each node filled by the models on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from serving.capacity.report import PoolReport, Report, Spare
from serving.capacity.table import money, summary, whole

_WIDTH: Final = 1000
_MARGIN: Final = 24
_LABELS: Final = 284
_NODE: Final = 44
_GAP: Final = 8
_HEIGHT: Final = 64
_TOP: Final = 92
_COLOURS: Final = 6

_STYLE: Final = """
svg { background: #fff; color: #1b1f24; font: 14px system-ui, sans-serif; }
text { fill: currentColor; } .title { font-size: 20px; }
.faint { opacity: .7; font-size: 12px; }
.node { fill: none; stroke: currentColor; stroke-width: 1; stroke-dasharray: 3 3; opacity: .5; }
.kept { stroke-width: 2; stroke-dasharray: none; opacity: 1; }
rect[class^=t] { stroke: #fff; }
.t0 { fill: #1d5fbf; } .t1 { fill: #c2410c; } .t2 { fill: #1a7f37; } .t3 { fill: #8250df; }
.t4 { fill: #8a6100; } .t5 { fill: #b42387; }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117; color: #e6edf3; } rect[class^=t] { stroke: #0d1117; }
  .t0 { fill: #79b8ff; } .t1 { fill: #ff9a5c; } .t2 { fill: #56d364; } .t3 { fill: #d2a8ff; }
  .t4 { fill: #e3b341; } .t5 { fill: #ff9bce; }
}
"""


def picture(report: Report, stack: str) -> str:
    """A whole SVG file."""
    per_row = (_WIDTH - _LABELS - 2 * _MARGIN) // (_NODE + _GAP)
    rows, y = [], _TOP
    for name, pool in report.pools.items():
        rows.append("".join(_row(name, pool, report, y, per_row)))
        y += _lines(pool, per_row) * (_HEIGHT + _GAP) + 3 * _GAP
    legend = "".join(_legend(report, y))
    height = y + 40
    says = f"Capacity of stack {stack}. {summary(report)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(says)}"><style>{_STYLE}</style>'
        f'<text class="title" x="{_MARGIN}" y="36">Capacity of {escape(stack)}</text>'
        f'<text class="faint" x="{_MARGIN}" y="58">{escape(summary(report))}</text>'
        f'<text class="faint" x="{_MARGIN}" y="76">A box is a node: thick where it is always '
        "there; filled as far as models take it at most.</text>"
        f"{''.join(rows)}{legend}</svg>\n"
    )


def _lines(pool: PoolReport, per_row: int) -> int:
    return max(1, -(-int(pool.nodes.most) // per_row))


def _row(name: str, pool: PoolReport, report: Report, y: int, per_row: int) -> Iterator[str]:
    lost = "".join(f", {_left(spare)} with a zone lost" for spare in pool.spare)
    about = (
        name,
        ", ".join(pool.instance_types[:2]),
        f"{whole(pool.nodes)} nodes, {money(pool.usd_per_hour)} USD/h",
        "for all the rest" if pool.kind == "system" else f"{whole(pool.needed)} needed{lost}",
    )
    for index, line in enumerate(about):
        style = "" if index == 0 else ' class="faint"'
        yield f'<text{style} x="{_MARGIN}" y="{y + 12 + 17 * index}">{escape(line)}</text>'
    for index in range(int(pool.nodes.most)):
        x = _MARGIN + _LABELS + index % per_row * (_NODE + _GAP)
        top = y + index // per_row * (_HEIGHT + _GAP)
        kept = " kept" if index < pool.nodes.least else ""
        yield "".join(_filled(index, pool, report, x, top))
        yield f'<rect class="node{kept}" x="{x}" y="{top}" width="{_NODE}" height="{_HEIGHT}"/>'


def _left(spare: Spare) -> str:
    left = spare.with_a_zone_lost.most
    return f"{left:.0f} spare" if left >= 0 else f"{-left:.0f} missing"


def _filled(index: int, pool: PoolReport, report: Report, x: int, top: int) -> Iterator[str]:
    """From the bottom up."""
    at = float(top + _HEIGHT)
    models = pool.filled[index] if index < len(pool.filled) else {}
    for model, share in models.items():
        height = _HEIGHT * min(share, 1.0)
        at -= height
        style = _colour(report.models[model].tenant, list(report.tenants))
        yield (
            f'<rect class="{style}" x="{x}" y="{at:.1f}" width="{_NODE}" height="{height:.1f}">'
            f"<title>{escape(model)}: {share:.0%} of a node</title></rect>"
        )


def _legend(report: Report, y: int) -> Iterator[str]:
    x = _MARGIN + _LABELS
    for tenant in report.tenants:
        style = _colour(tenant, list(report.tenants))
        yield f'<rect class="{style}" x="{x}" y="{y}" width="12" height="12"/>'
        yield f'<text class="faint" x="{x + 18}" y="{y + 11}">{escape(tenant)}</text>'
        x += 48 + 7 * len(tenant)


def _colour(tenant: str, tenants: Sequence[str]) -> str:
    return f"t{tenants.index(tenant) % _COLOURS}"
