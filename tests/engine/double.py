"""Stand-ins for the cloud providers: they take what the engine hands them and answer at once.

The real ones are in no package registry. `python -m tests.engine.double PACKAGE` starts one.
Where JOURNAL names a folder, each adds what it creates and deletes to `<folder>/done`; what
`<folder>/held` names is created, and the engine never hears of it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent import futures
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf import empty_pb2
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from tests import cloud

JOURNAL: Final = "SERVING_DOUBLES_JOURNAL"


class Double(provider_pb2_grpc.ResourceProviderServicer):
    """Keeps nothing: what is created is what was asked for and what `tests.cloud` adds."""

    def __init__(self, package: str) -> None:
        self.version = version(f"pulumi-{package}")

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=self.version)

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return self.Diff(request, context)

    def Configure(self, request: Any, context: Any) -> Any:
        return provider_pb2.ConfigureResponse(
            supportsPreview=True, supports_autonaming_configuration=True
        )

    def Invoke(self, request: Any, context: Any) -> Any:
        found = cloud.looked_up(request.tok, MessageToDict(request.args))
        return provider_pb2.InvokeResponse(**{"return": _struct(found)})

    def Check(self, request: Any, context: Any) -> Any:
        """The real ones take the name that the engine proposes, where nobody gave one."""
        inputs, old = MessageToDict(request.news), MessageToDict(request.olds)
        if proposed := request.autonaming.proposed_name:
            inputs.setdefault("name", old.get("name", proposed))
        return provider_pb2.CheckResponse(inputs=_struct(inputs))

    def Diff(self, request: Any, context: Any) -> Any:
        before, after = MessageToDict(request.old_inputs), MessageToDict(request.news)
        changed = sorted(k for k in before.keys() | after.keys() if before.get(k) != after.get(k))
        some = provider_pb2.DiffResponse.DIFF_SOME
        none = provider_pb2.DiffResponse.DIFF_NONE
        update = provider_pb2.PropertyDiff(kind=provider_pb2.PropertyDiff.UPDATE, inputDiff=True)
        return provider_pb2.DiffResponse(
            changes=some if changed else none,
            diffs=changed,
            detailedDiff=dict.fromkeys(_paths(before, after), update),
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: Any) -> Any:
        if request.preview:
            return provider_pb2.CreateResponse(properties=request.properties)
        _, _, type_, name = request.urn.split("::")
        id_, outputs = cloud.created(type_.split("$")[-1], name, MessageToDict(request.properties))
        _note("create", request.urn)
        return provider_pb2.CreateResponse(id=id_, properties=_struct(outputs))

    def Update(self, request: Any, context: Any) -> Any:
        olds, news = MessageToDict(request.olds), MessageToDict(request.news)
        return provider_pb2.UpdateResponse(properties=_struct(olds | news))

    def Read(self, request: Any, context: Any) -> Any:
        return provider_pb2.ReadResponse(
            id=request.id, properties=request.properties, inputs=request.inputs
        )

    def Delete(self, request: Any, context: Any) -> Any:
        _note("delete", request.urn)
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()


def _paths(before: Mapping[str, Any], after: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Of all that differs, as the engine compares them with what a program replaces for."""
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        path = f'{above}["{key}"]' if "." in key else f"{above}.{key}".removeprefix(".")
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _paths(old, new, path)
        elif old != new:
            yield path


def _note(what: str, urn: str) -> None:
    if JOURNAL not in os.environ:
        return
    folder = Path(os.environ[JOURNAL])
    with (folder / "done").open("a", encoding="utf-8") as stream:
        stream.write(f"{what} {urn}\n")
    held = folder / "held"
    while held.exists() and urn.endswith(held.read_text(encoding="utf-8")):
        time.sleep(0.02)


def _struct(values: Mapping[str, Any]) -> Struct:
    return ParseDict(dict(values), Struct())


def end_with(engine: int) -> None:
    """Which started this process, and may be killed with a request under way."""
    while os.getppid() == engine:
        time.sleep(0.5)
    os._exit(0)


def serve(double: Double) -> None:
    engine = os.getppid()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(double, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    end_with(engine)


if __name__ == "__main__":
    serve(Double(sys.argv[1]))
