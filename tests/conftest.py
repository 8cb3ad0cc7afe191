"""`synth`: build under a mock engine, get back what was registered."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

import pulumi
import pytest
from google.protobuf import empty_pb2
from hypothesis import HealthCheck, settings
from pulumi.runtime import mocks, rpc
from pulumi.runtime.config import CONFIG
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.stack import run_pulumi_func

from tests import cloud
from tests.lanes import (  # noqa: F401  # hooks, which pytest finds here
    pytest_collection_modifyitems,
    pytest_runtest_setup,
    pytest_xdist_auto_num_workers,
    pytest_xdist_make_scheduler,
)

# how long an example takes says how busy the machine is
settings.register_profile("serving", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("serving")

STACK_TYPE = "pulumi:pulumi:Stack"

Created: TypeAlias = Callable[[str, str, Mapping[str, Any]], tuple[str, dict[str, Any]]]
"""Type, name, inputs → the id and the properties of a new resource."""


@dataclass(frozen=True, kw_only=True)
class Registered:
    type: str
    name: str
    urn: str
    parent: str
    protect: bool
    replaced_for: frozenset[str]
    """Properties of which another value makes another resource."""
    deleted_before_replaced: bool
    providers: frozenset[str]
    """`<urn>::<id>` of each provider that was named."""
    dependencies: frozenset[str]
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any] | None = None
    """What a component registered as its outputs; None where it never did."""


@dataclass(frozen=True, kw_only=True)
class Graph:
    resources: Sequence[Registered]
    """By type, then by name: registration itself has no order."""
    lookups: Sequence[str]
    """Functions of providers, and keys of config, that were asked for."""

    def __iter__(self) -> Iterator[Registered]:
        return iter(self.resources)

    def all(self, type_: str) -> Sequence[Registered]:
        return [resource for resource in self if resource.type == type_]

    def one(self, type_: str, name: str | None = None) -> Registered:
        found = [resource for resource in self.all(type_) if name in (None, resource.name)]
        assert len(found) == 1, f"{len(found)} of {type_} {name or ''} in\n{self.names()}"
        return found[0]

    def names(self) -> str:
        return "".join(f"{resource.type}  {resource.name}\n" for resource in self)


class Synth(Protocol):
    def __call__(
        self,
        build: Callable[[], object],
        *,
        stack: str = "test",
        preview: bool = False,
        created: Created = cloud.created,
    ) -> Graph: ...


class _Config(dict[str, Any]):
    """Empty stack config that notes who asked for what."""

    def __init__(self, lookups: list[str]) -> None:
        self._lookups = lookups

    def __contains__(self, key: object) -> bool:
        self._lookups.append(str(key))
        return False


class _Cloud(mocks.Mocks):
    def __init__(self, lookups: list[str], preview: bool, created: Created) -> None:
        self._lookups = lookups
        self._preview = preview
        self._created = created

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        if self._preview:
            return None, args.inputs
        return self._created(args.typ, args.name, args.inputs)

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:
        self._lookups.append(args.token)
        return cloud.looked_up(args.token, args.args)


def _in_own_loop(call: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The mock monitor opens an event loop in each of its threads and closes none."""

    def called(self: Any, request: Any) -> Any:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            return call(self, request)
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    return called


class _Monitor(mocks.MockMonitor):
    """Also sees parents, protection, providers, dependencies and registered outputs."""

    def __init__(self, lookups: list[str], preview: bool, created: Created) -> None:
        super().__init__(_Cloud(lookups, preview, created))
        self.preview = preview
        self.seen: dict[str, Registered] = {}

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        above = parent.split("::")[2] if parent else STACK_TYPE
        chain = type_ if above == STACK_TYPE else f"{above}${type_}"
        return f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{chain}::{name}"

    Invoke = _in_own_loop(mocks.MockMonitor.Invoke)

    @_in_own_loop
    def RegisterResource(self, request: Any) -> Any:
        if request.type == STACK_TYPE:
            return super().RegisterResource(request)
        urn = self.make_urn(request.parent, request.type, request.name)
        assert urn not in self.seen, f"registered twice: {urn}"
        self.seen[urn] = Registered(
            type=request.type,
            name=request.name,
            urn=urn,
            parent=request.parent,
            protect=request.protect,
            replaced_for=frozenset(request.replaceOnChanges),
            deleted_before_replaced=request.deleteBeforeReplace,
            providers=frozenset(filter(None, (request.provider, *request.providers.values()))),
            dependencies=frozenset(request.dependencies),
            inputs=rpc.deserialize_properties(request.object),
        )
        if request.type == "eks:index:Cluster" and not self.preview:
            return self._control_plane(urn, request)
        return super().RegisterResource(request)

    @_in_own_loop
    def RegisterResourceOutputs(self, request: Any) -> Any:
        if request.urn in self.seen:
            outputs = rpc.deserialize_properties(request.outputs)
            self.seen[request.urn] = replace(self.seen[request.urn], outputs=outputs)
        return empty_pb2.Empty()

    def _control_plane(self, urn: str, request: Any) -> Any:
        """pulumi-eks' component with the one child that it hands out a reference to."""
        child = self.make_urn(urn, cloud.CONTROL_PLANE, f"{request.name}-eksCluster")
        inputs = rpc.deserialize_properties(request.object)
        id_, state = cloud.created(cloud.CONTROL_PLANE, request.name, inputs)
        self.resources[child] = self.ResourceRegistration(child, id_, state)
        reference = {rpc._special_sig_key: rpc._special_resource_sig, "urn": child, "id": id_}
        state_of_it = {**cloud.CLUSTER_OUTPUTS, "eksCluster": reference}
        outputs = asyncio.run(rpc.serialize_properties(state_of_it, {}))
        return resource_pb2.RegisterResourceResponse(urn=urn, object=outputs)


async def _run(build: Callable[[], object], stack: str, preview: bool, created: Created) -> Graph:
    lookups: list[str] = []
    monitor = _Monitor(lookups, preview, created)
    CONFIG.set(_Config(lookups))
    mocks.set_mocks(monitor.mocks, project="serving", stack=stack, preview=preview, monitor=monitor)

    def program() -> None:
        build()

    await run_pulumi_func(program)
    resources = sorted(monitor.seen.values(), key=lambda resource: (resource.type, resource.name))
    return Graph(resources=resources, lookups=lookups)


def synthesise(
    build: Callable[[], object],
    *,
    stack: str = "test",
    preview: bool = False,
    created: Created = cloud.created,
) -> Graph:
    """In a preview nothing is known that is not written in the program."""
    # A context of its own, because the runtime keeps its state in context variables.
    context = contextvars.copy_context()
    return context.run(lambda: asyncio.run(_run(build, stack, preview, created)))


@pytest.fixture
def synth() -> Synth:
    return synthesise
