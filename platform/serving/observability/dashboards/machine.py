"""What models run on: GPUs, nodes, disks."""

from __future__ import annotations

from typing import Final

from serving.observability import gpus
from serving.observability.dashboard import Dashboard, Question, uid

GPU: Final = Dashboard(
    uid=uid("gpu"),
    title="GPU: use, memory, faults",
    questions=[
        Question(
            title="Busy",
            expressions={
                "{{namespace}}/{{pod}} {{Hostname}} {{gpu}}": "DCGM_FI_PROF_GR_ENGINE_ACTIVE"
            },
            unit="percentunit",
        ),
        Question(
            title="Memory in use",
            expressions={
                "{{namespace}}/{{pod}} {{Hostname}} {{gpu}}": (
                    "DCGM_FI_DEV_FB_USED / "
                    "(DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE + DCGM_FI_DEV_FB_RESERVED)"
                )
            },
            unit="percentunit",
        ),
        Question(
            title="Last fault (XID)",
            expressions={"{{Hostname}} {{gpu}}": "DCGM_FI_DEV_XID_ERRORS > 0"},
        ),
        Question(
            title="Broken, and out of use",
            expressions={
                "broken {{node}}": f"{gpus.BROKEN} == 1",
                "out of use {{node}}": f'kube_node_spec_taint{{key="{gpus.QUARANTINE}"}}',
            },
        ),
        Question(
            title="Held back by heat or power",
            expressions={
                "heat {{Hostname}} {{gpu}}": "rate(DCGM_FI_DEV_THERMAL_VIOLATION[5m]) / 1e9",
                "power {{Hostname}} {{gpu}}": "rate(DCGM_FI_DEV_POWER_VIOLATION[5m]) / 1e9",
            },
            unit="percentunit",
        ),
        Question(
            title="Cost of a request beside others, by its cost alone",
            expressions={
                "{{model}}": (
                    f"avg_over_time({gpus.SHARED_TIME}[30m]) / avg_over_time({gpus.ALONE_TIME}[1d])"
                )
            },
        ),
    ],
    logs='{namespace=~"gpu-operator|node-health"}',
)

NODE: Final = Dashboard(
    uid=uid("node"),
    title="Node: health and room",
    questions=[
        Question(
            title="Not ready",
            expressions={
                "{{node}} {{condition}}": (
                    'kube_node_status_condition{condition=~".*Ready",status!="true"} == 1'
                )
            },
        ),
        Question(
            title="CPU in use",
            expressions={
                "{{instance}}": (
                    '1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m]))'
                )
            },
            unit="percentunit",
        ),
        Question(
            title="Memory in use",
            expressions={
                "{{instance}}": "1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes"
            },
            unit="percentunit",
        ),
        Question(
            title="GPUs that can be asked for, and that are",
            expressions={
                "there": 'sum(kube_node_status_allocatable{resource="nvidia_com_gpu"})',
                "asked for": (
                    'sum(kube_pod_container_resource_requests{resource="nvidia_com_gpu"})'
                ),
            },
        ),
    ],
    logs='{namespace=~"cluster-autoscaler|karpenter|node-health"}',
)

STORAGE: Final = Dashboard(
    uid=uid("storage"),
    title="Storage: disks, and how long models load",
    questions=[
        Question(
            title="How long a model loads",
            expressions={"{{model}} {{version}}": "nv_model_load_duration_secs"},
            unit="s",
        ),
        Question(
            title="Volumes in use",
            expressions={
                "{{namespace}}/{{persistentvolumeclaim}}": (
                    "kubelet_volume_stats_used_bytes / kubelet_volume_stats_capacity_bytes"
                )
            },
            unit="percentunit",
        ),
        Question(
            title="Claims without a volume",
            expressions={
                "{{namespace}}/{{persistentvolumeclaim}}": (
                    'kube_persistentvolumeclaim_status_phase{phase!="Bound"} == 1'
                )
            },
        ),
        Question(
            title="Nodes' disks in use",
            expressions={
                "{{instance}} {{mountpoint}}": (
                    "1 - node_filesystem_avail_bytes / node_filesystem_size_bytes"
                )
            },
            unit="percentunit",
        ),
    ],
    logs='{namespace="kube-system",app=~".*csi.*"}',
)
