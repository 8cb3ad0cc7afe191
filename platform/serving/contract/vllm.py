"""What vLLM's OpenAI-compatible server is started with, and what it takes of each GPU."""

from __future__ import annotations

import shlex
from typing import Final

from serving.contract.runtime import Lora, VllmRuntime

ADAPTERS: Final = "/adapters"
"""Where the pod keeps its adapters: one folder per slot."""


def args(name: str, runtime: VllmRuntime) -> tuple[str, ...]:
    """What follows `vllm`. Callers ask for the model by `name`, whatever its weights are called."""
    given = [
        "serve",
        runtime.model,
        f"--served-model-name={name}",
        f"--max-model-len={runtime.max_model_len}",
        f"--gpu-memory-utilization={runtime.gpu_memory_utilization}",
        f"--tensor-parallel-size={runtime.tensor_parallel_size}",
        f"--dtype={runtime.dtype}",
    ]
    given += [f"--quantization={runtime.quantization}"] if runtime.quantization else []
    given += ["--enforce-eager"] if runtime.enforce_eager else []
    given += _lora_args(runtime.lora) if runtime.lora else []
    return tuple(given)


def environment(runtime: VllmRuntime) -> dict[str, str]:
    updates = runtime.lora is not None and runtime.lora.runtime_updates
    return {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"} if updates else {}


def start_script(runtime: VllmRuntime, adapters: str = ADAPTERS) -> str:
    """A POSIX shell script: runs `vllm` with its own arguments and the adapters that are there."""
    slots = runtime.lora.slots if runtime.lora else ()
    return f"""#!/bin/sh
set -eu
adapters={shlex.quote(adapters)}
found=
for slot in {shlex.join(slots)}; do
  [ -f "$adapters/$slot/adapter_config.json" ] || continue
  [ -n "$found" ] || set -- "$@" --lora-modules
  found=yes
  set -- "$@" "$slot=$adapters/$slot"
done
exec vllm "$@"
"""


def memory_per_gpu(runtime: VllmRuntime) -> int:
    """Bytes that the weights and the keys and values of one full context take on each GPU."""
    whole = runtime.weights + runtime.kv_cache_per_token * runtime.max_model_len
    return -(-whole // runtime.tensor_parallel_size)


def fits(runtime: VllmRuntime, gpu_memory: int) -> bool:
    """Whether vLLM starts on GPUs of so many bytes: it takes only its share of them."""
    return memory_per_gpu(runtime) <= gpu_memory * runtime.gpu_memory_utilization


def _lora_args(lora: Lora) -> list[str]:
    return ["--enable-lora", f"--max-loras={lora.max_loras}", f"--max-lora-rank={lora.max_rank}"]
