"""Alerts: an error budget that burns too fast, over a long window and still over a short one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from serving.contract.model import ModelContract
from serving.contract.runtime import TritonRuntime
from serving.observability.dashboard import address
from serving.observability.rules import FAILED, REQUESTS, SLOW
from serving.observability.versions import EXECUTED, WAITED

SLOW_SHARE: Final = 0.01
"""What a p99 lets be slow."""

FEWEST_BAD: Final = 10
"""Bad requests in the long window, below which a share says nothing."""

FEWEST_EXECUTED: Final = 10
"""Below it a mean says nothing."""


@dataclass(frozen=True, kw_only=True)
class Burn:
    """How many times faster than allowed the budget of 30 days is being used up."""

    speed: str
    factor: float
    long: str
    short: str
    severity: str


BURNS: Final = (
    Burn(speed="Fast", factor=14.4, long="1h", short="5m", severity="page"),  # 2 % of it in 1 h
    Burn(speed="Slow", factor=6, long="6h", short="30m", severity="ticket"),  # 5 % of it in 6 h
)


@dataclass(frozen=True, kw_only=True)
class Budget:
    alert: str
    bad: str
    """The recorded name."""
    share: float
    promise: str


def alerts(contract: ModelContract) -> list[dict[str, Any]]:
    slo = contract.slo
    budgets = (
        Budget(
            alert="LatencyBudgetBurns",
            bad=SLOW,
            share=SLOW_SHARE,
            promise=f"99 % of requests within {slo.p99_ms:g} ms",
        ),
        Budget(
            alert="ErrorBudgetBurns",
            bad=FAILED,
            share=slo.error_rate,
            promise=f"at most {_percent(slo.error_rate)} of requests fail",
        ),
    )
    burning = [_burning(contract, budget, burn) for budget in budgets for burn in BURNS]
    waiting = [_waiting(contract)] if isinstance(contract.runtime, TritonRuntime) else []
    return [*burning, _unmeasured(contract), *waiting]


def threshold(share: float, factor: float) -> float:
    """The share of bad requests that alerts; below 1 even where the budget is large."""
    return min(share * factor, (1 + share) / 2)


def _burning(contract: ModelContract, budget: Budget, burn: Burn) -> dict[str, Any]:
    name = f"{budget.alert}{burn.speed}"
    limit = threshold(budget.share, burn.factor)
    above = [
        f"{_of(contract, budget.bad, window)} > {limit:.6g} * {_of(contract, REQUESTS, window)}"
        for window in (burn.long, burn.short)
    ]
    enough = f"{_of(contract, budget.bad, burn.long)} >= {FEWEST_BAD}"
    return _alert(
        contract,
        name,
        " and ".join([*above, enough]),
        severity=burn.severity,
        summary=f"{contract.name} breaks its promise: {budget.promise}",
        description=(
            f"More than {_percent(limit)} of the requests did, over the last {burn.long} and still "
            f"over the last {burn.short}: {limit / budget.share:.3g} times what the SLO allows."
        ),
    )


def _unmeasured(contract: ModelContract) -> dict[str, Any]:
    requests, slow = _of(contract, REQUESTS, "30m"), _of(contract, SLOW, "30m")
    return _alert(
        contract,
        "LatencyUnmeasured",
        f"{requests} > 0 unless {slow}",
        wait="10m",
        severity="ticket",
        summary=f"nobody knows how slow {contract.name} is",
        description=(
            "There are requests, but the gateway's histogram has no edge at "
            f"{contract.slo.p99_ms:g} ms: neither alerts nor promotions can judge the latency."
        ),
    )


def _waiting(contract: ModelContract) -> dict[str, Any]:
    """By version."""
    limit = contract.slo.queue_ms
    waited, executed = (_of(contract, name) for name in (WAITED, EXECUTED))
    return _alert(
        contract,
        "QueueTooLong",
        f"{waited} > {limit:g} * {executed} and {executed} >= {FEWEST_EXECUTED}",
        severity="ticket",
        summary=f"requests to {contract.name} wait too long for a free server",
        description=(
            f"Over the last 5m a request to version {{{{ $labels.version }}}} has waited more than "
            f"{limit:g} ms in the server's queue, on average. What computes is not what is slow."
        ),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _of(contract: ModelContract, name: str, window: str = "") -> str:
    return f'{name}{window}{{model="{contract.name}"}}'


def _alert(
    contract: ModelContract,
    name: str,
    expression: str,
    *,
    severity: str,
    summary: str,
    description: str,
    wait: str | None = None,
) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": expression,
        **({"for": wait} if wait else {}),
        "labels": {
            **{key.replace("-", "_"): text for key, text in contract.observability.labels.items()},
            "model": contract.name,
            "tenant": contract.tenant,
            "severity": severity,
        },
        "annotations": {
            "summary": summary,
            "description": description,
            "runbook": f"docs/runbooks/{name}.md",
            "dashboard": address("service"),
        },
    }
