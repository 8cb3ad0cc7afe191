"""Of the AWS stack, what a contract means for the servers of one of its versions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi

from components.images import PYTHON, Image
from components.model_server_args import (
    FOLDER,
    Claim,
    ModelServerArgs,
    Probes,
    Question,
    Toleration,
)
from serving.contract import vllm
from serving.contract.fields import show_cpu, show_memory
from serving.contract.model import (
    EfsRepository,
    Environment,
    ModelContract,
    OciRepository,
    S3Repository,
    contract_digest,
)
from serving.contract.placement import placement
from serving.contract.probes import probes
from serving.contract.runtime import CustomRuntime, TritonRuntime, VllmRuntime
from serving.contract.scaling import scaling_plan
from serving.contract.synthetic import synthetic_request
from serving.contract.triton_config import server_args
from serving.errors import InputError
from serving.gateway.limits import timeouts
from serving.instance_types import MIB
from serving.stacks.server_scaling import scaling

HTTP_PORT: Final = 8000
GRPC_PORT: Final = 8001
METRICS_PORT: Final = 8002
DRAIN_SECONDS: Final = 15
"""Until every proxy of the mesh has heard that a server goes away."""
OWN_STORAGE: Final = 1 << 30
LARGEST_QUESTION: Final = 512 << 10
"""Bytes; a ConfigMap holds no more than twice as many."""

CLOSED: Final = "model-repository,shared-memory,model-config,trace,logging,statistics"
"""APIs of Triton that callers have no business with."""
START: Final = f"""\
read -r key </proc/sys/kernel/random/uuid &&
exec "$0" "$@" --http-restricted-api="{CLOSED}:serving-admin=$key" \\
  --grpc-restricted-protocol="{CLOSED}:serving-admin=$key"
"""
"""Nothing but a key closes them. Nobody needs them here, so each server draws a key of its own when
it starts, and tells nobody."""
HARDENED: Final = (
    "--allow-sagemaker=false",
    "--allow-vertex-ai=false",
    "--grpc-max-response-pool-size=100",
)
OFFLINE: Final = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_MAX_N_SEQUENCES": "64",
}
"""vLLM serves what was published, asks nobody for more, and bounds what one request may ask for."""
HOME: Final = {"HOME": "/tmp", "USER": "server"}  # noqa: S108  # the pod's own
"""The root of the file system is not written to, and not every image knows the user."""


@dataclass(frozen=True, kw_only=True)
class Where:
    environment: Environment
    region: str
    digests: Mapping[str, str]
    """Image, with its registry and tag → its digest."""
    namespace: pulumi.Input[str]
    """The tenant's."""
    service_account: pulumi.Input[str]
    claim: pulumi.Input[str]
    """The tenant's part of the copies on the node's disk."""
    drain_seconds: int = DRAIN_SECONDS
    meshed: bool = True


def workload(model: str, version: int) -> str:
    return f"{model}-{version}"


def server(
    contract: ModelContract, version: int, where: Where, *, waited_for: bool = True
) -> ModelServerArgs:
    """`waited_for`: not where the version takes no traffic, as one that never gets ready must not
    hold up an update that takes traffic away from it. Raises InputError."""
    _refuse_changed(contract, version)
    effective = contract.at(version)
    place, plan = placement(effective), scaling_plan(effective, where.environment)
    if not where.meshed and plan.min_replicas == 0:
        raise InputError(
            f"{contract.name}: scaling.dev.min_replicas: without a mesh nothing wakes a model up, "
            "do: set it to 1"
        )
    resources = effective.resources
    digest = (effective.versions[version].digest or "").removeprefix("sha256:")
    program = _program(effective, version, where)
    return ModelServerArgs(
        workload=workload(effective.name, version),
        namespace=where.namespace,
        service_account=where.service_account,
        selector={
            "app.kubernetes.io/name": effective.name,
            "app.kubernetes.io/version": str(version),
        },
        labels={"component": "inference", "tenant": effective.tenant},
        annotations={"model.sha256": digest},
        container=effective.runtime.engine,
        image=_image(effective.runtime.image, where),
        command=program.command,
        args=program.args,
        env={**HOME, **program.env},
        ports=program.ports,
        metrics_port=program.metrics_port,
        probes=_probes(effective, version),
        files=_files(effective, version, where),
        fetched=_fetched(effective, where),
        cpu=show_cpu(resources.cpu),
        memory=show_memory(resources.memory),
        shared_memory=show_memory(max(resources.memory // 2 // MIB, 1) * MIB),
        storage=show_memory(_storage(effective)),
        accelerators={place.resource: place.resource_count} if place.resource else {},
        node_labels=place.node_labels,
        instance_types=place.instance_types,
        tolerations=[Toleration(key=each.key, value=each.value) for each in place.tolerations],
        spread=place.strategy == "spread" or plan.min_replicas > 1,
        # Of GPUs there are as many as replicas: a pod more would wait for one for ever, and an
        # update for it.
        spare=place.resource is None,
        drain_seconds=where.drain_seconds,
        longest_request_seconds=_longest(effective),
        scaling=scaling(effective, version, plan),
        waited_for=waited_for,
    )


def _refuse_changed(contract: ModelContract, version: int) -> None:
    if contract.versions[version].contract != contract_digest(contract, version):
        raise InputError(
            f"{contract.name}: version {version} was published with another contract than the YAML "
            "holds today, do: put back what reaches the server (runtime, accelerator, gpus), and "
            "write what a later version changes under that version's overrides"
        )


def _image(name: str, where: Where) -> str:
    return Image(name=name, key=()).reference(where.digests)


@dataclass(frozen=True, kw_only=True)
class _Program:
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str]
    ports: Mapping[str, int]
    metrics_port: int


def _program(contract: ModelContract, version: int, where: Where) -> _Program:
    match contract.runtime:
        case TritonRuntime():
            return _triton(contract, version, where)
        case VllmRuntime() as runtime:
            return _vllm(contract, version, runtime)
        case CustomRuntime():
            raise InputError(
                f"{contract.name}: a custom runtime has no route in the cluster, do: serve the "
                "model with triton or vllm"
            )


def _triton(contract: ModelContract, version: int, where: Where) -> _Program:
    # As arguments: the image's entry point makes its libraries fit the node's driver.
    return _Program(
        args=(
            *("/bin/sh", "-c", START, "tritonserver"),
            f"--model-repository={_repository(contract, version)}",
            *server_args(contract, version),
            *HARDENED,
            f"--exit-timeout-secs={_longest(contract)}",
        ),
        env=_bucket(contract, where),
        ports={"http": HTTP_PORT, "grpc": GRPC_PORT, "metrics": METRICS_PORT},
        metrics_port=METRICS_PORT,
    )


def _vllm(contract: ModelContract, version: int, runtime: VllmRuntime) -> _Program:
    if isinstance(contract.repository, S3Repository):
        raise InputError(
            f"{contract.name}: vLLM reads no version from a bucket, do: set repository: "
            "{kind: efs}"
        )
    # What was published, whatever it is called elsewhere; it lies in the same folders as Triton's.
    weights = f"{_repository(contract, version)}/{contract.name}/{version}"
    published = runtime.model_copy(update={"model": weights})
    given = ("vllm", *vllm.args(contract.name, published))
    start = ("/bin/sh", "-c", vllm.start_script(runtime)) if runtime.lora else ()
    return _Program(
        command=(*start, *given),
        env={**OFFLINE, **vllm.environment(runtime)},
        ports={"http": HTTP_PORT},
        metrics_port=HTTP_PORT,
    )


def _repository(contract: ModelContract, version: int) -> str:
    match contract.repository:
        case S3Repository(uri=uri):
            return f"{uri.rstrip('/')}/{contract.name}/{version}"
        case _:
            return f"{FOLDER}/{contract.name}/{version}"


def _bucket(contract: ModelContract, where: Where) -> Mapping[str, str]:
    """A role comes with no region."""
    if not isinstance(contract.repository, S3Repository):
        return {}
    return {"AWS_REGION": where.region, "AWS_DEFAULT_REGION": where.region}


def _files(contract: ModelContract, version: int, where: Where) -> Claim | None:
    match contract.repository:
        case EfsRepository():
            # The nodes have that image: it runs what copies versions onto them.
            return Claim(
                name=where.claim,
                folder=f"{contract.name}/{version}",
                image=PYTHON.reference(where.digests),
            )
        case S3Repository():
            return None
        case OciRepository():
            raise InputError(
                f"{contract.name}: repository: an image holds all versions of a model and can "
                "change under a running one, do: set repository: {kind: efs} or {kind: s3, …}"
            )


def _fetched(contract: ModelContract, where: Where) -> Mapping[str, str]:
    runtime = contract.runtime
    if not isinstance(runtime, VllmRuntime) or not runtime.lora or not runtime.lora.adapters_image:
        return {}
    return {vllm.ADAPTERS.removeprefix("/"): _image(runtime.lora.adapters_image, where)}


def _storage(contract: ModelContract) -> int:
    """Bytes on the node's disk; what lies there already as a copy for all is not the pod's."""
    runtime = contract.runtime
    if isinstance(runtime, TritonRuntime) and isinstance(contract.repository, S3Repository):
        return OWN_STORAGE + 2 * sum(model.memory.weights for model in runtime.models.values())
    return OWN_STORAGE


def _longest(contract: ModelContract) -> int:
    return math.ceil(timeouts(contract).whole)


def _probes(contract: ModelContract, version: int) -> Probes:
    known, asked = probes(contract, version), synthetic_request(contract, version)
    question = None
    if asked is not None and len(asked.body.encode()) <= LARGEST_QUESTION:
        question = Question(path=asked.path, body=asked.body)
    return Probes(
        ready_paths=known.ready_paths,
        live_path=known.live_path,
        question=question,
        startup_delay_seconds=known.startup.initial_delay_seconds,
        startup_period_seconds=known.startup.period_seconds,
        startup_failures=known.startup.failure_threshold,
    )
