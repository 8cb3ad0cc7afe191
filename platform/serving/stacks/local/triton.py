"""The Triton servers of a model: one process for each version that takes traffic, and replica."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi

from components.local import writing
from components.local.process import Probe, ProcessArgs
from components.local.triton import LocalTritonArgs
from serving.contract.model import ModelContract
from serving.contract.probes import probes
from serving.contract.runtime import TritonRuntime
from serving.contract.synthetic import synthetic_request
from serving.contract.triton_config import server_args
from serving.errors import InputError
from serving.gateway.table import Served, Server
from serving.registry.folder_store import FolderStore
from serving.registry.published import as_published
from serving.registry.verify import find
from serving.settings import LocalSettings, Release
from serving.settings.local import Traces
from serving.stacks.local.place import ADDRESS, Place
from serving.stacks.local.ports import ports_of
from serving.stacks.outputs import LocalServer
from serving.toolchain import locate
from serving.triton import CHATTER, EXPORTING, surface, traced
from serving.triton import Server as Triton

STOP_SECONDS: Final = 15.0
"""Longer than Triton waits for the requests that it has."""
ALIVE_SECONDS: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class Replica:
    process: str
    """`<model>-<version>-<replica>`"""
    contract: ModelContract
    """As it was published with this version."""
    version: int
    server: Triton
    traces: Traces | None


@dataclass(frozen=True, kw_only=True)
class Model:
    contract: ModelContract
    """As it is today."""
    release: Release
    replicas: Sequence[Replica]

    @property
    def served(self) -> Served:
        """As the gateway sees it."""
        versions = {replica.version: self._servers(replica.version) for replica in self.replicas}
        return Served(contract=self.contract, release=self.release, servers=versions)

    @property
    def addresses(self) -> Mapping[str, Sequence[LocalServer]]:
        return {
            str(version): [
                LocalServer(
                    pod=replica.process,
                    http=f"{ADDRESS}:{replica.server.http_port}",
                    grpc=f"{ADDRESS}:{replica.server.grpc_port}",
                    metrics=f"{ADDRESS}:{replica.server.metrics_port}",
                )
                for replica in self.of(version)
            ]
            for version in sorted({replica.version for replica in self.replicas})
        }

    def of(self, version: int) -> Sequence[Replica]:
        return [replica for replica in self.replicas if replica.version == version]

    def _servers(self, version: int) -> Sequence[Server]:
        return [
            Server(
                name=replica.process,
                http_port=replica.server.http_port,
                grpc_port=replica.server.grpc_port,
            )
            for replica in self.of(version)
        ]


def processes(model: str, version: int, replicas: int) -> Sequence[str]:
    return [f"{model}-{version}-{number}" for number in range(1, replicas + 1)]


def model(
    contract: ModelContract, release: Release, settings: LocalSettings, place: Place
) -> Model:
    """Raises InputError where a version is not in the store, or not for Triton."""
    versions = [each for each in (release.stable, release.canary, release.previous) if each]
    key, replicas = _key(place), settings.replicas.get(contract.name, 1)
    return Model(
        contract=contract,
        release=release,
        replicas=[
            Replica(
                process=process,
                contract=published,
                version=version,
                server=_server(process, key, place),
                traces=settings.traces,
            )
            for version in versions
            for published in [_published(contract, version, place)]
            for process in processes(contract.name, version, replicas)
        ],
    )


def servers(model: Model, place: Place) -> Mapping[str, LocalTritonArgs]:
    """By `<model>-<version>`."""
    # a canary that hangs is not to hold up the update that takes its requests away
    idle = model.release.canary if not model.release.weight else None
    return {
        f"{model.contract.name}-{version}": LocalTritonArgs(
            replicas={
                each.process.rpartition("-")[2]: _process(each, place, watched=version != idle)
                for each in model.of(version)
            }
        )
        for version in sorted({replica.version for replica in model.replicas})
    }


def _published(contract: ModelContract, version: int, place: Place) -> ModelContract:
    artifact = find(FolderStore(place.store), contract.name, version)
    published = as_published(contract, artifact)
    if not isinstance(published.runtime, TritonRuntime):
        raise InputError(
            f"{contract.name}: is served by {published.runtime.engine}, and a local stack runs "
            "only models for Triton; leave it out of serving:releases"
        )
    return published


def _server(process: str, key: str, place: Place) -> Triton:
    ports = ports_of(place, process, "http", "grpc", "metrics")
    return Triton(
        http_port=ports["http"],
        grpc_port=ports["grpc"],
        metrics_port=ports["metrics"],
        log=place.log(process),
        key=key,
    )


def _process(replica: Replica, place: Place, *, watched: bool) -> ProcessArgs:
    contract, version, server = replica.contract, replica.version, replica.server
    traces = replica.traces
    tool = locate("tritonserver")
    repository = place.folder_of(replica.process)
    command = tool.command(
        # from where it runs, as its Python backend takes no path that has a space
        f"--model-repository={repository.relative_to(place.root)}",
        *surface(server),
        *server_args(contract, version),
        *(traced(traces.endpoint, contract.name, version, replica.process) if traces else []),
    )
    asked = probes(contract, version)
    synthetic = synthetic_request(contract, version)
    alive = Probe(url=f"{server.url}{asked.ready_paths[0]}")
    if synthetic:
        alive = Probe(url=f"{server.url}{synthetic.path}", body=synthetic.body)
    return ProcessArgs(
        kind="triton",
        command=pulumi.Output.secret(command),  # it holds the key of the model-control API
        environment={
            **_environment(),
            **(EXPORTING if traces else {}),
            "PATH": f"{locate('triton-python').path.parent}:/usr/bin:/bin",
        },
        records=str(place.records),
        log=str(server.log),
        folder=str(place.root),
        ports={"http": server.http_port, "grpc": server.grpc_port, "metrics": server.metrics_port},
        ready=[Probe(url=f"{server.url}{path}") for path in asked.ready_paths],
        ready_seconds=contract.health.startup_seconds,
        alive=alive if watched else None,
        alive_seconds=ALIVE_SECONDS,
        stop_seconds=STOP_SECONDS,
        chatter=CHATTER,
        # Python writes bytecode beside what it imports, and a version is never written to
        linked={str(repository): str(place.store / contract.name / str(version))},
        leaves=[f"/dev/shm/{server.shared_memory}*"],  # noqa: S108  # a mount of the kernel
    )


def _environment() -> dict[str, str]:
    """The tool's own, on a search path that does not depend on the caller's."""
    python = locate("triton-python").path.parent
    return {**locate("tritonserver").env, "PATH": f"{python}:/usr/bin:/bin"}


def _key(place: Place) -> str:
    """Of the model-control API, which nobody needs here, and nobody else shall have."""
    file = place.keys / "triton-admin"
    if (known := writing.content_of(file)) is None:
        known = secrets.token_hex(16)
        writing.write(file, known, mode=0o600)
    return known
