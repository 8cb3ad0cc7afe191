"""The part of a contract that reaches the server: engine, image, tensors, batching, instances."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, JsonValue

from serving.contract.fields import (
    Image,
    Memory,
    Name,
    Section,
    TensorName,
    Text,
    TritonName,
)

DataType: TypeAlias = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64",
    "FP16", "FP32", "FP64", "BF16", "BYTES",
]  # fmt: skip

Backend: TypeAlias = Literal["tensorrt", "onnxruntime", "pytorch", "python", "vllm", "ensemble"]

Values: TypeAlias = JsonValue
"""The values of one tensor for one sample, as nested lists in its shape."""


class Tensor(Section):
    type: DataType
    shape: Annotated[tuple[Annotated[int, Field(ge=-1, le=1 << 31)], ...], Field(max_length=8)]
    """Of one sample, without the batch dimension; -1 where it varies."""


class Batching(Section):
    """Dynamic batching: how long a request waits for others to share an execution with."""

    enabled: bool = True
    preferred: tuple[Annotated[int, Field(ge=1, le=65_536)], ...] = ()
    """Batch sizes to send at once, before the delay is over; empty: the largest batch."""
    max_queue_delay_ms: Annotated[float, Field(ge=0, le=10_000)] = 1.0
    max_queue_size: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Requests waiting beyond this are refused at once; 0 means without limit.

    With a limit Triton's batcher sleeps on at times: a request close behind an answer waits 500 ms.
    """


class Instances(Section):
    count: Annotated[int, Field(ge=1, le=64)] = 1
    """Copies of the model per GPU, or per pod on CPU."""


class ModelMemory(Section):
    weights: Memory
    """Of one instance, loaded and idle."""
    per_sample: Memory
    """What each sample of a batch adds while it runs."""


class Golden(Section):
    """A request whose answer is known. The first ones also warm the model up."""

    inputs: Annotated[dict[TensorName, Values], Field(min_length=1)]
    outputs: Annotated[dict[TensorName, Values], Field(min_length=1)]
    """The outputs to compare; others may be left out."""
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    """Largest absolute difference of a number."""


class EnsembleStep(Section):
    model: TritonName
    inputs: Annotated[dict[TensorName, TensorName], Field(min_length=1)]
    """Tensor of the step's model → tensor of the ensemble."""
    outputs: Annotated[dict[TensorName, TensorName], Field(min_length=1)]


class TritonModel(Section):
    backend: Backend
    """Triton's backend that runs it."""
    inputs: Annotated[dict[TensorName, Tensor], Field(min_length=1)]
    outputs: Annotated[dict[TensorName, Tensor], Field(min_length=1)]
    max_batch_size: Annotated[int, Field(ge=0, le=65_536)] = 8
    """0: the model takes no batch dimension."""
    batching: Batching = Batching()
    instances: Instances = Instances()
    memory: ModelMemory
    golden: tuple[Golden, ...] = ()
    warmup: bool = True
    """Run the golden requests before the version says it is ready."""
    parameters: dict[str, str] = Field(default_factory=dict)
    """Handed to the backend as they are."""
    steps: tuple[EnsembleStep, ...] = ()
    """What an ensemble runs, in order; of no other backend."""


class TritonRuntime(Section):
    """NVIDIA Triton. Several models make a bundle: one process, one version, promoted together."""

    engine: Literal["triton"]
    image: Image
    models: Annotated[dict[TritonName, TritonModel], Field(min_length=1, max_length=32)]

    @property
    def reached(self) -> tuple[str, ...]:
        """The models that callers ask: all that are no step of another."""
        steps = {step.model for model in self.models.values() for step in model.steps}
        return tuple(sorted(self.models.keys() - steps))


class Lora(Section):
    max_loras: Annotated[int, Field(ge=1, le=64)] = 1
    max_rank: Literal[8, 16, 32, 64, 128, 256, 320, 512] = 16
    slots: Annotated[tuple[Name, ...], Field(max_length=64)] = ()
    """Adapters looked for at start; a slot without an `adapter_config.json` is left out."""
    runtime_updates: bool = False
    """Adapters may be loaded and unloaded while it serves."""
    adapters_image: Image | None = None
    """An init container that fetches the adapters into their slots."""


class VllmRuntime(Section):
    """vLLM's OpenAI-compatible server."""

    engine: Literal["vllm"]
    image: Image
    model: Text
    """The weights' id or path, as vLLM takes it."""
    max_model_len: Annotated[int, Field(ge=1, le=10_000_000)]
    """Longest context in tokens, prompt and answer together."""
    max_tokens: Annotated[int, Field(ge=1)]
    """Longest answer a request may ask for; refused above it."""
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1)] = 0.9
    tensor_parallel_size: Annotated[int, Field(ge=1, le=64)] = 1
    dtype: Literal["auto", "half", "float16", "bfloat16", "float", "float32"] = "auto"
    quantization: Literal["awq", "awq_marlin", "gptq", "gptq_marlin", "fp8"] | None = None
    enforce_eager: bool = False
    """Turns CUDA graphs off: slower; only to find a fault."""
    weights: Memory
    """All of them, before they are split over GPUs."""
    kv_cache_per_token: Memory
    """2 (keys, values) × layers × key-value heads × head size × bytes of a value."""
    lora: Lora | None = None


class CustomRuntime(Section):
    """The way out of the paved road: any server, held to the same contract."""

    engine: Literal["custom"]
    image: Image
    reason: Text
    """Why Triton and vLLM do not serve this."""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: dict[str, str] = Field(default_factory=dict)
    port: Annotated[int, Field(ge=1, le=65_535)] = 8000
    ready_path: Annotated[str, Field(pattern=r"^/\S*$")]
    """Answers 200 when the model, not only the server, can serve."""
    live_path: Annotated[str, Field(pattern=r"^/\S*$")]


Runtime: TypeAlias = Annotated[
    TritonRuntime | VllmRuntime | CustomRuntime, Field(discriminator="engine")
]
