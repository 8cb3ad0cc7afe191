"""Rules between what a model asks for and what GPUs and nodes have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from serving.contract.fields import show_cpu, show_memory
from serving.contract.model import ModelContract
from serving.contract.problem import JsonPath
from serving.contract.rules.finding import Finding, Rule, triton_models
from serving.contract.runtime import VllmRuntime
from serving.contract.vllm import fits, memory_per_gpu
from serving.instance_types import MIB, InstanceType, gpu_types, mig_memory_mib

_BATCH_MEMORY_FIELDS: Final = ("instances", "memory", "max_batch_size")


def _accelerator_is_whole(contract: ModelContract) -> Iterator[Finding]:
    resources = contract.resources
    if resources.accelerator == "cpu":
        for name in ("gpus", "gpu_memory", "instance_types", "sharing", "mig_profile"):
            if name in resources.model_fields_set:
                yield Finding(
                    fields=(("resources", name), ("resources", "accelerator")),
                    what="has no meaning without a GPU",
                    do="remove it, or set accelerator: gpu",
                )
        return
    if resources.gpus == 0:
        yield Finding(
            fields=(("resources", "gpus"),),
            what="a GPU model needs at least one",
            got="0",
            expected="≥ 1",
            do="set accelerator: cpu if it runs on CPU",
        )
    if resources.gpu_memory is None:
        yield Finding(
            fields=(("resources", "gpu_memory"),),
            what="is missing",
            expected="what it needs on each GPU, such as 6Gi",
            do="add it",
        )


def _fits_instance_types(contract: ModelContract) -> Iterator[Finding]:
    resources = contract.resources
    for index, name in enumerate(resources.instance_types):
        here: JsonPath = ("resources", "instance_types", index)
        kind = gpu_types().get(name)
        if kind is None:
            yield Finding(
                fields=(here,),
                what="is not in the catalogue of GPU instance types",
                got=name,
                expected=f"one of {', '.join(gpu_types())}",
            )
            continue
        for field, need, has in _needs(contract, kind):
            yield Finding(
                fields=(("resources", field), here),
                what=f"does not fit {name}",
                got=need,
                expected=f"≤ {has}",
                do="lower it or name a larger instance type",
            )


def _needs(contract: ModelContract, kind: InstanceType) -> Iterator[tuple[str, str, str]]:
    """What the contract asks of a node and the node cannot give: field, need, limit."""
    resources = contract.resources
    per_gpu = kind.gpu_memory_mib
    if resources.mig_profile in kind.mig_profiles:
        per_gpu = mig_memory_mib(str(resources.mig_profile))
    if (resources.gpu_memory or 0) > per_gpu * MIB:
        yield "gpu_memory", show_memory(resources.gpu_memory or 0), f"{per_gpu}Mi on each GPU"
    if resources.gpus > kind.gpus:
        yield "gpus", f"{resources.gpus}", f"{kind.gpus}"
    if resources.cpu > kind.allocatable_cpu:
        yield "cpu", show_cpu(resources.cpu), f"{kind.allocatable_cpu}m allocatable"
    if resources.memory > kind.allocatable_memory_mib * MIB:
        yield (
            "memory",
            show_memory(resources.memory),
            f"{kind.allocatable_memory_mib}Mi allocatable",
        )


def _sharing_is_possible(contract: ModelContract) -> Iterator[Finding]:
    resources = contract.resources
    sharing, profile = resources.sharing, resources.mig_profile
    profile_field: JsonPath = ("resources", "mig_profile")
    if (sharing == "mig") != (profile is not None):
        yield Finding(
            fields=(profile_field, ("resources", "sharing")),
            what="mig_profile and sharing: mig go together",
            got=f"sharing: {sharing}, mig_profile: {profile or 'nothing'}",
            do="give both or neither",
        )
        return
    for index, name in enumerate(resources.instance_types):
        kind = gpu_types().get(name)
        if profile and kind and profile not in kind.mig_profiles:
            yield Finding(
                fields=(profile_field, ("resources", "instance_types", index)),
                what=f"{name} ({kind.gpu.upper()}) cannot be cut into this MIG profile",
                got=profile,
                expected=" or ".join(kind.mig_profiles) or "a type with MIG: A100, H100 or H200",
            )
    if sharing == "time-slicing" and contract.workload != "small":
        yield Finding(
            fields=(("resources", "sharing"), ("workload",)),
            what="only small workloads may share a GPU by time: neighbours slow each other down",
            got=f"workload: {contract.workload}",
            expected="workload: small",
        )
    if sharing != "none" and resources.gpus != 1:
        yield Finding(
            fields=(("resources", "gpus"), ("resources", "sharing")),
            what="a share of a GPU is of one GPU",
            got=f"{resources.gpus}",
            expected="1",
        )


def _batches_fit_memory(contract: ModelContract) -> Iterator[Finding]:
    models = triton_models(contract)
    on_gpu = contract.resources.accelerator == "gpu"
    field = "gpu_memory" if on_gpu else "memory"
    room = contract.resources.gpu_memory if on_gpu else contract.resources.memory
    need = sum(
        model.instances.count
        * (model.memory.weights + max(1, model.max_batch_size) * model.memory.per_sample)
        for model in models.values()
    )
    if room is not None and need > room:
        read = [("runtime", "models", name, key) for name in models for key in _BATCH_MEMORY_FIELDS]
        yield Finding(
            fields=(("resources", field), *read),
            what="full batches on every instance do not fit",
            got=show_memory(room),
            expected=f"≥ {-(-need // MIB)}Mi: instances × (weights + max_batch_size × per_sample)",
            do=f"raise resources.{field} or lower max_batch_size or instances",
        )


def _vllm_fits(contract: ModelContract) -> Iterator[Finding]:
    runtime = contract.runtime
    if not isinstance(runtime, VllmRuntime):
        return
    resources = contract.resources
    if runtime.tensor_parallel_size != resources.gpu_count:
        yield Finding(
            fields=(("runtime", "tensor_parallel_size"), ("resources", "gpus")),
            what="the model is split over other than the GPUs it is given",
            got=f"{runtime.tensor_parallel_size}",
            expected=f"resources.gpus, {resources.gpu_count}",
        )
    if runtime.max_tokens > runtime.max_model_len:
        yield Finding(
            fields=(("runtime", "max_tokens"), ("runtime", "max_model_len")),
            what="an answer cannot be longer than the context",
            got=f"{runtime.max_tokens}",
            expected=f"≤ max_model_len, {runtime.max_model_len}",
        )
    yield from _vllm_memory(contract, runtime)
    if runtime.enforce_eager:
        yield Finding(
            fields=(("runtime", "enforce_eager"),),
            what="CUDA graphs are off, every token is slower",
            do="keep it for finding a fault",
            notice=True,
        )


def _vllm_memory(contract: ModelContract, runtime: VllmRuntime) -> Iterator[Finding]:
    resources = contract.resources
    share = runtime.gpu_memory_utilization
    need = memory_per_gpu(runtime)
    gpus = [gpu_types()[name] for name in resources.instance_types if name in gpu_types()]
    rooms = {kind.name: kind.gpu_memory_mib * MIB for kind in gpus}
    rooms |= {"resources.gpu_memory": resources.gpu_memory} if resources.gpu_memory else {}
    for where, room in rooms.items():
        if not fits(runtime, room):
            yield Finding(
                fields=(("runtime", "max_model_len"), ("runtime",), ("resources",)),
                what=f"weights and one full context run out of GPU memory on {where}",
                got=f"{-(-need // MIB)}Mi on each GPU",
                expected=f"≤ {int(room * share) // MIB}Mi, gpu_memory_utilization {share:g} of it",
                do="lower max_model_len, or use larger or more GPUs",
            )


RULES: Final[tuple[Rule, ...]] = (
    _accelerator_is_whole,
    _fits_instance_types,
    _sharing_is_possible,
    _batches_fit_memory,
    _vllm_fits,
)
