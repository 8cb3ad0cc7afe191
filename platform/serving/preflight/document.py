"""What checks found, as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from serving.preflight.finding import Finding, Outcome
from serving.preflight.run import Check
from serving.preflight.stack import Stack

UNKNOWN_CODE = 3


def document(stack: Stack, found: Sequence[tuple[Check, Sequence[Finding]]]) -> dict[str, Any]:
    return {
        "stack": stack.stack,
        "region": stack.settings.region,
        "outcomes": counts(found),
        "findings": [
            {"check": check.name, **asdict(each)} for check, findings in found for each in findings
        ],
    }


def counts(found: Sequence[tuple[Check, Sequence[Finding]]]) -> dict[str, int]:
    told = Counter(each.outcome for _, findings in found for each in findings)
    return {outcome.value: told[outcome] for outcome in Outcome}


def exit_code(found: Sequence[tuple[Check, Sequence[Finding]]]) -> int:
    """What nobody could say is no success, and no failure either."""
    told = counts(found)
    if told["fail"]:
        return 1
    return UNKNOWN_CODE if told["unknown"] else 0
