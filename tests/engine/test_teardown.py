"""What is taken away before what, as the real engine does it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import yaml
from pulumi import automation as auto

from tests.engine.conftest import Engine, state_of

pytestmark = pytest.mark.engine

SERVICE = "kubernetes:core/v1:Service::gateway"
RELEASE = "kubernetes:helm.sh/v3:Release::"
POLICY = "aws:iam/rolePolicy:RolePolicy::"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation::"

ORDER = [
    # the load balancer, before what takes it away and the network that it lies in
    (SERVICE, f"{RELEASE}load-balancers-aws-load-balancer-controller"),
    (SERVICE, f"{RELEASE}gateway-istio-ingressgateway"),
    (SERVICE, "aws:eks/nodeGroup:NodeGroup::system-us-east-1a"),
    (SERVICE, "aws:ec2/subnet:Subnet::vpc-public-us-east-1a"),
    # and before what lets that take it away
    (SERVICE, f"{POLICY}load-balancer-controller-work"),
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

POOL = "kubernetes:karpenter.sh/v1:NodePool::node-scaling-gpu-vllm"
NODES = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass::node-scaling-gpu-vllm-nodes"

ORDER_WITH_KARPENTER = [
    # nodes, before what ends them, and before what lets it end them and hear of those that end
    (POOL, NODES),
    *(
        (kind, after)
        for kind in (POOL, NODES)
        for after in (
            f"{RELEASE}node-scaling-karpenter",
            f"{POLICY}karpenter-work",
            f"{ASSOCIATION}karpenter",
            "aws:sqs/queue:Queue::interruptions",
            "aws:iam/role:Role::nodes",
            "aws:eks/nodeGroup:NodeGroup::system-us-east-1a",
        )
    ),
    (SERVICE, f"{POLICY}load-balancer-controller-work"),
    (SERVICE, f"{ASSOCIATION}load-balancer-controller"),
]
"""Pitfall 29."""


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


def destroyed(stack: auto.Stack) -> Removals:
    stack.up()
    removals = Removals()
    stack.destroy(on_event=removals)
    assert state_of(stack) == []
    return removals


def test_everything_goes_before_what_it_needs_to_go(engine: Engine) -> None:
    removals = destroyed(engine.stack("dev"))
    assert [pair for pair in ORDER if not removals.goes_before(*pair)] == []


def test_nodes_of_karpenter_go_while_it_may_still_end_them(engine: Engine) -> None:
    """Also where EKS gives its pods their role."""
    file = engine.project("dev") / "Pulumi.dev.yaml"
    described = yaml.safe_load(file.read_text(encoding="utf-8"))
    described["config"]["serving:cluster"] |= {
        "autoscaler": "karpenter", "identity": "pod-identity",
    }  # fmt: skip
    file.write_text(yaml.safe_dump(described), encoding="utf-8")
    removals = destroyed(engine.stack("dev"))
    assert [pair for pair in ORDER_WITH_KARPENTER if not removals.goes_before(*pair)] == []
