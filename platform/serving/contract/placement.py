"""Which nodes a replica may run on, what it takes of a GPU, and whether replicas spread or pack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from serving.contract.model import ModelContract, Workload
from serving.contract.runtime import VllmRuntime

Strategy: TypeAlias = Literal["spread", "pack"]

STRATEGIES: Final[Mapping[Workload, Strategy]] = {
    "latency-critical": "spread",
    "standard": "pack",
    "small": "pack",
    "batch": "pack",
}
"""Spreading bounds what one lost node takes along; packing keeps GPUs busy."""

GPU_TAINT: Final = "nvidia.com/gpu"


@dataclass(frozen=True, kw_only=True)
class Toleration:
    """Of a `NoSchedule` taint; without a value, of all its values."""

    key: str
    value: str | None = None


@dataclass(frozen=True, kw_only=True)
class Placement:
    node_labels: Mapping[str, str]
    instance_types: tuple[str, ...]
    """Any of them; empty where all of the pool will do."""
    tolerations: tuple[Toleration, ...]
    resource: str | None
    """The extended resource that a replica asks for, and how many of it."""
    resource_count: int
    strategy: Strategy
    spot: bool
    """Whether nodes that may be taken away at two minutes' notice will do."""


def placement(contract: ModelContract) -> Placement:
    resources = contract.resources
    on_gpu = resources.accelerator == "gpu"
    pool = _pool(contract)
    return Placement(
        node_labels={"workload": pool},
        instance_types=resources.instance_types if on_gpu else (),
        tolerations=(
            Toleration(key=GPU_TAINT) if on_gpu else Toleration(key="workload", value=pool),
        ),
        resource=_resource(contract) if on_gpu else None,
        resource_count=resources.gpu_count,
        strategy=STRATEGIES[contract.workload],
        spot=contract.workload == "batch",
    )


def _pool(contract: ModelContract) -> str:
    resources, runtime = contract.resources, contract.runtime
    if resources.accelerator == "cpu":
        return "cpu-compute"
    if resources.sharing == "mig":
        return "gpu-mig"
    if resources.sharing == "time-slicing":
        return "gpu-shared"
    if isinstance(runtime, VllmRuntime):
        return "gpu-vllm-large" if resources.gpus > 1 else "gpu-vllm"
    return "gpu"


def _resource(contract: ModelContract) -> str:
    # a share by time keeps the name of a whole GPU: node autoscalers know no other
    mig = contract.resources.sharing == "mig"
    return f"nvidia.com/mig-{contract.resources.mig_profile}" if mig else "nvidia.com/gpu"
