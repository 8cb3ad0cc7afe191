"""Are the files of a version still those that were published?"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping

from serving.contract.model import Version
from serving.contract.repository import MANIFEST, FileProblem
from serving.errors import InputError
from serving.registry.errors import Refused, failing
from serving.registry.files import Files, Listed
from serving.registry.manifest import MAX_BYTES, Entry, Manifest, parse
from serving.registry.store import Store
from serving.registry.transfer import Advance, Meter, each, entry_of, silent

_DO = "do not serve it: publish the files again under a new number"


def verify(
    store: Store,
    model: str,
    version: int,
    *,
    promised: Version | None = None,
    meter: Meter = silent,
) -> Manifest:
    """Reads every byte. `promised` is what the model's YAML says. Raises Refused."""
    files = find(store, model, version)
    manifest = read_manifest(files, model, version)
    if promised is not None:
        _check_promise(files, manifest, promised)
    check(manifest, files, meter)
    return manifest


def find(store: Store, model: str, version: int) -> Files:
    if str(version) not in store.versions(model):
        raise InputError(f"{model} {version} is not in {store.where}: `list` shows what is")
    return store.version(model, version)


def read_manifest(files: Files, model: str, version: int) -> Manifest:
    """Raises Refused, also where the manifest speaks of another version."""
    with failing(f"{files.where}/{MANIFEST}"):
        try:
            with files.open(MANIFEST) as stream, io.BufferedReader(stream) as whole:
                raw = whole.read(MAX_BYTES + 1)
        except FileNotFoundError:
            raise Refused(files.where, [FileProblem(MANIFEST, "is missing")], _DO) from None
    manifest = parse(raw, files.where)
    if (manifest.model, manifest.version) != (model, version):
        what = f"is that of {manifest.model} {manifest.version}, expected {model} {version}"
        raise Refused(files.where, [FileProblem(MANIFEST, what)], _DO)
    return manifest


def check(manifest: Manifest, files: Files, meter: Meter) -> None:
    """Raises Refused with every file that is missing, too many or different."""
    listed = {path: found for path, found in files.listed().items() if path != MANIFEST}
    problems = [*_differences(manifest.files, listed)]
    different = {problem.path for problem in problems}
    same = [path for path in manifest.files if path not in different]

    def hashed(path: str, advance: Advance) -> FileProblem | None:
        with failing(f"{files.where}/{path}"), files.open(path) as stream:
            found = entry_of(stream, advance)
        if found == manifest.files[path]:
            return None
        return FileProblem(path, f"has SHA-256 {found.sha256}, not that of the manifest")

    with meter("verifying", sum(manifest.files[path].size for path in same)) as advance:
        problems += filter(None, each(hashed, same, advance))
    if problems:
        raise Refused(files.where, problems, _DO)


def _differences(
    promised: Mapping[str, Entry], listed: Mapping[str, Listed]
) -> Iterator[FileProblem]:
    for path in promised.keys() | listed.keys():
        if path not in listed:
            yield FileProblem(path, "is missing")
        elif path not in promised:
            yield FileProblem(path, "is not in the manifest")
        elif promised[path].size != listed[path].size:
            what = f"has {listed[path].size} bytes, expected {promised[path].size}"
            yield FileProblem(path, what)


def _check_promise(files: Files, manifest: Manifest, promised: Version) -> None:
    for what, got, expected in (
        ("digest", manifest.digest, promised.digest),
        ("contract", manifest.contract, promised.contract),
    ):
        if got != expected:
            said = f"has the {what} {got}, the model's YAML says {expected}"
            raise Refused(files.where, [FileProblem(MANIFEST, said)], _DO)
