"""When a replica counts as started, alive and ready, from the start-up budget of its contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from serving.contract.model import ModelContract
from serving.contract.runtime import CustomRuntime, TritonRuntime, VllmRuntime

HTTP_PORT: Final = 8000
PERIOD_SECONDS: Final = 10
LONGEST_INITIAL_DELAY_SECONDS: Final = 60


@dataclass(frozen=True, kw_only=True)
class Startup:
    """How long a replica may take to be ready; killed after it."""

    initial_delay_seconds: int
    period_seconds: int
    failure_threshold: int

    @property
    def allowed_seconds(self) -> int:
        return self.initial_delay_seconds + self.period_seconds * self.failure_threshold


@dataclass(frozen=True, kw_only=True)
class Probes:
    port: int
    live_path: str
    ready_paths: tuple[str, ...]
    """Each must answer 200: one per model of a bundle."""
    startup: Startup


def startup(seconds: int) -> Startup:
    """Covers the budget; never more than a period longer."""
    # A tenth of the asking time goes by unasked, as nothing listens while models load:
    # 960 s are 60 + 90 × 10, 330 s are 30 + 30 × 10.
    tenth = seconds // (11 * PERIOD_SECONDS) * PERIOD_SECONDS
    delay = min(LONGEST_INITIAL_DELAY_SECONDS, tenth)
    return Startup(
        initial_delay_seconds=delay,
        period_seconds=PERIOD_SECONDS,
        failure_threshold=-(-(seconds - delay) // PERIOD_SECONDS),
    )


def probes(contract: ModelContract, version: int) -> Probes:
    effective = contract.at(version)
    started = startup(effective.health.startup_seconds)
    match effective.runtime:
        case TritonRuntime(models=models):
            # not /v2/health/ready: one failed load turns that of the whole server to 400
            paths = tuple(f"/v2/models/{name}/versions/{version}/ready" for name in sorted(models))
            return Probes(
                port=HTTP_PORT, live_path="/v2/health/live", ready_paths=paths, startup=started
            )
        case CustomRuntime() as custom:
            return Probes(
                port=custom.port,
                live_path=custom.live_path,
                ready_paths=(custom.ready_path,),
                startup=started,
            )
        case VllmRuntime():
            return Probes(
                port=HTTP_PORT, live_path="/health", ready_paths=("/health",), startup=started
            )
