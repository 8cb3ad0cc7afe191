"""How the gateway finds out whether a server still computes: a request whose answer is known."""

from __future__ import annotations

from typing import Any, Final

from serving.contract.model import ModelContract
from serving.contract.probes import probes
from serving.contract.synthetic import synthetic_request
from serving.gateway.documents import seconds
from serving.gateway.limits import timeouts

FAILURES: Final = 2
"""In a row, until a server is out: a machine that pauses once is not ill."""
SUCCESSES: Final = 2


def health_check(contract: ModelContract, version: int) -> dict[str, Any]:
    """An inference with a golden request of the contract; readiness where it has none.

    A Triton whose model hangs, or whose Python process was killed, goes on saying that it is ready.
    Envoy asks each cluster one question, so of a bundle only one model is asked.
    """
    effective = contract.at(version)
    one_try = seconds(timeouts(effective).one_try)
    return {
        "timeout": one_try,
        "interval": one_try,
        "no_traffic_interval": one_try,
        "unhealthy_threshold": FAILURES,
        "healthy_threshold": SUCCESSES,
        "http_health_check": {
            **_question(effective, version),
            # any other answer would put the server out at once
            "retriable_statuses": [{"start": 100, "end": 600}],
        },
    }


def _question(contract: ModelContract, version: int) -> dict[str, Any]:
    request = synthetic_request(contract, version)
    if request is None:
        return {"path": probes(contract, version).ready_paths[0]}
    body = {"text": request.body.encode().hex()}  # as Envoy wants it
    return {"path": request.path, "method": "POST", "send": body}
