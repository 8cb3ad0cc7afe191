"""The pods that copy models onto the nodes that they run on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pulumi

from components.images import PYTHON
from components.pods import RESTRICTED_CONTAINER, RESTRICTED_POD, resources
from components.surroundings import Surroundings

NAME: Final = "prefetch"

ON_THE_NODE: Final = "/var/lib/kubelet/plugins/serving.model-cache"
"""Below the kubelet's folder, which lies on a node's own fast disks where it has some."""


def daemon_set(
    around: Surroundings,
    script: pulumi.Input[str],
    wanted: pulumi.Input[str],
    source: pulumi.Input[str],
) -> Any:
    labels = {"app.kubernetes.io/name": NAME}
    return {
        "selector": {"match_labels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "automount_service_account_token": False,
                "affinity": elsewhere(around.node_labels),
                "tolerations": [{"operator": "Exists"}],
                "security_context": {
                    # The node's folders are root's. It has none of root's powers beside.
                    "run_as_user": 0,
                    "seccomp_profile": RESTRICTED_POD["seccompProfile"],
                },
                "containers": [container(around)],
                "volumes": [
                    {"name": "program", "config_map": {"name": script}},
                    {"name": "wanted", "config_map": {"name": wanted}},
                    {
                        "name": "source",
                        "persistent_volume_claim": {"claim_name": source, "read_only": True},
                    },
                    {
                        "name": "cache",
                        "host_path": {"path": ON_THE_NODE, "type": "DirectoryOrCreate"},
                    },
                    {"name": "scratch", "empty_dir": {"size_limit": "1Mi"}},
                ],
            },
        },
    }


def elsewhere(node_labels: Mapping[str, str]) -> Any:
    """On every node but those that carry everything but inference."""
    others = [
        {"key": key, "operator": "NotIn", "values": [value]} for key, value in node_labels.items()
    ]
    return {
        "node_affinity": {
            "required_during_scheduling_ignored_during_execution": {
                "node_selector_terms": [{"match_expressions": others}]
            }
        }
    }


def container(around: Surroundings) -> Any:
    program = ["python", "/program/prefetch.py"]
    return {
        "name": NAME,
        "image": PYTHON.reference(around.digests),
        "command": program,
        "env": [
            {"name": "WANTED", "value": "/wanted/wanted.json"},
            {"name": "SOURCE", "value": "/source"},
            {"name": "CACHE", "value": "/cache"},
            {"name": "ALIVE", "value": "/scratch/alive"},
        ],
        "liveness_probe": {
            "exec_": {"command": [*program, "--alive"]},
            "initial_delay_seconds": 60,
            "period_seconds": 60,
            "timeout_seconds": 5,
        },
        "resources": resources("10m", "64Mi"),
        "security_context": {
            "allow_privilege_escalation": False,
            "capabilities": RESTRICTED_CONTAINER["capabilities"],
            "read_only_root_filesystem": True,
        },
        "volume_mounts": [
            {"name": "program", "mount_path": "/program", "read_only": True},
            {"name": "wanted", "mount_path": "/wanted", "read_only": True},
            {"name": "source", "mount_path": "/source", "read_only": True},
            {"name": "cache", "mount_path": "/cache"},
            {"name": "scratch", "mount_path": "/scratch"},
        ],
    }
