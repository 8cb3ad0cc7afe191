"""The pods that copy models onto the nodes that they run on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pulumi

from components.pods import RESTRICTED_POD
from components.python_program import container, volumes
from components.surroundings import Surroundings

NAME: Final = "prefetch"

KEPT: Final = "kept"
"""The ConfigMap of what is still served, which comes later."""

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
                "containers": [
                    container(
                        NAME,
                        "prefetch.py",
                        around,
                        {
                            "WANTED": "/wanted/wanted.json",
                            "KEPT": "/kept/kept.json",
                            "SOURCE": "/source",
                            "CACHE": "/cache",
                        },
                        {"wanted": False, "kept": False, "source": False, "cache": True},
                    )
                ],
                "volumes": [
                    *volumes(script),
                    {"name": "wanted", "config_map": {"name": wanted}},
                    {"name": "kept", "config_map": {"name": KEPT, "optional": True}},
                    {
                        "name": "source",
                        "persistent_volume_claim": {"claim_name": source, "read_only": True},
                    },
                    {
                        "name": "cache",
                        "host_path": {"path": ON_THE_NODE, "type": "DirectoryOrCreate"},
                    },
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
