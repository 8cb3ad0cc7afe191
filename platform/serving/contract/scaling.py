"""How many replicas, and how soon: headroom carries the growth while a new replica starts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from serving.contract.model import Environment, ModelContract

SHORTEST_SCALE_DOWN_DELAY_SECONDS: Final = 300


@dataclass(frozen=True, kw_only=True)
class ScalingPlan:
    min_replicas: int
    max_replicas: int
    replica_rps: float | None
    """What one replica holds inside its SLO; None where nobody has measured it."""
    headroom_replicas: int
    """Kept beyond what the traffic of this moment needs."""
    scale_up_delay_seconds: int
    scale_down_delay_seconds: int

    def replicas(self, rps: float) -> int:
        """Wanted at this much traffic."""
        needed = math.ceil(rps / self.replica_rps) if self.replica_rps else 0
        return max(self.min_replicas, min(self.max_replicas, needed + self.headroom_replicas))


def scaling_plan(contract: ModelContract, environment: Environment) -> ScalingPlan:
    replicas = contract.scaling.replicas(environment)
    return ScalingPlan(
        min_replicas=replicas.min_replicas,
        max_replicas=replicas.max_replicas,
        replica_rps=contract.scaling.replica_rps,
        headroom_replicas=headroom(contract) if environment == "prod" else 0,
        scale_up_delay_seconds=0,
        # a replica given up too soon costs a whole start-up
        scale_down_delay_seconds=max(
            SHORTEST_SCALE_DOWN_DELAY_SECONDS, contract.health.startup_seconds
        ),
    )


def headroom(contract: ModelContract) -> int:
    """Replicas for the traffic that may come on top while one replica starts."""
    scaling = contract.scaling
    if not scaling.replica_rps:
        return 0
    growth = scaling.ramp_rps_per_minute * contract.health.startup_seconds / 60
    return math.ceil(growth / scaling.replica_rps)
