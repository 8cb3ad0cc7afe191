"""Of the cluster's layer, which charts it installs, and which of their images could change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import pulumi

from components import charts
from components.charts import Chart
from components.images import unpinned
from serving.settings import AwsSettings

_ALWAYS: Final = (
    charts.ALLOY,
    charts.CERT_MANAGER,
    charts.GPU_OPERATOR,
    charts.ISTIO_BASE,
    charts.ISTIO_CNI,
    charts.ISTIO_GATEWAY,
    charts.ISTIOD,
    charts.KEDA,
    charts.KUBE_PROMETHEUS_STACK,
    charts.LOAD_BALANCER_CONTROLLER,
    charts.LOKI,
)


def installed(settings: AwsSettings) -> Iterator[Chart]:
    yield from _ALWAYS
    if settings.cluster.autoscaler == "karpenter":
        yield from (charts.KARPENTER, charts.KARPENTER_CRDS)
    else:
        yield charts.CLUSTER_AUTOSCALER
    if settings.secrets:
        yield charts.EXTERNAL_SECRETS
    if settings.traces is not None and settings.traces.collector is None:
        yield charts.TEMPO
    if settings.gitops is not None:
        yield charts.ARGO_CD


def images(settings: AwsSettings) -> Sequence[str]:
    return unpinned(list(installed(settings)), {})


def movable(settings: AwsSettings) -> Sequence[str]:
    """Images of production that go by tags, which whoever owns their registry can move."""
    if settings.environment != "prod":
        return []
    return unpinned(list(installed(settings)), settings.digests)


def warn_of_movable(settings: AwsSettings) -> None:
    if found := movable(settings):
        pulumi.log.warn(
            f"{len(found)} images go by tags, which can be moved to others ({found[0]}, …): put "
            "what `serving images` prints into serving:digests"
        )
