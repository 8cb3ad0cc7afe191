"""Of the AWS stack, what KEDA asks Prometheus to know how many servers a version needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from components.keda import PROMETHEUS_PORT
from components.model_server_args import Scaling, Trigger
from serving.contract.model import ModelContract
from serving.contract.runtime import TritonRuntime
from serving.contract.scaling import ScalingPlan
from serving.observability.rules import REQUESTS
from serving.observability.versions import PENDING, RATE
from serving.stacks.ground import MONITORING_NAMESPACE

PROMETHEUS: Final = (
    f"http://kube-prometheus-stack-prometheus.{MONITORING_NAMESPACE}.svc:{PROMETHEUS_PORT}"
)
WAITING_FOR_VLLM: Final = 5
"""Requests to each server. One that waits at all waits for the end of another's answer."""


def scaling(contract: ModelContract, version: int, plan: ScalingPlan) -> Scaling:
    return Scaling(
        min_replicas=plan.min_replicas,
        max_replicas=plan.max_replicas,
        triggers=dict(_triggers(contract, version, plan)),
        prometheus=PROMETHEUS,
        scale_up_delay_seconds=plan.scale_up_delay_seconds,
        scale_down_delay_seconds=plan.scale_down_delay_seconds,
    )


def _triggers(
    contract: ModelContract, version: int, plan: ScalingPlan
) -> Iterator[tuple[str, Trigger]]:
    # Where there may be no server, nothing that servers say is missed.
    asleep = plan.min_replicas == 0
    absent = "vector(0)" if asleep else f"0 * sum(up{_pods(contract, version)} == 1)"
    if plan.replica_rps:
        query = f"({_requests(contract, version, plan)}) or {absent}"
        yield "requests", Trigger(query=query, threshold=plan.replica_rps)
    query, threshold = _waiting(contract, version)
    yield (
        "waiting",
        Trigger(query=f"{query} or vector(0)" if asleep else query, threshold=threshold),
    )
    if asleep:
        # Of the whole model, as its callers met it: without a server nothing tells the versions
        # apart. The first request to a gateway that has counted none yet wakes nobody: it makes the
        # counter, at 1, and Prometheus sees no increase until another one is counted later.
        called = f'sum({REQUESTS}5m{{model="{contract.name}"}})'
        yield "awake", Trigger(query=f"clamp_max({called}, 1) or vector(0)", threshold=1)


def _requests(contract: ModelContract, version: int, plan: ScalingPlan) -> str:
    """A second. What is kept for growth is shared out as the traffic is: a version that takes none
    keeps nothing."""
    own = f"sum({RATE}{_recorded(contract, version)})"
    if not plan.headroom_replicas or not plan.replica_rps:
        return own
    kept = plan.headroom_replicas * plan.replica_rps
    whole = f'sum({RATE}{{model="{contract.name}"}})'
    return f"{own} + {kept:g} * ({own} / ({whole} > 0) or vector(0))"


def _waiting(contract: ModelContract, version: int) -> tuple[str, float]:
    """How many, and how many a server may have."""
    runtime = contract.runtime
    if isinstance(runtime, TritonRuntime):
        return f"sum({PENDING}{_recorded(contract, version)})", _at_once(contract, runtime)
    return f"sum(vllm:num_requests_waiting{_pods(contract, version)})", WAITING_FOR_VLLM


def _at_once(contract: ModelContract, runtime: TritonRuntime) -> int:
    """Requests that a server computes together: as many may wait for the next time."""
    return sum(
        model.instances.count * max(contract.resources.gpu_count, 1) * max(model.max_batch_size, 1)
        for model in runtime.models.values()
        if model.backend != "ensemble"
    )


def _recorded(contract: ModelContract, version: int) -> str:
    return f'{{model="{contract.name}",version="{version}"}}'


def _pods(contract: ModelContract, version: int) -> str:
    pods = f"{contract.name}-{version}-[a-z0-9]+-[a-z0-9]+"
    return f'{{namespace="{contract.namespace}",pod=~"{pods}"}}'
