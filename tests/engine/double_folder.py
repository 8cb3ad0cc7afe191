"""A provider whose cloud is a folder: one file an object, so that tests can look at it.

Like many clouds it takes the same name twice: what is created again is a second object.
`python -m tests.engine.double_folder FOLDER` starts it. What it does, it adds to
`FOLDER/../operations`. Where `FOLDER/../fault` says `<operation> <name> <before|after>`, it stops
there until there is a file `go-on`, and says so in `reached`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf import empty_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import provider_pb2

from tests.engine.double import Double, _struct, serve


class Folder(Double):
    def __init__(self, folder: Path) -> None:
        self.version = "1.0.0"
        self.folder = folder

    def Create(self, request: Any, context: Any) -> Any:
        if request.preview:
            return provider_pb2.CreateResponse(properties=request.properties)
        inputs = MessageToDict(request.properties)
        id_ = name = request.urn.rpartition("::")[2]
        while self._file(id_).exists():
            id_ += "~"
        self._fault("create", name, "before")
        self.write("create", id_, inputs)
        self._fault("create", name, "after")
        return provider_pb2.CreateResponse(id=id_, properties=_struct(inputs))

    def Update(self, request: Any, context: Any) -> Any:
        inputs = MessageToDict(request.news)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=_struct(inputs))
        self._fault("update", request.id, "before")
        self.write("update", request.id, inputs)
        self._fault("update", request.id, "after")
        return provider_pb2.UpdateResponse(properties=_struct(inputs))

    def Read(self, request: Any, context: Any) -> Any:
        file = self._file(request.id)
        if not file.exists():
            return provider_pb2.ReadResponse()
        found = _struct(json.loads(file.read_text(encoding="utf-8")))
        return provider_pb2.ReadResponse(id=request.id, properties=found, inputs=found)

    def Delete(self, request: Any, context: Any) -> Any:
        self._fault("delete", request.id, "before")
        self._file(request.id).unlink(missing_ok=True)
        self._note("delete", request.id, {})
        self._fault("delete", request.id, "after")
        return empty_pb2.Empty()

    def _file(self, id_: str) -> Path:
        return self.folder / f"{id_}.json"

    def write(self, operation: str, id_: str, inputs: Mapping[str, Any]) -> None:
        part = self._file(id_).with_suffix(".part")
        part.write_text(json.dumps(inputs), encoding="utf-8")
        part.rename(self._file(id_))
        self._note(operation, id_, inputs)

    def _note(self, operation: str, id_: str, inputs: Mapping[str, Any]) -> None:
        line = json.dumps({"operation": operation, "id": id_, "inputs": dict(inputs)})
        with (self.folder.parent / "operations").open("a", encoding="utf-8") as stream:
            stream.write(f"{line}\n")

    def _fault(self, *here: str) -> None:
        place = self.folder.parent
        fault, reached, go_on = (place / name for name in ("fault", "reached", "go-on"))
        if fault.exists() and fault.read_text(encoding="utf-8").split() == list(here):
            fault.unlink()
            reached.touch()
            while not go_on.exists():
                time.sleep(0.02)
            reached.unlink()
            go_on.unlink()


if __name__ == "__main__":
    serve(Folder(Path(sys.argv[1])))
