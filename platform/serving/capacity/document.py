"""A report as plain data: what `--json` prints and the stack exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from serving.capacity.remarks import remarks
from serving.capacity.report import Report

DIGITS = 4


def document(report: Report) -> dict[str, Any]:
    return {**_plain(asdict(report)), "remarks": list(remarks(report))}


def _plain(value: Any) -> Any:
    match value:
        case float():
            return round(value, DIGITS)
        case date():
            return value.isoformat()
        case Mapping():
            return {key: _plain(each) for key, each in value.items()}
        case str():
            return value
        case Sequence():
            return [_plain(each) for each in value]
    return value
