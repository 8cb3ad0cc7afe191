"""What custom resources must look like: the schemas of their definitions, and nothing beside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema

FOLDER: Final = Path(__file__).parent / "fixtures" / "crds"


@cache
def definitions() -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """By API version and kind; the schema of each, and whether it lies in a namespace."""
    found = {}
    for path in sorted(FOLDER.glob("*.json")):
        told = json.loads(path.read_text(encoding="utf-8"))
        for version, schema in told["versions"].items():
            key = (f"{told['group']}/{version}", told["kind"])
            properties = {
                **{name: {} for name in ("apiVersion", "kind", "metadata")},
                **schema["properties"],
            }
            found[key] = {
                "schema": strict({**schema, "properties": properties}),
                "namespaced": told["scope"] == "Namespaced",
            }
    return found


def errors(resource: Mapping[str, Any]) -> list[str]:
    """What the API server would refuse, or drop without a word."""
    key = (resource["apiVersion"], resource["kind"])
    if key not in definitions():
        return [f"there is no definition of {' '.join(key)}"]
    definition = definitions()[key]
    found = [
        f"{error.json_path}: {error.message}"
        for error in jsonschema.Draft202012Validator(definition["schema"]).iter_errors(resource)
    ]
    if ("namespace" in resource["metadata"]) != definition["namespaced"]:
        found.append("$.metadata.namespace: is there where it must not be, or missing")
    return found


def strict(schema: Any) -> Any:
    """A structural schema of Kubernetes as JSON Schema, that knows no other fields."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    result = {
        key: strict(value)
        for key, value in schema.items()
        if not key.startswith("x-") and key not in ("default", "format", "nullable")
    }
    if "properties" in schema:
        # whatever a property is called, it is no keyword
        result["properties"] = {name: strict(each) for name, each in schema["properties"].items()}
        closed = not schema.get("x-kubernetes-preserve-unknown-fields")
        if closed and "type" in schema and "additionalProperties" not in schema:
            result["additionalProperties"] = False
    return result
