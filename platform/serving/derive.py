"""Everything that follows from a contract, by name: what a change of one field changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final, TypeAlias

from pydantic import JsonValue
from pydantic_core import to_jsonable_python

from serving.contract import triton_config, vllm
from serving.contract.consumption import cost_per_hour, quota_use
from serving.contract.fields import show_cpu, show_memory
from serving.contract.model import Environment, ModelContract, contract_digest
from serving.contract.placement import placement
from serving.contract.probes import probes
from serving.contract.runtime import CustomRuntime, TritonRuntime, VllmRuntime
from serving.contract.scaling import scaling_plan
from serving.observability.alerts import alerts
from serving.observability.dialect import ENVOY, ISTIO
from serving.observability.edges import histogram_edges
from serving.observability.rules import recording_rules

Artefact: TypeAlias = Callable[[ModelContract, int, Environment], Any]
"""Of a version's effective contract; None where its engine has no such thing."""


def derived(
    contract: ModelContract, version: int, environment: Environment
) -> Mapping[str, JsonValue]:
    """Artefact → its value, as JSON that can be compared."""
    effective = contract.at(version)
    values = {name: make(effective, version, environment) for name, make in ARTEFACTS.items()}
    return {name: to_jsonable_python(value) for name, value in values.items() if value is not None}


def _triton_files(contract: ModelContract, version: int, *, config: bool) -> dict[str, str] | None:
    if not isinstance(contract.runtime, TritonRuntime):
        return None
    return {
        path: content.decode() if config else f"sha256:{sha256(content).hexdigest()}"
        for path, content in triton_config.files(contract, version).items()
        if path.endswith("/config.pbtxt") == config
    }


def _server_arguments(contract: ModelContract, version: int) -> tuple[str, ...]:
    match contract.runtime:
        case TritonRuntime():
            return triton_config.server_args(contract, version)
        case VllmRuntime() as runtime:
            return vllm.args(contract.name, runtime)
        case CustomRuntime(command=command, args=args):
            return (*command, *args)


def _environment(contract: ModelContract) -> dict[str, str] | None:
    match contract.runtime:
        case VllmRuntime() as runtime:
            return vllm.environment(runtime)
        case CustomRuntime(env=env):
            return env
        case TritonRuntime():
            return None


def _adapters(contract: ModelContract) -> dict[str, Any] | None:
    runtime = contract.runtime
    if not isinstance(runtime, VllmRuntime) or not runtime.lora:
        return None
    folders = {slot: f"{vllm.ADAPTERS}/{slot}" for slot in runtime.lora.slots}
    return {
        "start-script": vllm.start_script(runtime),
        "image": runtime.lora.adapters_image,
        "folders": folders,
    }


def _golden_requests(contract: ModelContract) -> dict[str, Any] | None:
    if not isinstance(contract.runtime, TritonRuntime):
        return None
    return {name: model.golden for name, model in contract.runtime.models.items()}


def _request_limits(contract: ModelContract) -> dict[str, int] | None:
    runtime = contract.runtime
    return {"max_tokens": runtime.max_tokens} if isinstance(runtime, VllmRuntime) else None


def _repository(contract: ModelContract, version: int) -> dict[str, Any]:
    published = contract.versions.get(version)
    return {
        "repository": contract.repository,
        "folder": f"{contract.name}/{version}",
        "digest": published.digest if published else None,
        "contract": published.contract if published else None,
    }


def _container_resources(contract: ModelContract) -> dict[str, str]:
    resources, place = contract.resources, placement(contract)
    asked = {"cpu": show_cpu(resources.cpu), "memory": show_memory(resources.memory)}
    return asked | ({place.resource: str(place.resource_count)} if place.resource else {})


def _promotion(contract: ModelContract) -> dict[str, Any]:
    return {
        "rollout": contract.rollout,
        "slo": contract.slo,
        "gpu_memory": contract.resources.gpu_memory,
    }


ARTEFACTS: Final[Mapping[str, Artefact]] = {
    "config.pbtxt": lambda c, v, _: _triton_files(c, v, config=True),
    "warm-up": lambda c, v, _: _triton_files(c, v, config=False),
    "golden-requests": lambda c, v, _: _golden_requests(c),
    "contract-digest": lambda c, v, _: contract_digest(c, v),
    "image": lambda c, v, _: c.runtime.image,
    "server-arguments": lambda c, v, _: _server_arguments(c, v),
    "environment": lambda c, v, _: _environment(c),
    "adapters": lambda c, v, _: _adapters(c),
    "request-limits": lambda c, v, _: _request_limits(c),
    "repository": lambda c, v, _: _repository(c, v),
    "container-resources": lambda c, v, _: _container_resources(c),
    "probes": lambda c, v, _: probes(c, v),
    "scaling": lambda c, v, environment: scaling_plan(c, environment),
    "placement": lambda c, v, _: placement(c),
    "identity": lambda c, v, _: {"tenant": c.tenant, "service_account": c.name},
    "quota-use": lambda c, v, environment: quota_use(c, environment),
    "cost-per-hour": lambda c, v, environment: cost_per_hour(c, environment),
    "promotion": lambda c, v, _: _promotion(c),
    "recording-rules": lambda c, v, _: [recording_rules(c, d) for d in (ISTIO, ENVOY)],
    "alerts": lambda c, v, _: alerts(c),
    "histogram-edges": lambda c, v, _: histogram_edges([c]),
    "tracing": lambda c, v, _: {"sampled_share": c.observability.trace_rate},
}
