from __future__ import annotations

import hashlib
import random
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from serving.contract.repository import clashes, name_problem
from serving.registry.errors import Refused
from serving.registry.manifest import Entry, Manifest, parse, tree_digest
from tests.unit.serving.registry.hostile_sources import FILES
from tests.unit.serving.registry.workplace import Workplace

entries = st.builds(
    Entry,
    sha256=st.binary(min_size=32, max_size=32).map(bytes.hex),
    size=st.integers(0, 1 << 40),
)
names = st.text(min_size=1, max_size=12).filter(lambda name: name_problem(name) is None)
trees = st.dictionaries(names, entries, max_size=8).filter(lambda tree: not [*clashes(tree)])


def manifest_of(tree: dict[str, Entry], created: datetime) -> Manifest:
    contract = Entry(sha256="c" * 64, size=2)
    files = {"contract.json": contract, **{f"digits/3/{path}": e for path, e in tree.items()}}
    return Manifest(
        schema=1,
        model="digits",
        version=3,
        framework="python",
        source="trained/digits",
        created=created,
        contract=f"sha256:{contract.sha256}",
        digest=tree_digest(files),
        size=sum(entry.size for entry in files.values()),
        files=files,
    )


@given(trees, st.datetimes(timezones=st.just(UTC)))
def test_a_manifest_survives_being_written_and_read(
    tree: dict[str, Entry], created: datetime
) -> None:
    manifest = manifest_of(tree, created)
    assert parse(manifest.to_bytes(), "here") == manifest


@given(trees, st.randoms())
def test_the_digest_does_not_depend_on_the_order_of_files(
    tree: dict[str, Entry], order: random.Random
) -> None:
    shuffled = list(tree.items())
    order.shuffle(shuffled)
    assert tree_digest(dict(shuffled)) == tree_digest(tree)


@given(trees, names, entries)
def test_the_digest_changes_with_every_name_size_and_sum(
    tree: dict[str, Entry], name: str, entry: Entry
) -> None:
    changed = {**tree, name: entry}
    assert (tree_digest(changed) == tree_digest(tree)) == (changed == tree)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_manifest_are_refused_and_nothing_else_happens(raw: bytes) -> None:
    with pytest.raises(Refused, match=r"manifest\.json"):
        parse(raw, "here")


def test_the_digest_is_what_coreutils_compute(tmp_path: Path) -> None:
    workplace = Workplace(tmp_path).set_up({**FILES, "Größe.txt": b"8", "a.b": b"", "a/b": b"x"})
    manifest = workplace.publish()
    script = """
        find . -type f ! -name manifest.json -printf '%P\\n' | LC_ALL=C sort | while read -r path
        do echo "$(sha256sum < "$path" | cut -d' ' -f1) $(stat -c %s "$path") $path"
        done | sha256sum | cut -d' ' -f1
    """
    answer = subprocess.run(
        ["bash", "-c", script], cwd=workplace.folder(), capture_output=True, text=True, check=True
    )
    assert manifest.digest == f"sha256:{answer.stdout.strip()}"


def test_the_contract_digest_is_the_sum_of_the_frozen_contract(tmp_path: Path) -> None:
    workplace = Workplace(tmp_path).set_up(FILES)
    manifest = workplace.publish()
    content = (workplace.folder() / "contract.json").read_bytes()
    assert manifest.contract == f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_the_time_is_written_in_utc() -> None:
    zone = timezone(timedelta(hours=2))
    manifest = manifest_of({}, datetime(2026, 7, 1, 14, 30, tzinfo=zone))
    assert b'"created": "2026-07-01T12:30:00Z"' in manifest.to_bytes()


def test_a_manifest_without_metadata_cannot_be_made() -> None:
    with pytest.raises(ValidationError, match="framework"):
        Manifest(schema=1, model="digits", version=3)  # type: ignore[call-arg]  # the point
