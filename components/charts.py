"""Every Helm chart: its name, where it is published, its version. The one place to bump one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Chart:
    name: str
    repository: str
    """`https://…` of an index, or `oci://…` of the folder that the chart lies in."""
    version: str


_GRAFANA: Final = "https://grafana.github.io/helm-charts"
_GRAFANA_COMMUNITY: Final = "https://grafana-community.github.io/helm-charts"
_ISTIO: Final = "https://istio-release.storage.googleapis.com/charts"
_KARPENTER: Final = "oci://public.ecr.aws/karpenter"

ALLOY: Final = Chart(name="alloy", repository=_GRAFANA, version="1.11.1")
ARGO_CD: Final = Chart(
    name="argo-cd", repository="https://argoproj.github.io/argo-helm", version="10.1.1"
)
CERT_MANAGER: Final = Chart(
    name="cert-manager", repository="https://charts.jetstack.io", version="v1.21.1"
)
CLUSTER_AUTOSCALER: Final = Chart(
    name="cluster-autoscaler",
    repository="https://kubernetes.github.io/autoscaler",
    version="9.59.0",
)
EXTERNAL_SECRETS: Final = Chart(
    name="external-secrets", repository="https://charts.external-secrets.io", version="2.9.0"
)
GPU_OPERATOR: Final = Chart(
    name="gpu-operator", repository="https://helm.ngc.nvidia.com/nvidia", version="v26.3.3"
)
ISTIO_BASE: Final = Chart(name="base", repository=_ISTIO, version="1.30.3")
ISTIO_CNI: Final = Chart(name="cni", repository=_ISTIO, version="1.30.3")
ISTIO_GATEWAY: Final = Chart(name="gateway", repository=_ISTIO, version="1.30.3")
ISTIOD: Final = Chart(name="istiod", repository=_ISTIO, version="1.30.3")
KARPENTER: Final = Chart(name="karpenter", repository=_KARPENTER, version="1.14.1")
KARPENTER_CRDS: Final = Chart(name="karpenter-crd", repository=_KARPENTER, version="1.14.1")
KEDA: Final = Chart(name="keda", repository="https://kedacore.github.io/charts", version="2.20.2")
KUBE_PROMETHEUS_STACK: Final = Chart(
    name="kube-prometheus-stack",
    repository="https://prometheus-community.github.io/helm-charts",
    version="88.5.3",
)
LOAD_BALANCER_CONTROLLER: Final = Chart(
    name="aws-load-balancer-controller",
    repository="https://aws.github.io/eks-charts",
    version="3.5.0",
)
LOKI: Final = Chart(name="loki", repository=_GRAFANA_COMMUNITY, version="18.11.0")
TEMPO: Final = Chart(name="tempo", repository=_GRAFANA_COMMUNITY, version="2.2.4")
