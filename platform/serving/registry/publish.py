"""Publishing: check, build aside, read back, commit, then enter the version in the model's YAML."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final, TypeAlias

from serving.contract.model import ModelContract, contract_digest, frozen
from serving.contract.repository import CONTRACT, FileProblem, parts, placed, problems
from serving.contract.runtime import TritonRuntime
from serving.contract.triton_config import files as triton_files
from serving.errors import InputError
from serving.registry.errors import Refused, failing
from serving.registry.files import Files, Listed
from serving.registry.manifest import Entry, Manifest, tree_digest
from serving.registry.model_file import ModelFile
from serving.registry.store import Store
from serving.registry.transfer import Advance, Chunks, Meter, each, entry_of, silent
from serving.registry.verify import check, find, read_manifest

MAX_ORIGIN: Final = 500

Take: TypeAlias = Callable[[str, io.RawIOBase, int, Advance], Entry]
"""Name, content, size and meter of a file → what it is; `Staging.write` is one."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What is to become a version."""

    model: ModelFile
    version: int
    source: Files
    origin: str
    """What the manifest and the YAML say of where it came from."""
    created: datetime

    @cached_property
    def contract(self) -> ModelContract:
        """With this version's overrides."""
        return self.model.contract.at(self.version)


def publish(candidate: Candidate, store: Store, meter: Meter = silent) -> Manifest:
    """Raises before anybody can see the version, or leaves it complete.

    A run that was killed between store and YAML is finished by the next one.
    """
    _check_number(candidate)
    listed = _listed(candidate)
    name, version = candidate.contract.name, candidate.version
    if str(version) in store.versions(name):
        return _finish(candidate, listed, store, meter)
    with store.staging(name, version) as staging:
        doing = f"copying to {store.where}"
        entries = _entries(candidate, listed, staging.write, meter, doing)
        manifest = _manifest(candidate, entries)
        _check_unchanged(candidate, listed)
        _check_known(candidate, manifest)
        check(manifest, staging, meter)
        candidate.model.check_unchanged()
        staging.commit(manifest.to_bytes())
    _enter(candidate, manifest)
    return manifest


def contract_files(contract: ModelContract, version: int) -> Mapping[str, bytes]:
    """What a version's folder holds besides the artifact."""
    text = json.dumps(frozen(contract, version), sort_keys=True, separators=(",", ":"))
    made = triton_files(contract, version) if isinstance(contract.runtime, TritonRuntime) else {}
    return {CONTRACT: text.encode(), **made}


def _check_number(candidate: Candidate) -> None:
    known = candidate.contract.published
    newest = max(known, default=0)
    if candidate.version not in known and candidate.version < newest:
        raise InputError(
            f"{candidate.contract.name}: version {candidate.version} is below the newest, "
            f"{newest}: numbers only grow, publish {newest + 1}"
        )
    if len(candidate.origin) > MAX_ORIGIN:
        raise InputError(f"--from: is longer than {MAX_ORIGIN} characters")
    if candidate.version not in known:
        candidate.model.check_takes(candidate.version)


def _listed(candidate: Candidate) -> Mapping[str, Listed]:
    """Python's caches are left out: they change whenever the model is tried."""
    listed = {
        path: found
        for path, found in candidate.source.listed().items()
        if not path.endswith("/") and "__pycache__" not in path.split("/")
    }
    sizes = {path: found.size for path, found in listed.items()}
    if wrong := problems(candidate.contract, candidate.version, sizes):
        do = f"make these files what {candidate.model.path} says, or change that"
        raise Refused(candidate.source.where, wrong, do)
    return listed


def _entries(
    candidate: Candidate, listed: Mapping[str, Listed], take: Take, meter: Meter, doing: str
) -> dict[str, Entry]:
    """Hands over each file under its name in the version's folder."""

    def taken(path: str, advance: Advance) -> Entry:
        place = placed(candidate.contract, candidate.version, path)
        with failing(f"{path}: {doing} failed"), candidate.source.open(path) as stream:
            entry = take(place, stream, listed[path].size, advance)
        if entry.size != listed[path].size:
            what = f"gave {entry.size} bytes, expected {listed[path].size}"
            raise Refused(candidate.source.where, [FileProblem(path, what)], "try again")
        return entry

    with meter(doing, sum(found.size for found in listed.values())) as advance:
        entries = each(taken, listed, advance)
    places = (placed(candidate.contract, candidate.version, path) for path in listed)
    result = dict(zip(places, entries, strict=True))
    for path, content in contract_files(candidate.contract, candidate.version).items():
        with failing(f"{path}: {doing} failed"):
            result[path] = take(path, Chunks(iter([content])), len(content), lambda size: None)
    return result


def _manifest(candidate: Candidate, entries: dict[str, Entry]) -> Manifest:
    backends = sorted({backend for backend in parts(candidate.contract).values() if backend})
    return Manifest(
        schema=1,
        model=candidate.contract.name,
        version=candidate.version,
        framework=", ".join(backends) or candidate.contract.runtime.engine,
        source=candidate.origin,
        created=candidate.created,
        contract=contract_digest(candidate.contract, candidate.version),
        digest=tree_digest(entries),
        size=sum(entry.size for entry in entries.values()),
        files=entries,
    )


def _check_unchanged(candidate: Candidate, listed: Mapping[str, Listed]) -> None:
    now = _listed(candidate)
    changed = {path for path, _ in listed.items() ^ now.items()}
    if changed:
        wrong = (FileProblem(path, "was changed while it was copied") for path in changed)
        raise Refused(candidate.source.where, wrong, "let nobody write there, then try again")


def _check_known(candidate: Candidate, manifest: Manifest) -> None:
    """A version that the YAML has already may go to one more store, if it is the same."""
    known = candidate.contract.published.get(candidate.version)
    if known and known.digest != manifest.digest:
        raise InputError(
            f"{candidate.model.path}: says that version {candidate.version} is {known.digest}, "
            f"these files and this contract make {manifest.digest}: "
            f"publish {max(candidate.contract.published) + 1}"
        )


def _finish(
    candidate: Candidate, listed: Mapping[str, Listed], store: Store, meter: Meter
) -> Manifest:
    """A version that is in the store already: nothing is written there."""
    name, version = candidate.contract.name, candidate.version
    stored = read_manifest(find(store, name, version), name, version)
    doing = f"comparing with {store.where}"
    entries = _entries(candidate, listed, _hashed, meter, doing)
    if tree_digest(entries) != stored.digest:
        different = {path for path, _ in entries.items() ^ stored.files.items()}
        wrong = (FileProblem(path, "is not the same") for path in different)
        raise Refused(
            f"{name} {version} is in {store.where} already, and a version never changes; this",
            wrong,
            "publish the next number",
        )
    if version in candidate.contract.published:
        raise InputError(
            f"{name} {version} is in {store.where} already, with the same content: "
            "there is nothing to do"
        )
    _enter(candidate, stored)
    return stored


def _hashed(place: str, content: io.RawIOBase, size: int, advance: Advance) -> Entry:
    return entry_of(content, advance)


def _enter(candidate: Candidate, manifest: Manifest) -> None:
    if candidate.version not in candidate.contract.published:
        candidate.model.add(
            candidate.version,
            {
                "digest": manifest.digest,
                "contract": manifest.contract,
                "source": manifest.source,
            },
        )
