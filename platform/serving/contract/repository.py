"""Does a folder of files keep the contract? Names, places, and what each backend must find."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from serving.contract.model import ModelContract
from serving.contract.runtime import Backend, TritonRuntime
from serving.contract.triton_config import MODEL_FILES

CONTRACT: Final = "contract.json"
MANIFEST: Final = "manifest.json"

MAX_FILES: Final = 100_000
MAX_PATH_BYTES: Final = 512
"""Leaves half of an S3 key's 1,024 to the bucket's prefix, the model and the version."""

REQUIRED: Final[Mapping[Backend, str | None]] = {
    **MODEL_FILES,
    "vllm": "model.json",
    "ensemble": None,
}
"""What each backend must find in the version's folder; an ensemble has no file of its own."""

_LOADABLE: Final = (".plan", ".onnx", ".pt", ".py")
_VERSION: Final = re.compile(r"[1-9][0-9]{0,9}")


@dataclass(frozen=True, order=True)
class FileProblem:
    """One file that is not as it has to be."""

    path: str
    what: str

    def __str__(self) -> str:
        return f"{shown(self.path)}: {self.what}"


def shown(path: str) -> str:
    """A name that is safe to print: what cannot be seen is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in path)


def version_number(name: str) -> int | None:
    """`12` → 12; None for everything else that int() would take, such as `012`, `+1` or `1_0`."""
    return int(name) if _VERSION.fullmatch(name) else None


def parts(contract: ModelContract) -> Mapping[str, Backend | None]:
    """The folders of a version: one for each Triton model, one for any other engine."""
    if isinstance(contract.runtime, TritonRuntime):
        return {name: model.backend for name, model in contract.runtime.models.items()}
    return {contract.name: None}


def placed(contract: ModelContract, version: int, path: str) -> str:
    """Where a file of the source goes; the source of a bundle has a folder for each model."""
    owners = parts(contract)
    if len(owners) == 1:
        (owner,) = owners
        return f"{owner}/{version}/{path}"
    owner, _, rest = path.partition("/")
    return f"{owner}/{version}/{rest}"


def misplaced(path: str, version: int) -> str | None:
    """Why a file has no place in a version's folder, or None."""
    owner, _, rest = path.partition("/")
    if not rest:
        return None if owner == CONTRACT else "does not belong at the top of a version's folder"
    if rest == "config.pbtxt" or rest.startswith(("warmup/", f"{version}/")):
        return None
    return f"belongs in {shown(owner)}/{version}/"


def problems(
    contract: ModelContract, version: int, sizes: Mapping[str, int]
) -> tuple[FileProblem, ...]:
    """Everything that keeps these files (path → bytes) from being this version's artifact."""
    if not sizes:
        return (FileProblem(".", "holds no files"),)
    if len(sizes) > MAX_FILES:
        return (FileProblem(".", f"holds {len(sizes)} files, expected ≤ {MAX_FILES}"),)
    room = MAX_PATH_BYTES - max(map(len, parts(contract))) - len(f"/{version}/")
    found = [FileProblem(p, what) for p in sizes if (what := name_problem(p, room))]
    found += clashes(sizes)
    found += _unowned(contract, sizes)
    for owner, backend in parts(contract).items():
        prefix = f"{owner}/" if len(parts(contract)) > 1 else ""
        own = {p.removeprefix(prefix): size for p, size in sizes.items() if p.startswith(prefix)}
        found += (FileProblem(prefix + path, what) for path, what in _wanting(backend, own))
    return tuple(sorted(found))


def name_problem(path: str, room: int = MAX_PATH_BYTES) -> str | None:
    """Why this relative path cannot be part of a version, or None."""
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    segments = path.split("/")
    if path.startswith("/"):
        return "its name is absolute"
    if ".." in segments:
        return "its name leads out of the folder"
    if "" in segments or "." in segments:
        return "its name has an empty part"
    if not path.isprintable():
        return "its name holds a character that cannot be seen"
    if "\\" in path or ":" in path:
        return "its name holds a backslash or a colon, which some systems read as a path"
    if any(segment != segment.strip() for segment in segments):
        return "its name begins or ends with a space"
    if len(encoded) > room or any(len(segment.encode()) > 255 for segment in segments):
        return f"its name is too long, expected ≤ {room} bytes, each part ≤ 255"
    return None


def clashes(paths: Collection[str]) -> Iterator[FileProblem]:
    """Names that some file systems hold to be the same, and files that are also folders."""
    first: dict[str, str] = {}
    for path in sorted(paths):
        steps = path.split("/")
        for end in range(1, len(steps) + 1):
            name = "/".join(steps[:end])
            other = first.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
            if other != name:
                yield FileProblem(path, f"differs from {shown(other)} only in how it is written")
                break
            if end < len(steps) and name in paths:
                yield FileProblem(path, f"{shown(name)} is a file and a folder")
                break


def _unowned(contract: ModelContract, paths: Iterable[str]) -> Iterator[FileProblem]:
    owners = parts(contract)
    if len(owners) == 1:
        return
    for path in paths:
        owner, _, rest = path.partition("/")
        if not rest or owner not in owners:
            wanted = ", ".join(f"{name}/" for name in owners if owners[name] != "ensemble")
            yield FileProblem(path, f"belongs to no model of the bundle, expected it in {wanted}")
        elif owners[owner] == "ensemble":
            yield FileProblem(path, "an ensemble has no files of its own")


def _wanting(backend: Backend | None, sizes: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    if "config.pbtxt" in sizes and backend is not None:
        yield "config.pbtxt", "is made from the contract: remove it from the source"
    wanted = REQUIRED[backend] if backend else None
    if wanted is None:
        return
    found = {path: size for path, size in sizes.items() if path == wanted}
    if backend == "onnxruntime":
        # a folder of that name holds the model with its weights in files of their own
        found |= {path: size for path, size in sizes.items() if path == f"{wanted}/{wanted}"}
    if not found:
        others = [shown(path) for path in sorted(sizes) if path.endswith(_LOADABLE)]
        hint = f"; there is {', '.join(others[:3])}" if others else ""
        yield wanted, f"is missing, {backend} loads it{hint}"
    elif not any(found.values()):
        yield wanted, "is empty"
