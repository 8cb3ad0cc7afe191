"""What callers may ask a model, by the engine that serves it; nothing else passes the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from serving.contract.model import ModelContract
from serving.contract.runtime import CustomRuntime, TritonRuntime, VllmRuntime
from serving.errors import InputError

Protocol: TypeAlias = Literal["http", "grpc"]
Kind: TypeAlias = Literal["infer", "stream", "ask"]
"""One answer; answers as they come; a question that no model computes anything for."""

GRPC_SERVICE: Final = "/inference.GRPCInferenceService"
_GRPC: Final[dict[str, Kind]] = {
    "ModelInfer": "infer",
    "ModelStreamInfer": "stream",
    "ModelReady": "ask",
    "ModelMetadata": "ask",
    "ServerLive": "ask",
    "ServerReady": "ask",
}


@dataclass(frozen=True, kw_only=True)
class Call:
    name: str
    """As the access log has it."""
    protocol: Protocol
    kind: Kind
    method: str
    path: str


def calls(contract: ModelContract) -> tuple[Call, ...]:
    match contract.runtime:
        case TritonRuntime() as runtime:
            return tuple(_triton(runtime))
        case VllmRuntime():
            return tuple(_openai())
        case CustomRuntime():
            raise InputError(
                f"model {contract.name}: the gateway knows no paths of a custom runtime; "
                "serve the model with triton or vllm"
            )


def _triton(runtime: TritonRuntime) -> Iterator[Call]:
    for model in runtime.reached:
        path = f"/v2/models/{model}"
        yield _http("infer", "infer", "POST", f"{path}/infer")
        if runtime.models[model].backend == "vllm":
            yield _http("generate", "infer", "POST", f"{path}/generate")
            yield _http("generate_stream", "stream", "POST", f"{path}/generate_stream")
        yield _http("ready", "ask", "GET", f"{path}/ready")
        yield _http("metadata", "ask", "GET", path)
    for method, kind in _GRPC.items():
        yield Call(
            name=method, protocol="grpc", kind=kind, method="POST", path=f"{GRPC_SERVICE}/{method}"
        )


def _openai() -> Iterator[Call]:
    """Whether an answer is streamed stands in the request's body."""
    yield _http("completions", "stream", "POST", "/v1/completions")
    yield _http("chat", "stream", "POST", "/v1/chat/completions")
    yield _http("models", "ask", "GET", "/v1/models")


def _http(name: str, kind: Kind, method: str, path: str) -> Call:
    return Call(name=name, protocol="http", kind=kind, method=method, path=path)
