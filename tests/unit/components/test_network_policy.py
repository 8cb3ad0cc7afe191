from __future__ import annotations

from typing import Any

import pytest

from components import (
    cluster_autoscaler,
    external_secrets,
    karpenter,
    keda,
    load_balancer_controller,
    loki,
    tempo,
)  # fmt: skip
from components.cluster_autoscaler import ClusterAutoscaler
from components.external_secrets import ExternalSecrets
from components.karpenter import Karpenter
from components.keda import Keda
from components.load_balancer_controller import LoadBalancerController
from components.loki import Loki
from components.mesh import Mesh
from components.monitoring import Monitoring
from components.network_policy import into, out_to
from components.tempo import Tempo
from tests.unit import rendered
from tests.unit.components.installing import INTERNET, installed
from tests.unit.components.network import Pod, allowed

AGENT = "169.254.170.23"
METADATA = "169.254.169.254"

WITH_ROLES = {
    ClusterAutoscaler: Pod(namespace=cluster_autoscaler.NAMESPACE),
    ExternalSecrets: Pod(namespace=external_secrets.NAMESPACE),
    Karpenter: Pod(namespace=karpenter.NAMESPACE),
    Keda: Pod(namespace=keda.NAMESPACE),
    LoadBalancerController: Pod(namespace=load_balancer_controller.NAMESPACE),
    Loki: Pod(namespace=loki.NAMESPACE),
    Monitoring: Pod(namespace="monitoring", labels={"app.kubernetes.io/name": "alertmanager"}),
    Tempo: Pod(namespace=tempo.NAMESPACE),
}


@pytest.mark.parametrize("component", WITH_ROLES, ids=lambda each: each.__name__)
def test_who_has_a_role_reaches_aws_and_whoever_hands_the_role_out(component: type[Any]) -> None:
    """SEC-1: over HTTPS, with IRSA; from the node's agent, with Pod Identity; and never from the
    instance's metadata."""
    found, pod = rendered.policies(installed(component)), WITH_ROLES[component]
    assert allowed(found, pod, INTERNET, 443)
    assert allowed(found, pod, AGENT, 80)
    assert not allowed(found, pod, AGENT, 443 + 1)
    assert not allowed(found, pod, METADATA, 80)
    assert not allowed(found, pod, INTERNET, 80)


@pytest.mark.parametrize("name", ["prometheus", "grafana", "kube-state-metrics"])
def test_what_stands_beside_alertmanager_has_no_role(name: str) -> None:
    pod = Pod(namespace="monitoring", labels={"app.kubernetes.io/name": name})
    assert not allowed(rendered.policies(installed(Monitoring)), pod, AGENT, 80)


def test_nor_has_the_mesh() -> None:
    pod = Pod(namespace="istio-system", labels={"app": "istiod"})
    assert not allowed(rendered.policies(installed(Mesh)), pod, AGENT, 80)


@pytest.mark.parametrize("policy", [into, out_to])
def test_a_list_of_nobody_is_refused(policy: Any) -> None:
    """Kubernetes takes it for everybody."""
    with pytest.raises(ValueError, match="an empty list lets everybody through"):
        policy(ports=[443])
