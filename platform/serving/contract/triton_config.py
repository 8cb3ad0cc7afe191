"""What Triton is given: `config.pbtxt` and warm-up data of each model, flags of the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from serving.contract.model import ModelContract
from serving.contract.runtime import Backend, Golden, TritonModel, TritonRuntime
from serving.contract.tensor_data import raw, shape_of
from serving.errors import InputError

if TYPE_CHECKING:
    from tritonclient.grpc.model_config_pb2 import ModelConfig

WARMUP_REQUESTS: Final = 4

MODEL_FILES: Final[Mapping[Backend, str]] = {
    "tensorrt": "model.plan",
    "onnxruntime": "model.onnx",
    "pytorch": "model.pt",
    "python": "model.py",
}
"""The file a backend loads from the version's folder; the others name theirs elsewhere."""


def files(contract: ModelContract, version: int) -> Mapping[str, bytes]:
    """Path in the version's repository → content. Depends on nothing but `frozen`."""
    effective = contract.at(version)
    result: dict[str, bytes] = {}
    for name, model in sorted(_runtime(effective).models.items()):
        result[f"{name}/config.pbtxt"] = config_pbtxt(effective, name, version).encode()
        for sample in _warmup(model):
            for tensor, values in sample.golden.inputs.items():
                content = raw(model.inputs[tensor], values)
                result[f"{name}/warmup/{sample.file(tensor)}"] = content
        if model.backend == "ensemble":
            # Triton wants the version's folder, and an object store has no empty ones
            result[f"{name}/{version}/ensemble"] = b"see ../config.pbtxt\n"
    return result


def server_args(contract: ModelContract, version: int) -> tuple[str, ...]:
    """The flags of tritonserver that follow from the contract; paths and ports do not."""
    effective = contract.at(version)
    on_gpu = effective.resources.accelerator == "gpu"
    return (
        "--model-control-mode=explicit",
        *(f"--load-model={name}" for name in sorted(_runtime(effective).models)),
        "--disable-auto-complete-config",
        "--exit-on-error=true",
        "--allow-metrics=true",
        f"--allow-gpu-metrics={str(on_gpu).lower()}",
        "--metrics-config=summary_latencies=true",
    )


def config_pbtxt(contract: ModelContract, name: str, version: int) -> str:
    """The configuration of one Triton model of an effective contract."""
    from google.protobuf import text_format

    message = _config(contract, name, version)
    text: str = text_format.MessageToString(message, use_short_repeated_primitives=True)
    return text


def _runtime(contract: ModelContract) -> TritonRuntime:
    if not isinstance(contract.runtime, TritonRuntime):
        raise InputError(f"{contract.name} is served by {contract.runtime.engine}, not by Triton")
    return contract.runtime


def _config(contract: ModelContract, name: str, version: int) -> ModelConfig:
    from tritonclient.grpc import model_config_pb2 as pb

    model = _runtime(contract).models[name]
    config = pb.ModelConfig(name=name, max_batch_size=model.max_batch_size)
    config.version_policy.specific.versions.append(version)
    for put, tensors in ((config.input, model.inputs), (config.output, model.outputs)):
        for tensor_name, tensor in sorted(tensors.items()):
            put.add(name=tensor_name, data_type=_type(tensor.type), dims=tensor.shape)
    for key, value in model.parameters.items():
        config.parameters[key].string_value = value
    if model.backend == "ensemble":
        config.platform = "ensemble"
        _add_steps(config, model, version)
        return config
    config.backend = model.backend
    config.default_model_filename = MODEL_FILES.get(model.backend, "")
    if model.backend == "vllm":
        config.model_transaction_policy.decoupled = True
    elif model.batching.enabled and model.max_batch_size:
        _add_batching(config, model)
    _add_instances(config, model, contract)
    _add_warmup(config, model)
    return config


def _type(name: str) -> int:
    from tritonclient.grpc import model_config_pb2 as pb

    number: int = pb.DataType.Value("TYPE_STRING" if name == "BYTES" else f"TYPE_{name}")
    return number


def _add_steps(config: ModelConfig, model: TritonModel, version: int) -> None:
    for step in model.steps:
        config.ensemble_scheduling.step.add(
            model_name=step.model,
            model_version=version,
            input_map=step.inputs,
            output_map=step.outputs,
        )


def _add_batching(config: ModelConfig, model: TritonModel) -> None:
    batching = model.batching
    dynamic = config.dynamic_batching
    dynamic.preferred_batch_size.extend(sorted(batching.preferred) or [model.max_batch_size])
    dynamic.max_queue_delay_microseconds = round(batching.max_queue_delay_ms * 1000)
    dynamic.default_queue_policy.max_queue_size = batching.max_queue_size


def _add_instances(config: ModelConfig, model: TritonModel, contract: ModelContract) -> None:
    from tritonclient.grpc import model_config_pb2 as pb

    group = config.instance_group.add(count=model.instances.count)
    if model.backend == "vllm":
        group.kind = pb.ModelInstanceGroup.KIND_MODEL
    elif contract.resources.accelerator == "gpu":
        group.kind = pb.ModelInstanceGroup.KIND_GPU
        group.gpus.extend(range(contract.resources.gpu_count))
    else:
        group.kind = pb.ModelInstanceGroup.KIND_CPU


@dataclass(frozen=True, kw_only=True)
class _Sample:
    """A golden request as warm-up: Triton repeats it to fill the batch."""

    index: int
    golden: Golden
    batch_size: int

    def file(self, name: str) -> str:
        # by number, as the names of tensors may hold what names of files may not
        return f"golden-{self.index}-input-{sorted(self.golden.inputs).index(name)}"


def _warmup(model: TritonModel) -> Iterator[_Sample]:
    """The first golden requests one by one, then the first of them in the largest batch."""
    if model.backend in ("ensemble", "vllm") or not model.warmup:
        return
    for index, golden in enumerate(model.golden[:WARMUP_REQUESTS]):
        yield _Sample(index=index, golden=golden, batch_size=1)
    if model.golden and model.max_batch_size > 1:
        yield _Sample(index=0, golden=model.golden[0], batch_size=model.max_batch_size)


def _add_warmup(config: ModelConfig, model: TritonModel) -> None:
    for sample in _warmup(model):
        entry = config.model_warmup.add(
            name=f"golden-{sample.index}-batch-{sample.batch_size}",
            batch_size=sample.batch_size,
            count=1,
        )
        for name, values in sample.golden.inputs.items():
            data = entry.inputs[name]
            data.data_type = _type(model.inputs[name].type)
            data.dims.extend(shape_of(values))
            data.input_data_file = sample.file(name)
