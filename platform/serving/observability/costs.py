"""Rules about money: what an hour of each node costs, and what models take of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from serving.contract.model import namespace_of
from serving.instance_types import catalogue
from serving.observability.rules import REQUESTS
from serving.pools.pool import Nodes

NODE: Final = "serving:node_usd:per_hour"
"""By node, at the price of the list, on demand."""
SHARE: Final = "serving:model_node:share"
"""By model and node: of what pods can ask for there, the resource of which the model's own ask for
most."""
MODEL: Final = "serving:model_usd:per_hour"
"""By model: its parts of nodes; 0 without pods, and missing where a node's price is."""
INFERENCES: Final = "serving:model_usd:per_1000_inferences"
"""By model, over the last hour; missing without traffic."""

_POD: Final = "(.+)-[0-9]+-[a-z0-9]+-[a-z0-9]+"
"""Of a model's version."""
_BESIDE: Final = 'kube_pod_init_container_resource_requests{container="istio-proxy"}'


def prices(pools: Iterable[Nodes]) -> Mapping[str, float]:
    """Instance type → USD an hour, of those whose price is known."""
    found = {
        name: pool.capacity.usd_per_hour if pool.capacity else catalogue()[name].usd_per_hour
        for pool in pools
        for name in pool.instance_types
    }
    return {name: price for name, price in sorted(found.items()) if price is not None}


def rules(pools: Iterable[Nodes]) -> list[dict[str, Any]]:
    traffic = f"{REQUESTS}1h"
    unknown = f"({SHARE} unless on (node) {NODE})"
    paid = f"sum by (model, tenant) ({SHARE} * on (node) group_left () {NODE})"
    return [
        *(_node(name, price) for name, price in prices(pools).items()),
        {"record": SHARE, "expr": _share()},
        {
            "record": MODEL,
            "expr": (
                f"({paid} or on (model, tenant) 0 * {traffic}) unless on (model, tenant) {unknown}"
            ),
        },
        {
            "record": INFERENCES,
            "expr": (
                f"1000 * avg_over_time({MODEL}[1h]) / on (model, tenant) ({traffic} > 0) "
                f"and on (model, tenant) {MODEL}"
            ),
        },
    ]


def _node(name: str, price: float) -> dict[str, Any]:
    nodes = f'kube_node_labels{{label_node_kubernetes_io_instance_type="{name}"}}'
    return {
        "record": NODE,
        "expr": f"{price} * max by (node) ({nodes})",
        "labels": {"instance_type": name},
    }


def _share() -> str:
    """What has ended takes nothing, and what waits for a node has none."""
    asked = "sum by (namespace, pod, node, resource) (kube_pod_container_resource_requests or {})"
    offered = "max by (node, resource) (kube_node_status_allocatable)"
    ended = '(kube_pod_status_phase{phase=~"Succeeded|Failed"} == 1)'
    pods = (
        f"max by (namespace, pod, node) ({asked.format(_BESIDE)} "
        f"/ on (node, resource) group_left () {offered}) "
        f"unless on (namespace, pod) {ended}"
    )
    named = (
        f'label_replace(label_replace({pods}, "model", "$1", "pod", "{_POD}"), '
        f'"tenant", "$1", "namespace", "{namespace_of("(.+)")}")'
    )
    return f"sum by (model, tenant, node) ({named}) and on (model, tenant) {REQUESTS}1h"
