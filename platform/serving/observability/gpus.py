"""Rules about GPUs and their nodes: which are broken, and which are slow for their neighbours."""

from __future__ import annotations

from typing import Any, Final

from serving.observability.dashboard import address

BROKEN: Final = "serving:gpu_broken:max"
"""By node: 1 while a GPU of it must not be used, 0 while all are sound, and nothing of a node whose
exporter says nothing. What takes nodes out of use asks for it."""

SHARED_TIME: Final = "serving:gpu_shared_compute_us:avg5m"
ALONE_TIME: Final = "serving:gpu_alone_compute_us:avg5m"
"""By GPU and model: what one request costs the GPU, while others use it too and while none does."""

QUARANTINE: Final = "gpu-quarantine"
"""Key of the taint of a node that was taken out of use."""

OF_PROGRAMS: Final = (13, 31, 43, 45, 68, 109)
"""XIDs that a program brings about and that leave the GPU sound, as NVIDIA's device plugin has it
(NVIDIA/k8s-device-plugin v0.19.3, internal/rm/health.go)."""

SLOWER: Final = 1.3

_BY_NODE: Final = 'label_replace({}, "node", "$1", "Hostname", "(.+)")'


def rules() -> list[dict[str, Any]]:
    return [_broken(), *_interference(), *_alerts()]


def _broken() -> dict[str, Any]:
    programs = " or ".join(f"DCGM_FI_DEV_XID_ERRORS == {xid}" for xid in OF_PROGRAMS)
    faults = (
        f"((DCGM_FI_DEV_XID_ERRORS > 0) unless ({programs})) > bool 0",
        "(DCGM_FI_DEV_ROW_REMAP_FAILURE > 0) > bool 0",
        "(increase(DCGM_FI_DEV_ECC_DBE_VOL_TOTAL[1h]) > 0) > bool 0",
    )
    sound = "0 * max by (Hostname) (DCGM_FI_DEV_XID_ERRORS)"
    any_of_them = " or ".join([*(f"max by (Hostname) ({fault})" for fault in faults), sound])
    return {"record": BROKEN, "expr": f"max by (node) ({_BY_NODE.format(any_of_them)})"}


def _interference() -> list[dict[str, Any]]:
    by = "gpu_uuid, model"
    own = f"sum by ({by}) (rate(nv_inference_count[5m]))"
    all_of_them = "sum by (gpu_uuid) (rate(nv_inference_count[5m]))"
    cost = f"sum by ({by}) (rate(nv_inference_compute_infer_duration_us[5m])) / ({own} > 0)"
    others = f"({all_of_them} - on (gpu_uuid) group_right () {own})"
    return [
        {"record": SHARED_TIME, "expr": f"({cost}) and ({others} > 0.1)"},
        {"record": ALONE_TIME, "expr": f"({cost}) unless ({others} > 0.1)"},
    ]


def _alerts() -> list[dict[str, Any]]:
    return [
        _alert(
            "GpuBroken",
            f"{BROKEN} == 1",
            severity="page",
            layer="gpu",
            summary="a GPU of {{ $labels.node }} is broken",
            description=(
                "It reported a fault of the hardware or the driver (XID, ECC, row remapping). Its "
                "node takes no new pods; those on it may fail or answer wrongly."
            ),
        ),
        _alert(
            "GpuQuarantineHolds",
            f'kube_node_spec_taint{{key="{QUARANTINE}"}} == 1',
            wait="1h",
            severity="ticket",
            layer="gpu",
            summary="{{ $labels.node }} has been out of use for an hour",
            description="Nothing has repaired or replaced it, and it is paid for.",
        ),
        _alert(
            "GpuQuarantineRefused",
            f'{BROKEN} == 1 unless on (node) kube_node_spec_taint{{key="{QUARANTINE}"}} == 1',
            wait="10m",
            severity="page",
            layer="gpu",
            summary="{{ $labels.node }} is broken and still takes pods",
            description=(
                "So many nodes of its pool are out of use that no more are taken, or what takes "
                "them is itself not running."
            ),
        ),
        _alert(
            "GpuNeighboursSlowModel",
            f"avg_over_time({SHARED_TIME}[30m]) / avg_over_time({ALONE_TIME}[1d]) > {SLOWER}",
            wait="15m",
            severity="ticket",
            layer="gpu",
            summary="{{ $labels.model }} is slower while others use its GPU",
            description=(
                "A request of it takes {{ $value | humanize }} times as much of the GPU's time as "
                "when it is alone there."
            ),
        ),
    ]


def _alert(
    name: str,
    expression: str,
    *,
    severity: str,
    layer: str,
    summary: str,
    description: str,
    wait: str | None = None,
) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": expression,
        **({"for": wait} if wait else {}),
        "labels": {"severity": severity, "layer": layer},
        "annotations": {
            "summary": summary,
            "description": description,
            "runbook": f"docs/runbooks/{name}.md",
            "dashboard": address(layer),
        },
    }
