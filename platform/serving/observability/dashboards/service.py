"""What was promised, and what the servers do about it."""

from __future__ import annotations

from typing import Final

from serving.observability import costs
from serving.observability.dashboard import Dashboard, Question, uid
from serving.observability.rules import FAILED, REQUESTS, SLOW

SERVICE: Final = Dashboard(
    uid=uid("service"),
    title="Service: promises and replicas",
    questions=[
        Question(
            title="Slower than promised, of all",
            expressions={"{{model}}": f"{SLOW}5m / ({REQUESTS}5m > 0)"},
            unit="percentunit",
        ),
        Question(
            title="Failed, of all",
            expressions={"{{model}}": f"{FAILED}5m / ({REQUESTS}5m > 0)"},
            unit="percentunit",
        ),
        Question(
            title="Replicas missing",
            expressions={
                "{{namespace}}/{{deployment}}": (
                    "kube_deployment_spec_replicas - kube_deployment_status_replicas_available > 0"
                )
            },
        ),
        Question(
            title="Restarts in an hour",
            expressions={
                "{{namespace}}/{{pod}} {{container}}": (
                    "increase(kube_pod_container_status_restarts_total[1h]) > 0"
                )
            },
        ),
        Question(
            title="Pods that find no node",
            expressions={"{{namespace}}": "sum by (namespace) (kube_pod_status_unschedulable)"},
        ),
        Question(
            title="What scaling asks for, and where it fails",
            expressions={
                "{{scaledObject}}": "keda_scaler_metrics_value",
                "errors {{scaledObject}}": "rate(keda_scaled_object_errors_total[5m])",
            },
        ),
        Question(
            title="1000 inferences, at the list's price",
            expressions={"{{model}}": costs.INFERENCES},
            unit="currencyUSD",
        ),
        Question(
            title="An hour, at the list's price",
            expressions={"{{model}}": costs.MODEL},
            unit="currencyUSD",
        ),
    ],
    logs='{model=~".+"} |~ "(?i)error|warn"',
)

SERVER: Final = Dashboard(
    uid=uid("server"),
    title="Server: Triton and vLLM",
    questions=[
        Question(
            title="Waiting",
            expressions={
                "{{model}} {{version}}": (
                    "sum by (model, version) (nv_inference_pending_request_count)"
                ),
                "{{model_name}} (vLLM)": "sum by (model_name) (vllm:num_requests_waiting)",
            },
        ),
        Question(
            title="How long a request waits",
            expressions={
                "{{model}} {{version}}": (
                    "sum by (model, version) (rate(nv_inference_queue_duration_us[5m])) / "
                    "(sum by (model, version) (rate(nv_inference_request_success[5m])) > 0) / 1000"
                )
            },
            unit="ms",
        ),
        Question(
            title="Failures",
            expressions={
                "{{model}} {{version}} {{reason}}": (
                    "sum by (model, version, reason) (rate(nv_inference_request_failure[5m]))"
                )
            },
            unit="reqps",
        ),
        Question(
            title="Requests in a batch",
            expressions={
                "{{model}} {{version}}": (
                    "sum by (model, version) (rate(nv_inference_count[5m])) / "
                    "(sum by (model, version) (rate(nv_inference_exec_count[5m])) > 0)"
                )
            },
        ),
        Question(
            title="Time to the first token (vLLM, p99)",
            expressions={
                "{{model_name}}": (
                    "histogram_quantile(0.99, sum by (le, model_name) "
                    "(rate(vllm:time_to_first_token_seconds_bucket[5m])))"
                )
            },
            unit="s",
        ),
        Question(
            title="Cache in use (vLLM)",
            expressions={"{{model_name}}": "max by (model_name) (vllm:kv_cache_usage_perc)"},
            unit="percentunit",
        ),
    ],
    logs='{container=~"triton|vllm"}',
)
