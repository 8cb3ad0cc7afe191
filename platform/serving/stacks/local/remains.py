"""What is there of a local stack though no state of Pulumi's says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from components.local import document, folder, gateway_documents, process, supervision
from serving.stacks.local.place import Place
from serving.stacks.local.triton import STOP_SECONDS

_WORKS: Final[Mapping[str, Any]] = {
    "Process": process,
    "Document": document,
    "GatewayDocuments": gateway_documents,
    "Folder": folder,
}


def find(resource: Mapping[str, Any]) -> str | None:
    """The id of what a dead engine had begun. All that the stack makes is known by an input that
    names it, and made or ended again without harm, so it may be taken for there."""
    work = _WORKS.get(resource["type"].rpartition(":")[2])
    return str(resource["inputs"][work.KEY]) if work else None


def end(place: Place) -> None:
    """Every process that has a record."""
    for record in place.records.glob("*.json"):
        supervision.stop(
            {
                "name": record.stem,
                "records": str(place.records),
                "stop_seconds": STOP_SECONDS,
                "linked": {str(place.folder_of(record.stem)): ""},
                "leaves": [],
            }
        )
