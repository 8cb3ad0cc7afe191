"""Where requests come in, and who may speak to whom."""

from __future__ import annotations

from typing import Final

from serving.observability.dashboard import Dashboard, Question, uid
from serving.observability.dialect import GATEWAY_WORKLOAD

_GATEWAY: Final = f'reporter="source",source_workload="{GATEWAY_WORKLOAD}"'
_MODEL: Final = "{{destination_service_name}}"
_DURATION: Final = "istio_request_duration_milliseconds_bucket"


def _quantile(share: float, where: str, by: str) -> str:
    rate = f"rate({_DURATION}{{{where}}}[5m])"
    return f"histogram_quantile({share}, sum by (le, {by}) ({rate}))"


GATEWAY: Final = Dashboard(
    uid=uid("gateway"),
    title="Gateway: what callers meet",
    questions=[
        Question(
            title="Requests",
            expressions={
                f"{_MODEL} {{{{response_code}}}}": (
                    "sum by (destination_service_name, response_code) "
                    f"(rate(istio_requests_total{{{_GATEWAY}}}[5m]))"
                )
            },
            unit="reqps",
        ),
        Question(
            title="Failed, of all",
            expressions={
                _MODEL: (
                    "sum by (destination_service_name) "
                    f'(rate(istio_requests_total{{{_GATEWAY},response_code=~"5.."}}[5m])) / '
                    "sum by (destination_service_name) "
                    f"(rate(istio_requests_total{{{_GATEWAY}}}[5m]))"
                )
            },
            unit="percentunit",
        ),
        Question(
            title="How long",
            expressions={
                f"p{share * 100:g} {_MODEL}": _quantile(share, _GATEWAY, "destination_service_name")
                for share in (0.5, 0.95, 0.99)
            },
            unit="ms",
        ),
        Question(
            title="Why the gateway itself gave up",
            expressions={
                "{{response_flags}}": (
                    "sum by (response_flags) "
                    f'(rate(istio_requests_total{{{_GATEWAY},response_flags!="-"}}[5m]))'
                )
            },
            unit="reqps",
        ),
        Question(
            title="Proxies",
            expressions={
                "ready": 'kube_deployment_status_replicas_available{namespace="istio-ingress"}',
                "wanted": 'kube_deployment_spec_replicas{namespace="istio-ingress"}',
            },
        ),
    ],
    logs='{namespace="istio-ingress"} | json | status >= 500',
)

MESH: Final = Dashboard(
    uid=uid("mesh"),
    title="Mesh: who may speak to whom",
    questions=[
        Question(
            title="Without mTLS",
            expressions={
                "{{destination_workload}}": (
                    "sum by (destination_workload) (rate(istio_requests_total"
                    '{reporter="destination",connection_security_policy!="mutual_tls"}[5m]))'
                )
            },
            unit="reqps",
        ),
        Question(
            title="Refused by a policy",
            expressions={
                "{{source_workload}} → {{destination_workload}}": (
                    "sum by (source_workload, destination_workload) (rate(istio_requests_total"
                    '{reporter="destination",response_code="403"}[5m]))'
                )
            },
            unit="reqps",
        ),
        Question(
            title="Control plane",
            expressions={
                "ready": ('kube_deployment_status_replicas_available{namespace="istio-system"}'),
                "wanted": 'kube_deployment_spec_replicas{namespace="istio-system"}',
            },
        ),
        Question(
            title="Nodes without the mesh's plugin",
            expressions={
                "{{daemonset}}": ('kube_daemonset_status_number_unavailable{namespace="istio-cni"}')
            },
        ),
    ],
    logs='{namespace="istio-system"} |~ "(?i)error|warn"',
)
