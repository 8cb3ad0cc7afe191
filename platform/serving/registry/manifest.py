"""The manifest: what a version consists of, file by file, and where it came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
    model_validator,
)

from serving.contract.fields import Digest, Name, Text
from serving.contract.repository import (
    CONTRACT,
    MANIFEST,
    MAX_FILES,
    FileProblem,
    clashes,
    misplaced,
    name_problem,
    shown,
)
from serving.registry.errors import Refused

MAX_BYTES: Final = 32 << 20
"""Room for MAX_FILES entries of ordinary length."""

Size = Annotated[int, Field(ge=0, le=1 << 50)]


class Entry(BaseModel):
    """One file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Size


class Manifest(BaseModel):
    """`manifest.json`. It describes every other file of its folder."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )

    schema_version: Literal[1] = Field(alias="schema")
    model: Name
    version: Annotated[int, Field(ge=1, le=2**31)]
    framework: Text
    """The Triton backends that load it, or the engine."""
    source: Text
    """Where the files were taken from."""
    created: AwareDatetime
    contract: Digest
    """Of `contract.json`, the contract as it was frozen."""
    digest: Digest
    """Of all files; see `tree_digest`."""
    size: Size
    """Of all files together."""
    files: Annotated[dict[str, Entry], Field(min_length=1, max_length=MAX_FILES)]

    @field_serializer("created")
    def _in_utc(self, created: datetime) -> str:
        return created.astimezone(UTC).isoformat().replace("+00:00", "Z")

    @model_validator(mode="after")
    def _sound(self) -> Self:
        wrong = [FileProblem(path, what) for path in self.files if (what := _wrong(self, path))]
        wrong = wrong or [*clashes(self.files)]
        if wrong:
            raise ValueError(f"{wrong[0]}")
        if self.digest != tree_digest(self.files):
            raise ValueError("digest: is not that of the files listed")
        if self.size != sum(entry.size for entry in self.files.values()):
            raise ValueError("size: is not that of the files listed")
        if CONTRACT not in self.files:
            raise ValueError(f"files: {CONTRACT} is missing")
        if self.contract != f"sha256:{self.files[CONTRACT].sha256}":
            raise ValueError(f"contract: is not the digest of {CONTRACT}")
        return self

    def to_bytes(self) -> bytes:
        document = self.model_dump(mode="json", by_alias=True)
        document["files"] = dict(sorted(document["files"].items()))
        return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _wrong(manifest: Manifest, path: str) -> str | None:
    if path == MANIFEST:
        return "cannot list itself"
    return name_problem(path) or misplaced(path, manifest.version)


def tree_digest(files: Mapping[str, Entry]) -> str:
    """SHA-256 over one line `<sha256> <size> <path>` for each file, in the byte order of paths."""
    digest = hashlib.sha256()
    for path, entry in sorted(files.items()):
        digest.update(f"{entry.sha256} {entry.size} {path}\n".encode())
    return f"sha256:{digest.hexdigest()}"


def parse(raw: bytes, where: str) -> Manifest:
    """Raises Refused."""
    if len(raw) > MAX_BYTES:
        raise _refused(where, f"is larger than {MAX_BYTES >> 20} MiB")
    try:
        # pydantic takes the last of two equal keys
        json.loads(raw.decode(), object_pairs_hook=_no_key_twice)
        return Manifest.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise _refused(where, shown(f"{field}: {what}" if field else what)) from None
    except (ValueError, RecursionError) as error:
        raise _refused(where, f"is not JSON: {shown(str(error))[:200]}") from None


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"{key!r} is given twice")
        result[key] = value
    return result


def _refused(where: str, what: str) -> Refused:
    return Refused(where, [FileProblem(MANIFEST, what)], "publish the version again")
