"""What the servers of one version say about themselves: Triton, its GPUs and its containers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from serving.contract.model import ModelContract
from serving.contract.runtime import TritonRuntime
from serving.observability.dialect import Series
from serving.promotion.measurement import Gpu
from serving.promotion.scrape import Scrape


@dataclass(frozen=True, kw_only=True)
class ServerSeries:
    """Selectors. What nobody exports is empty, and taken for nothing."""

    succeeded: str
    """By the models that callers reach; an ensemble also counts in each of its steps."""
    failed: str
    queue_us: str
    pending: str
    gpu_used: str
    gpu_total: str
    gpu_utilization: str
    restarts: str
    out_of_memory: str
    xids: str

    @property
    def selectors(self) -> tuple[str, ...]:
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)


def server_series(
    contract: ModelContract, version: int, pods: Mapping[str, str]
) -> ServerSeries | None:
    """None where the server is not Triton: no other's series are known."""
    if not isinstance(contract.runtime, TritonRuntime):
        return None
    models = contract.runtime.models

    def select(name: str, labels: Mapping[str, str]) -> str:
        return Series(name=name, labels=labels).of(contract)

    mine = {"version": str(version), **pods}
    every = mine | {"model": "|".join(sorted(models))}
    reached = mine | {"model": "|".join(contract.runtime.reached)}
    exported = {f"exported_{label}": pattern for label, pattern in pods.items()}
    killed = {**pods, "reason": "OOMKilled"}
    return ServerSeries(
        succeeded=select("nv_inference_request_success", reached),
        failed=select("nv_inference_request_failure", reached),
        queue_us=select("nv_inference_queue_duration_us", every),
        pending=select("nv_inference_pending_request_count", every),
        gpu_used=select("nv_gpu_memory_used_bytes", pods),
        gpu_total=select("nv_gpu_memory_total_bytes", pods),
        gpu_utilization=select("nv_gpu_utilization", pods),
        restarts=select("kube_pod_container_status_restarts_total", pods),
        out_of_memory=select("kube_pod_container_status_last_terminated_reason", killed),
        xids=select("DCGM_FI_DEV_XID_ERRORS", exported),
    )


def capacity_of(contract: ModelContract) -> int | None:
    """Requests one server can run at once."""
    if not isinstance(contract.runtime, TritonRuntime):
        return None
    return sum(
        model.instances.count * max(contract.resources.gpu_count, 1) * max(model.max_batch_size, 1)
        for model in contract.runtime.models.values()
        if model.backend != "ensemble"
    )


def gpus(scrape: Scrape, series: ServerSeries, contract: ModelContract) -> tuple[Gpu, ...]:
    """Those whose memory is known."""

    def by_uuid(selector: str) -> dict[str, float]:
        return {raw.labels.get("gpu_uuid", ""): value for raw, value in scrape.last(selector)}

    used, whole, busy = map(by_uuid, (series.gpu_used, series.gpu_total, series.gpu_utilization))
    return tuple(
        Gpu(
            uuid=uuid,
            used_bytes=int(used[uuid]),
            total_bytes=int(whole[uuid]),
            utilization=busy.get(uuid, 0.0),
            shared=contract.resources.sharing == "time-slicing",
        )
        for uuid in sorted(used.keys() & whole.keys())
        if whole[uuid]
    )


def restarts(scrape: Scrape, series: ServerSeries) -> int:
    """Seen by Kubernetes, or in counters that began again."""
    fallen = scrape.restarted_pods(series.succeeded) | scrape.restarted_pods(series.queue_us)
    return max(len(fallen), round(scrape.counted(series.restarts)))


def out_of_memory(scrape: Scrape, series: ServerSeries) -> int:
    """Restarts of this window whose reason was memory; the reason stays until the next one."""
    restarted = {pod for pod, n in scrape.counted_by_pod(series.restarts).items() if n}
    killed = {raw.labels.get("pod") for raw, value in scrape.last(series.out_of_memory) if value}
    return len(restarted & killed)


def xids(scrape: Scrape, series: ServerSeries) -> tuple[int, ...]:
    """New in this window: the series keeps the last code."""
    return tuple(
        int(now)
        for raw in scrape.series[series.xids]
        for (_, before), (at, now) in pairwise(raw.samples)
        if at > scrape.since and now and now != before
    )
