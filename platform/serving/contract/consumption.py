"""What one version takes at most: of its tenant's quota, and of money."""

from __future__ import annotations

from fractions import Fraction

from serving.contract.fields import show_cpu, show_memory
from serving.contract.model import Environment, ModelContract
from serving.contract.placement import placement
from serving.instance_types import MIB, InstanceType, gpu_types


def quota_use(contract: ModelContract, environment: Environment) -> dict[str, str]:
    """With all its replicas, as a ResourceQuota counts."""
    resources, place = contract.resources, placement(contract)
    replicas = contract.scaling.replicas(environment).max_replicas
    use = {
        "requests.cpu": show_cpu(replicas * resources.cpu),
        "requests.memory": show_memory(replicas * resources.memory),
    }
    if place.resource:
        use[f"requests.{place.resource}"] = str(replicas * place.resource_count)
    return use


def cost_per_hour(contract: ModelContract, environment: Environment) -> dict[str, float]:
    """Instance type → USD on demand with all replicas; types without a known price are left out."""
    replicas = contract.scaling.replicas(environment).max_replicas
    kinds = (gpu_types().get(name) for name in contract.resources.instance_types)
    return {
        kind.name: round(float(replicas * node_share(contract, kind)) * kind.usd_per_hour, 4)
        for kind in kinds
        if kind and kind.usd_per_hour is not None
    }


def node_share(contract: ModelContract, kind: InstanceType) -> Fraction:
    """How much of a node one replica takes away from others: its scarcest resource decides."""
    resources = contract.resources
    slices = kind.mig_profiles.get(resources.mig_profile or "", 1)
    return max(
        Fraction(resources.gpu_count, kind.gpus * slices),
        Fraction(resources.cpu, kind.allocatable_cpu),
        Fraction(resources.memory, kind.allocatable_memory_mib * MIB),
    )
