"""The contract as JSON Schema, for editors."""

from __future__ import annotations

import json

from pydantic import BaseModel


def json_schema(kind: type[BaseModel], title: str) -> str:
    """JSON Schema (2020-12) of a document kind, as text that ends in a newline."""
    schema = kind.model_json_schema()
    schema |= {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
