from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.contract.document import parse
from serving.errors import InputError, ServingError
from serving.registry.model_file import read, with_version
from tests.unit.serving.contract.contracts import DIGITS

ENTRY = {"digest": f"sha256:{'a' * 64}", "contract": f"sha256:{'b' * 64}", "source": "trained/2"}
ADDED = f"""\
  2:
    digest: sha256:{"a" * 64}
    contract: sha256:{"b" * 64}
    source: trained/2
"""
FIRST = ADDED.replace("2:", "1:", 1)


def added(text: str, version: int = 2) -> str:
    return with_version(text.encode(), version, ENTRY).decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("name: x\n", f"name: x\nversions:\n{ADDED}"),
        ("name: x", f"name: x\nversions:\n{ADDED}"),
        ("name: x\nversions:\n", f"name: x\nversions:\n{ADDED}"),
        ("versions: {}  # none yet\nname: x\n", f"versions:  # none yet\n{ADDED}name: x\n"),
        ("versions:  # none yet\n\nname: x\n", f"versions:  # none yet\n{ADDED}\nname: x\n"),
        (f"versions:\n{FIRST}\n# next\nname: x\n", f"versions:\n{FIRST}{ADDED}\n# next\nname: x\n"),
        (f"versions:\n{FIRST}", f"versions:\n{FIRST}{ADDED}"),
        (f"versions:\n{FIRST}"[:-1], f"versions:\n{FIRST}{ADDED}"),
        ("---\nname: x\n", f"---\nname: x\nversions:\n{ADDED}"),
        ("\ufeffname: x\n", f"\ufeffname: x\nversions:\n{ADDED}"),
    ],
    ids=[
        "no versions", "no new line at the end", "versions without value", "braces and a comment",
        "comment and an empty line", "one version, then more", "one version at the end",
        "one version, no new line at the end", "document start", "byte order mark",
    ],
)  # fmt: skip
def test_a_version_is_added_as_lines_of_its_own(before: str, after: str) -> None:
    assert added(before) == after


def test_a_deeper_indentation_is_kept() -> None:
    before = "versions:\n      1:\n        digest: x\nname: x\n"
    assert "\n      2:\n        digest: sha256:" in added(before)


def test_overrides_of_the_version_before_stay_with_it() -> None:
    before = (
        "versions:\n  1:\n    overrides:\n      models: {a: {backend: x,\n        b: [1]}}  # c\n"
    )
    assert added(before) == before + ADDED


def test_a_file_whose_versions_are_in_braces_is_refused_before_anything_is_written() -> None:
    with pytest.raises(InputError, match="write it as a block"):
        added("versions: {1: {digest: x}}\n")


names = st.text(alphabet="abcdefgh", min_size=1, max_size=6).filter(lambda n: n != "versions")
values = st.sampled_from(
    ["1", "[1, 2,\n    3]", "{a: 1, b: [2]}", '"quoted"', "'it''s'", "|\n  some\n  text",
     ">-\n  folded\n  text", "\n  - a\n  - b: c", "\n  deep:\n    deeper: x", "~", "null"]
)  # fmt: skip
comments = st.sampled_from(["", "# a comment\n", "\n", "\n# one\n# two\n\n"])


@st.composite
def documents(draw: st.DrawFn) -> str:
    entries = draw(st.lists(st.tuples(names, values, comments), unique_by=lambda e: e[0]))
    text = [f"{comment}{name}: {value}\n" for name, value, comment in entries]
    if draw(st.booleans()):
        block = "".join(draw(comments) + FIRST.replace("1:", f"{n}:", 1) for n in draw(versions))
        text.insert(draw(st.integers(0, len(text))), f"versions:\n{block}" if block else "")
    return "".join(text) or "name: x\n"


versions = st.lists(st.sampled_from([1, 3, 4, 50]), unique=True)


@given(documents())
def test_adding_a_version_only_adds_lines(before: str) -> None:
    after = added(before)
    rest = iter(after.splitlines())
    assert all(line in rest for line in before.splitlines()), "a line was changed or moved"
    document = parse(before.encode(), "x").data
    assert isinstance(document, dict)
    document["versions"] = {**(document.get("versions") or {}), "2": ENTRY}
    assert parse(after.encode(), "x").data == document


@pytest.fixture
def yaml(tmp_path: Path) -> Path:
    path = tmp_path / "digits.yaml"
    path.write_text(f"# ours\n{DIGITS}# the end\n")
    return path


def test_the_file_is_replaced_as_a_whole_and_keeps_its_mode(yaml: Path) -> None:
    yaml.chmod(0o640)
    before = yaml.stat()
    read(yaml).add(1, ENTRY)
    after = yaml.stat()
    assert stat.S_IMODE(after.st_mode) == 0o640
    assert before.st_ino != after.st_ino
    assert os.listdir(yaml.parent) == ["digits.yaml"]
    assert read(yaml).contract.versions[1].source == "trained/2"


def test_a_file_reached_through_a_link_is_written_where_it_lies(yaml: Path, tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    yaml.rename(real / "digits.yaml")
    yaml.symlink_to(real / "digits.yaml")
    read(yaml).add(1, ENTRY)
    assert yaml.is_symlink()
    assert "trained/2" in (real / "digits.yaml").read_text()


def test_a_file_changed_meanwhile_is_not_overwritten(yaml: Path) -> None:
    model = read(yaml)
    yaml.write_text(yaml.read_text() + "# more\n")
    with pytest.raises(ServingError, match="was changed meanwhile: run the same command again"):
        model.add(1, ENTRY)
    assert yaml.read_text().endswith("# the end\n# more\n")
