"""Real git repositories with a stack's file: a bare one, and clones of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from serving.promotion.checkout import Checkout
from serving.promotion.commit_message import message
from serving.promotion.table import Table, table_in, with_table
from serving.settings import Release

FILE: Final = "Pulumi.dev.yaml"
WRITTEN: Final = """\
config:
  serving:target: aws # what people write
  serving:zones: [a, b]
  serving:releases:
    digits:
      revision: 3
      stable: 1
      weight: 0
    words:
      revision: 5
      stable: 1
      weight: 0
"""


@dataclass(frozen=True)
class Clone:
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / FILE

    @property
    def checkout(self) -> Checkout:
        return Checkout(self.file)

    def git(self, *words: str) -> str:
        run = subprocess.run(
            ["git", "-C", str(self.folder), *words], capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        return run.stdout.rstrip("\n")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def commit(self, name: str, text: str, subject: str) -> None:
        """As people do."""
        self.write(name, text)
        self.git("add", name)
        self.git("commit", "--quiet", "-m", subject)

    def publish(self, name: str, text: str, subject: str) -> None:
        self.commit(name, text, subject)
        self.git("push", "--quiet", "origin", "HEAD:main")

    def deploy(self, **changes: Release | None) -> str:
        """As an update leaves the file."""
        text = self.file.read_text(encoding="utf-8")
        table: dict[str, Release] = {**table_in(text)}
        for model, release in changes.items():
            table.pop(model, None)
            if release is not None:
                table[model] = release
        self.write(FILE, with_table(text, table))
        return self.file.read_text(encoding="utf-8")

    def step(self, **changes: Release | None) -> None:
        text = self.deploy(**changes)
        self.checkout.commit(text, lambda before, after: message(before, after, {}))

    def subjects(self, where: str = "HEAD") -> list[str]:
        """From the first commit on."""
        return self.git("log", "--reverse", "--format=%s", where).splitlines()

    def table(self, where: str = "HEAD") -> Table:
        return table_in(self.git("show", f"{where}:{FILE}"))


@dataclass(frozen=True)
class Place:
    """One bare repository, named `origin` by its clones."""

    folder: Path

    @property
    def origin(self) -> Path:
        return self.folder / "origin.git"

    def clone(self, name: str, *words: str) -> Clone:
        address = self.origin.as_uri() if words else str(self.origin)
        _git(self.folder, "clone", "--quiet", *words, address, name)
        return Clone(self.folder / name)


def place_in(folder: Path, files: Mapping[str, str]) -> Place:
    """With one commit, on `main`."""
    made = Place(folder)
    _git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(made.origin))
    first = made.clone("first")
    first.git("checkout", "--quiet", "-B", "main")
    for name, text in files.items():
        first.write(name, text)
        first.git("add", name)
    first.git("commit", "--quiet", "-m", "Begin")
    first.git("push", "--quiet", "origin", "main")
    return made


def settings(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Git's own, in place of those of who runs the tests."""
    file = folder / "gitconfig"
    file.write_text("[user]\n\tname = Kim\n\temail = kim@example.org\n", encoding="utf-8")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        patch.delenv(name)
    for name in ("GITHUB_ACTOR", "GITHUB_ACTOR_ID", "EMAIL"):
        patch.delenv(name, raising=False)
    patch.setenv("GIT_CONFIG_GLOBAL", str(file))
    patch.setenv("GIT_CONFIG_NOSYSTEM", "1")


def _git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, capture_output=True, check=True)
