"""What the add-ons that EKS installs are told, each in the words of its own schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from components.pods import spread

EVERYWHERE: Final = ({"operator": "Exists"},)
"""Also on nodes that keep everything else off."""


def vpc_cni() -> Mapping[str, Any]:
    """Its schema takes text for true and for numbers alike."""
    return {
        # Without it objects of that kind are taken and do nothing.
        "enableNetworkPolicy": "true",
        # Addresses by sixteens: a node runs out of pods before it runs out of addresses.
        "env": {"ENABLE_PREFIX_DELEGATION": "true", "WARM_PREFIX_TARGET": "1"},
    }


def coredns(node_labels: Mapping[str, str], replicas: int) -> Mapping[str, Any]:
    return {
        "replicaCount": replicas,
        "nodeSelector": dict(node_labels),
        "topologySpreadConstraints": spread({"k8s-app": "kube-dns"}),
    }


def ebs_csi(node_labels: Mapping[str, str]) -> Mapping[str, Any]:
    return {
        "controller": {"nodeSelector": dict(node_labels)},
        "node": {"tolerateAllTaints": True},
    }


def efs_csi(node_labels: Mapping[str, str]) -> Mapping[str, Any]:
    return {
        "controller": {"nodeSelector": dict(node_labels)},
        "node": {"tolerations": list(EVERYWHERE)},
    }


def metrics_server(node_labels: Mapping[str, str]) -> Mapping[str, Any]:
    return {"nodeSelector": dict(node_labels)}


def node_monitoring() -> Mapping[str, Any]:
    """Of kernel, disks, network and container runtime; not of GPUs. For those it runs a DCGM
    engine beside the exporter's, and of two on one GPU only one can profile; and once it has
    failed to reach its own, a node counts as broken until it is replaced (#256 and #266 of
    aws/eks-node-monitoring-agent). The exporter's counters show faults of GPUs."""
    return {
        "nodeAgent": {
            "tolerations": list(EVERYWHERE),
            "monitors": {"nvidia": {"enabled": False}, "neuron": {"enabled": False}},
        }
    }


def cloudwatch() -> Mapping[str, Any]:
    """What containers and nodes use, and no more: logs and GPUs have their own collectors, and a
    second one of either would be paid for, or quarrel with the first."""
    off = {"enabled": False}
    return {each: off for each in ("containerLogs", "dcgmExporter", "neuronMonitor")}
