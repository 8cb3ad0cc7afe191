"""One arm of a window, counted from its raw samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from serving.contract.model import ModelContract
from serving.promotion import servers
from serving.promotion.gateway import ArmSeries, Gateway
from serving.promotion.measurement import Arm, Counts
from serving.promotion.preconditions import targets_down
from serving.promotion.scrape import Scrape, buckets_of, slower_than
from serving.promotion.servers import ServerSeries


@dataclass(frozen=True, kw_only=True)
class Side:
    """One version of a model, and where it is counted."""

    contract: ModelContract
    """The effective one of this version."""
    version: int
    gateway: ArmSeries
    servers: ServerSeries | None

    @classmethod
    def of(
        cls, contract: ModelContract, version: int, gateway: Gateway, *, mirrored: bool = False
    ) -> Self:
        effective, series = contract.at(version), gateway(version, mirrored=mirrored)
        return cls(
            contract=effective,
            version=version,
            gateway=series,
            servers=servers.server_series(effective, version, series.pods),
        )

    @property
    def requests(self) -> tuple[str, ...]:
        return tuple(term.series.of(self.contract) for term in self.gateway.requests)

    @property
    def buckets(self) -> str:
        return buckets_of(self.contract, self.gateway.latency)

    @property
    def pod_buckets(self) -> str | None:
        latency = self.gateway.pod_latency
        return buckets_of(self.contract, latency) if latency else None

    @property
    def gateways_down(self) -> str:
        return targets_down(self.requests)

    @property
    def servers_down(self) -> str | None:
        return targets_down([self.servers.succeeded]) if self.servers else None

    @property
    def downs(self) -> tuple[str, ...]:
        """The queries for what is down."""
        return tuple(query for query in (self.gateways_down, self.servers_down) if query)

    @property
    def queries(self) -> Mapping[str, str]:
        """The main ones, for people; `selectors` are all."""
        errors = (term.series.of(self.contract) for term in self.gateway.errors)
        return {
            "requests": ", ".join(self.requests),
            "errors": ", ".join(errors),
            "latency": self.buckets,
            **({"queue": self.servers.queue_us} if self.servers else {}),
        }

    @property
    def selectors(self) -> frozenset[str]:
        """Every series that is read."""
        gateway = self.gateway
        terms = (
            *gateway.requests, *gateway.errors, *gateway.pod_requests, *gateway.pod_errors,
            *gateway.tries, *gateway.probes, *gateway.helped, *gateway.answered,
        )  # fmt: skip
        counted = {term.series.of(self.contract) for term in terms}
        buckets = {self.buckets, self.pod_buckets or self.buckets}
        return frozenset(counted | buckets | set(self.servers.selectors if self.servers else ()))


def measured(side: Side, scrape: Scrape) -> Arm:
    pods = _pods(side, scrape)
    gateway = _gateway_counts(side, scrape)
    if side.servers is None:
        return Arm(counts=gateway, pods=pods)
    pending = scrape.last(side.servers.pending)
    capacity = servers.capacity_of(side.contract) or 0
    return Arm(
        counts=replace(
            gateway,
            queue_us=round(scrape.counted(side.servers.queue_us)),
            served=round(scrape.counted(side.servers.succeeded)),
        ),
        pods=pods,
        pending=round(sum(value for _, value in pending)) if pending else None,
        capacity=capacity * len({raw.target for raw, _ in pending}),
        gpus=servers.gpus(scrape, side.servers, side.contract),
        restarts=servers.restarts(scrape, side.servers),
        out_of_memory=servers.out_of_memory(scrape, side.servers),
        xids=servers.xids(scrape, side.servers),
    )


def _gateway_counts(side: Side, scrape: Scrape) -> Counts:
    requests = scrape.quantity(side.contract, side.gateway.requests)
    errors = scrape.quantity(side.contract, side.gateway.errors)
    edges = side.contract.observability.latency_edges_ms
    return Counts(
        requests=requests,
        errors=min(errors, requests),  # a first try may fail in one window, its retry end later
        slower=slower_than(scrape, scrape.series[side.buckets], edges, requests),
    )


def _pods(side: Side, scrape: Scrape) -> dict[str, Counts]:
    requests = scrape.quantity_by_pod(side.contract, side.gateway.pod_requests)
    errors = scrape.quantity_by_pod(side.contract, side.gateway.pod_errors)
    queue: Mapping[str, float] = {}
    served: Mapping[str, float] = {}
    if side.servers is not None:
        queue = scrape.counted_by_pod(side.servers.queue_us)
        served = scrape.counted_by_pod(side.servers.succeeded)
    return {
        pod: Counts(
            requests=requests.get(pod, 0),
            errors=min(errors.get(pod, 0), requests.get(pod, 0)),
            slower=_slower_in(side, scrape, pod, requests.get(pod, 0)),
            queue_us=round(queue.get(pod, 0)),
            served=round(served.get(pod, 0)),
        )
        for pod in sorted(requests.keys() | served.keys())
    }


def _slower_in(side: Side, scrape: Scrape, pod: str, requests: int) -> tuple[int, ...]:
    if side.pod_buckets is None:
        return ()
    own = [raw for raw in scrape.series[side.pod_buckets] if raw.labels.get("pod") == pod]
    edges = side.contract.observability.latency_edges_ms
    return slower_than(scrape, own, edges, requests)
