"""Tenants: who they are, what they may use, and what their models would use of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from serving.contract.fields import Cpu, Email, Memory, Name, Section, show_cpu, show_memory
from serving.contract.model import Environment, ModelContract, namespace_of
from serving.contract.placement import placement
from serving.contract.problem import JsonPath

PROMOTION_REPLICAS: Final = 1
"""A promotion splits a model's traffic over two Deployments, and each of them rounds up."""


class Quota(Section):
    models: Annotated[int, Field(ge=1, le=1000)]
    cpu: Cpu
    memory: Memory
    gpus: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Whole ones, and shares by time."""
    mig: dict[
        Annotated[str, Field(pattern=r"^[1-7]g\.[0-9]{1,3}gb$")],
        Annotated[int, Field(ge=1, le=10_000)],
    ] = Field(default_factory=dict)
    """MIG profile → slices of it."""

    @property
    def accelerators(self) -> Mapping[str, int]:
        """By the names that Kubernetes counts them under."""
        slices = {f"nvidia.com/mig-{profile}": count for profile, count in self.mig.items()}
        return {"nvidia.com/gpu": self.gpus, **slices}


class Tenant(Section):
    name: Name
    team: Name
    contacts: Annotated[tuple[Email, ...], Field(min_length=1, max_length=10)]
    """Mail addresses of those who answer for it, and hear when its budget is nearly spent."""
    quota: Quota
    requests_per_second: Annotated[float, Field(gt=0)]
    """Beyond it the gateway refuses."""
    monthly_budget_usd: Annotated[int, Field(gt=0)]
    dedicated: bool = False
    """Shares no node with another tenant."""

    @property
    def namespace(self) -> str:
        return namespace_of(self.name)

    @property
    def group(self) -> str:
        """The Kubernetes group of its people."""
        return f"tenant:{self.name}"


@dataclass(frozen=True, kw_only=True)
class Excess:
    """A part of a quota that is too small for the tenant's models."""

    part: JsonPath
    needed: str
    allowed: str
    by: str
    """Who needs how much of it, the largest first."""


def excesses(
    quota: Quota, models: Sequence[ModelContract], environment: Environment
) -> Iterator[Excess]:
    allowed = _allowed(quota)
    needs = {model.name: needed(model, environment) for model in models}
    for part in sorted({part for need in needs.values() for part in need}, key=str):
        shares = {name: need[part] for name, need in needs.items() if need.get(part)}
        total = sum(shares.values())
        if total > allowed.get(part, 0):
            largest_first = sorted(shares.items(), key=lambda share: (-share[1], share[0]))
            yield Excess(
                part=part,
                needed=_shown(part, total),
                allowed=_shown(part, allowed.get(part, 0)),
                by=", ".join(f"{name} {_shown(part, share)}" for name, share in largest_first),
            )


def needed(model: ModelContract, environment: Environment) -> Mapping[JsonPath, int]:
    """By part of the quota: the model at its largest, in the middle of a promotion."""
    replicas = model.scaling.replicas(environment).max_replicas + PROMOTION_REPLICAS
    resources, placed = model.resources, placement(model)
    need: dict[JsonPath, int] = {
        ("models",): 1,
        ("cpu",): replicas * resources.cpu,
        ("memory",): replicas * resources.memory,
    }
    if placed.resource:
        accelerator = placed.resource.removeprefix("nvidia.com/")
        profile = accelerator.removeprefix("mig-")
        part: JsonPath = ("gpus",) if accelerator == "gpu" else ("mig", profile)
        need[part] = replicas * placed.resource_count
    return need


def _allowed(quota: Quota) -> Mapping[JsonPath, int]:
    return {
        ("models",): quota.models,
        ("cpu",): quota.cpu,
        ("memory",): quota.memory,
        ("gpus",): quota.gpus,
        **{("mig", profile): count for profile, count in quota.mig.items()},
    }


def _shown(part: JsonPath, amount: int) -> str:
    shows: Mapping[JsonPath, Callable[[int], str]] = {
        ("cpu",): show_cpu,
        ("memory",): show_memory,
    }
    return shows.get(part, str)(amount)
