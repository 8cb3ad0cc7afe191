"""Images by digest: a tag can be moved to another image, a digest names one for ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from components import charts
from components.charts import Chart

TAG: Final = "{tag}@{digest}"
DIGEST: Final = "{digest}"
SHA: Final = "{sha}"
WHOLE: Final = "{image}@{digest}"


@dataclass(frozen=True, kw_only=True)
class Image:
    name: str
    """With its registry and the tag that the chart gives it."""
    key: tuple[str, ...]
    """Where a chart's values take the digest."""
    form: str = TAG
    """And how."""

    def value(self, digest: str) -> str:
        return self.form.format(
            image=self.name,
            tag=self.name.rpartition(":")[2],
            digest=digest,
            sha=digest.partition(":")[2],
        )

    def reference(self, digests: Mapping[str, str]) -> str:
        """For a pod of our own."""
        digest = digests.get(self.name)
        return self.name if digest is None else f"{self.name}@{digest}"


def _images(*rows: tuple[str, str] | tuple[str, str, str]) -> Sequence[Image]:
    return [
        Image(name=row[0], key=tuple(row[1].split("/")), form=row[2] if len(row) == 3 else TAG)
        for row in rows
    ]


_CERT_MANAGER: Final = f"quay.io/jetstack/cert-manager-{{}}:{charts.CERT_MANAGER.version}"
_EXTERNAL_SECRETS: Final = (
    f"ghcr.io/external-secrets/external-secrets:v{charts.EXTERNAL_SECRETS.version}"
)
_GPU_OPERATOR: Final = f"nvcr.io/nvidia/gpu-operator:{charts.GPU_OPERATOR.version}"
_DEVICE_PLUGIN: Final = "nvcr.io/nvidia/k8s-device-plugin:v0.19.3"
_ISTIO: Final = f"registry.istio.io/release/{{}}:{charts.ISTIOD.version}"
_KEDA: Final = f"ghcr.io/kedacore/{{}}:{charts.KEDA.version}"

PYTHON: Final = Image(name="public.ecr.aws/docker/library/python:3.13-slim", key=())
AWS_CLI: Final = Image(name="public.ecr.aws/aws-cli/aws-cli:2.37.1", key=())
OURS: Final = (PYTHON, AWS_CLI)
"""Of our own pods."""

IMAGES: Final[Mapping[Chart, Sequence[Image]]] = {
    charts.ALLOY: _images(("docker.io/grafana/alloy:v1.18.1", "image/digest", DIGEST)),
    charts.ARGO_CD: _images(
        ("quay.io/argoproj/argocd:v3.4.4", "global/image/tag"),
        ("ecr-public.aws.com/docker/library/redis:8.2.3-alpine", "redis/image/tag"),
    ),
    charts.CERT_MANAGER: _images(
        (_CERT_MANAGER.format("controller"), "image/digest", DIGEST),
        (_CERT_MANAGER.format("webhook"), "webhook/image/digest", DIGEST),
        (_CERT_MANAGER.format("cainjector"), "cainjector/image/digest", DIGEST),
        (_CERT_MANAGER.format("acmesolver"), "acmesolver/image/digest", DIGEST),
        (_CERT_MANAGER.format("startupapicheck"), "startupapicheck/image/digest", DIGEST),
    ),
    charts.CLUSTER_AUTOSCALER: _images(
        ("registry.k8s.io/autoscaling/cluster-autoscaler:v1.35.0", "image/tag"),
    ),
    charts.EXTERNAL_SECRETS: _images(
        (_EXTERNAL_SECRETS, "image/tag"),
        (_EXTERNAL_SECRETS, "webhook/image/tag"),
        (_EXTERNAL_SECRETS, "certController/image/tag"),
    ),
    charts.GPU_OPERATOR: _images(
        (_GPU_OPERATOR, "operator/version"),
        (_GPU_OPERATOR, "validator/version"),
        (_DEVICE_PLUGIN, "devicePlugin/version"),
        (_DEVICE_PLUGIN, "gfd/version"),
        ("nvcr.io/nvidia/k8s/dcgm-exporter:4.5.3-4.8.2-distroless", "dcgmExporter/version"),
        ("nvcr.io/nvidia/cloud-native/k8s-mig-manager:v0.14.2", "migManager/version"),
        (
            "registry.k8s.io/nfd/node-feature-discovery:v0.18.3",
            "node-feature-discovery/image/tag",
        ),
    ),
    charts.ISTIO_CNI: _images((_ISTIO.format("install-cni"), "image", WHOLE)),
    charts.ISTIOD: _images(
        (_ISTIO.format("pilot"), "image", WHOLE),
        (_ISTIO.format("proxyv2"), "global/proxy/image", WHOLE),
    ),
    charts.KARPENTER: _images(
        (
            f"public.ecr.aws/karpenter/controller:{charts.KARPENTER.version}",
            "controller/image/digest",
            DIGEST,
        ),
    ),
    charts.KEDA: _images(
        (_KEDA.format("keda"), "image/keda/tag"),
        (_KEDA.format("keda-metrics-apiserver"), "image/metricsApiServer/tag"),
        (_KEDA.format("keda-admission-webhooks"), "image/webhooks/tag"),
    ),
    charts.KUBE_PROMETHEUS_STACK: _images(
        (
            "quay.io/prometheus/prometheus:v3.14.0-distroless",
            "prometheus/prometheusSpec/image/sha",
            SHA,
        ),
        (
            "quay.io/prometheus/alertmanager:v0.34.0",
            "alertmanager/alertmanagerSpec/image/sha",
            SHA,
        ),
        (
            "quay.io/prometheus-operator/prometheus-operator:v0.93.1",
            "prometheusOperator/image/sha",
            SHA,
        ),
        (
            "quay.io/prometheus-operator/prometheus-config-reloader:v0.93.1",
            "prometheusOperator/prometheusConfigReloader/image/sha",
            SHA,
        ),
        (
            "ghcr.io/jkroepke/kube-webhook-certgen:1.8.7",
            "prometheusOperator/admissionWebhooks/patch/image/sha",
            SHA,
        ),
        (
            "registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.20.0",
            "kube-state-metrics/image/sha",
            SHA,
        ),
        (
            "quay.io/prometheus/node-exporter:v1.12.1-distroless",
            "prometheus-node-exporter/image/digest",
            DIGEST,
        ),
        ("docker.io/grafana/grafana:13.2.0", "grafana/image/sha", SHA),
        ("quay.io/kiwigrid/k8s-sidecar:2.10.1", "grafana/sidecar/image/sha", SHA),
    ),
    charts.LOAD_BALANCER_CONTROLLER: _images(
        (
            "public.ecr.aws/eks/aws-load-balancer-controller:v3.5.0",
            "image/tag",
        ),
    ),
    charts.LOKI: _images(("docker.io/grafana/loki:3.7.6", "loki/image/digest", DIGEST)),
    charts.TEMPO: _images(("docker.io/grafana/tempo:2.10.8", "tempo/tag")),
}
"""All that run; what a chart brings and we leave out is not among them."""


def pinned(chart: Chart, values: Mapping[str, Any], digests: Mapping[str, str]) -> dict[str, Any]:
    """The values with a digest for each image of the chart that has one."""
    result = dict(values)
    for image in IMAGES.get(chart, ()):
        if image.name in digests:
            result = _set(result, image.key, image.value(digests[image.name]))
    return result


def unpinned(used: Sequence[Chart], digests: Mapping[str, str]) -> Sequence[str]:
    """Images of these charts, and of our own pods, that go by their tags."""
    names = {image.name for chart in used for image in IMAGES.get(chart, ())}
    names |= {image.name for image in OURS}
    return sorted(names - digests.keys())


def _set(values: Mapping[str, Any], key: tuple[str, ...], value: str) -> dict[str, Any]:
    first, *rest = key
    below = _set(values.get(first, {}), tuple(rest), value) if rest else value
    return {**values, first: below}
