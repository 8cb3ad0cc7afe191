"""GPUs as something that pods can ask for, share and be measured by: NVIDIA's operator."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi

from components.addon import Addon, AddonArgs, Installation
from components.charts import GPU_OPERATOR
from components.network_policy import from_monitoring, to_api_server
from components.pods import resources
from components.surroundings import Surroundings

NAMESPACE: Final = "gpu-operator"
EXPORTER_PORT: Final = 9400
OPERATOR_PORT: Final = 8080

PROFILE_LABEL: Final = "nvidia.com/device-plugin.config"
"""Of a node: which of the profiles its GPUs are offered by."""
WHOLE: Final = "whole"
"""The profile of nodes without that label."""

MIG_LABEL: Final = "nvidia.com/mig.config"
"""Of a node: how its GPUs are cut into parts."""


def time_slicing_profile(replicas: int) -> str:
    return f"shared-{replicas}"


def mig_config(profile: str) -> str:
    """All GPUs of a node in equal parts, by the name that the operator knows it by."""
    return f"all-{profile}"


@dataclass(frozen=True, kw_only=True)
class GpuOperatorArgs:
    surroundings: Surroundings
    device_plugin: bool = True
    """False where the nodes' image brings one, as Bottlerocket's does: two would quarrel."""
    mig: bool = False
    """Whether any node's GPUs are cut into parts."""
    time_slicing: Mapping[str, int] = field(default_factory=dict)
    """Profile → how many pods share each GPU of the nodes that carry its name."""
    counters: str
    """What the exporter measures, in its own CSV."""
    taints: Sequence[str] = ("nvidia.com/gpu",)
    """Keys of the taints of nodes with GPUs: all that there are, also of those out of use, which
    are not let in again before somebody has measured them."""

    def __post_init__(self) -> None:
        for profile, replicas in self.time_slicing.items():
            if replicas < 2 or profile == WHOLE:
                raise ValueError(f"time_slicing must share by 2 or more, got {profile}: {replicas}")


class GpuOperator(pulumi.ComponentResource):
    namespace: pulumi.Output[str]

    def __init__(
        self, name: str, args: GpuOperatorArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:GpuOperator", name, None, opts)
        around = args.surroundings

        addon = Addon(
            name,
            AddonArgs(
                surroundings=around,
                namespace=NAMESPACE,
                security="privileged",
                passes={
                    "api-server": to_api_server(around),
                    "metrics": from_monitoring(around, EXPORTER_PORT, OPERATOR_PORT),
                },
                releases={
                    "gpu-operator": Installation(
                        chart=GPU_OPERATOR, values=values(args), brings_kinds_by_hook=True
                    )
                },
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.namespace = addon.namespace
        self.register_outputs({"namespace": self.namespace})


def values(args: GpuOperatorArgs) -> dict[str, Any]:
    nodes = dict(args.surroundings.node_labels)
    tolerations = [
        {"key": key, "operator": "Exists", "effect": "NoSchedule"} for key in args.taints
    ]
    return {
        "daemonsets": {"tolerations": tolerations},
        # The nodes' image has both, and a second driver would not load.
        "driver": {"enabled": False},
        "toolkit": {"enabled": False},
        "devicePlugin": device_plugin(args),
        "mig": {"strategy": "mixed"},
        "migManager": {
            "enabled": args.mig,
            # GPUs in the cloud cannot be reset one by one.
            "env": [{"name": "WITH_REBOOT", "value": "true"}],
        },
        "dcgmExporter": {
            "config": {"create": True, "name": "dcgm-counters", "data": args.counters},
            # Labels are those of the pod that uses the GPU, not of the exporter.
            "serviceMonitor": {"enabled": True, "interval": "15s", "honorLabels": True},
            "resources": resources("50m", "512Mi"),
        },
        # The exporter has an engine of its own, and two on one GPU disturb each other.
        "dcgm": {"enabled": False},
        "operator": {"nodeSelector": nodes, "resources": resources("100m", "512Mi")},
        "node-feature-discovery": {
            "worker": {"tolerations": tolerations},
            "master": {"nodeSelector": nodes, "resources": resources("20m", "128Mi")},
            "gc": {"nodeSelector": nodes, "resources": resources("10m", "64Mi")},
        },
    }


def device_plugin(args: GpuOperatorArgs) -> dict[str, Any]:
    if not args.device_plugin:
        return {"enabled": False}
    profiles = {WHOLE: {"version": "v1"}}
    profiles |= {profile: time_slices(replicas) for profile, replicas in args.time_slicing.items()}
    return {
        "enabled": True,
        "config": {
            "create": True,
            "name": "device-plugin-profiles",
            # Without a default, a profile that is the only one would hold for every node.
            "default": WHOLE,
            "data": {name: json.dumps(content) for name, content in profiles.items()},
        },
    }


def time_slices(replicas: int) -> dict[str, Any]:
    """A pod that asks for two of them would not get more of a GPU than one that asks for one."""
    return {
        "version": "v1",
        "sharing": {
            "timeSlicing": {
                "failRequestsGreaterThanOne": True,
                "resources": [{"name": "nvidia.com/gpu", "replicas": replicas}],
            }
        },
    }
