"""What is taken away before what, as the real engine does it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from pulumi import automation as auto

from tests.engine.conftest import Engine, state_of

pytestmark = pytest.mark.engine

SERVICE = "kubernetes:core/v1:Service::gateway"
RELEASE = "kubernetes:helm.sh/v3:Release::"

ORDER = [
    # the load balancer, before what takes it away and the network that it lies in
    (SERVICE, f"{RELEASE}load-balancers-aws-load-balancer-controller"),
    (SERVICE, f"{RELEASE}gateway-istio-ingressgateway"),
    (SERVICE, "aws:eks/nodeGroup:NodeGroup::system-us-east-1a"),
    (SERVICE, "aws:ec2/subnet:Subnet::vpc-public-us-east-1a"),
    # objects, before the charts that bring their kinds and answer for them
    (
        "kubernetes:security.istio.io/v1:PeerAuthentication::mesh-control-strict-mtls",
        f"{RELEASE}mesh-control-istiod",
    ),
    ("kubernetes:cert-manager.io/v1:Certificate::gateway-certificate",
     f"{RELEASE}certificates-cert-manager"),
    ("kubernetes:external-secrets.io/v1:ExternalSecret::monitoring-grafana-admin",
     "kubernetes:external-secrets.io/v1:ClusterSecretStore::secrets-store"),
    ("kubernetes:external-secrets.io/v1:ClusterSecretStore::secrets-store",
     f"{RELEASE}secrets-external-secrets"),
    # whoever has a monitor, before the kind of monitors
    (f"{RELEASE}gpus-gpu-operator", f"{RELEASE}monitoring-kube-prometheus-stack"),
    (f"{RELEASE}logs-loki", f"{RELEASE}monitoring-kube-prometheus-stack"),
    (f"{RELEASE}mesh-control-istiod", f"{RELEASE}monitoring-kube-prometheus-stack"),
    (f"{RELEASE}mesh-control-istiod", f"{RELEASE}mesh-control-istio-base"),
    (f"{RELEASE}gateway-istio-ingressgateway", f"{RELEASE}mesh-control-istiod"),
    # volumes, before what makes them
    (f"{RELEASE}monitoring-kube-prometheus-stack",
     "kubernetes:storage.k8s.io/v1:StorageClass::storage"),
    # all of it, before the machines and the API server
    (f"{RELEASE}monitoring-kube-prometheus-stack",
     "aws:eks/nodeGroup:NodeGroup::system-us-east-1a"),
    ("kubernetes:core/v1:Namespace::monitoring", "aws:eks/cluster:Cluster::cluster-eksCluster"),
]  # fmt: skip
"""Pitfalls 38 and 39: what goes, before what."""


@dataclass(frozen=True)
class Removals:
    """Hears when the engine begins to delete a resource, and when it is gone."""

    heard: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, event: auto.EngineEvent) -> None:
        begun, done = event.resource_pre_event, event.res_outputs_event
        if begun and begun.metadata.op == "delete":
            self.heard.append(("begun", _short(begun.metadata.urn)))
        if done and done.metadata.op == "delete":
            self.heard.append(("gone", _short(done.metadata.urn)))

    def goes_before(self, first: str, then: str) -> bool:
        """Whether all of the first is gone before any of the other is touched."""
        gone = [at for at, heard in enumerate(self.heard) if heard == ("gone", first)]
        begun = [at for at, heard in enumerate(self.heard) if heard == ("begun", then)]
        assert gone, first
        assert begun, then
        return max(gone) < min(begun)


def _short(urn: str) -> str:
    """`type::name`, without the types of its parents."""
    _, _, types, name = urn.split("::")
    return f"{types.rpartition('$')[2]}::{name}"


def test_everything_goes_before_what_it_needs_to_go(engine: Engine) -> None:
    stack = engine.stack("dev")
    stack.up()
    removals = Removals()
    stack.destroy(on_event=removals)
    assert state_of(stack) == []
    assert [pair for pair in ORDER if not removals.goes_before(*pair)] == []
