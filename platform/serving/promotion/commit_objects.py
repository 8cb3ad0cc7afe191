"""One file in git's own objects: read from any commit, changed in a new one that no branch has."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from serving.errors import ServingError
from serving.promotion.git import Git, GitFailed


class NotKept(ServingError):
    """Git does not have it, and it is for a person to say why not."""


@dataclass(frozen=True)
class Blob:
    """The file as a commit has it."""

    mode: str
    """Whether it may be run."""
    sha: str


class CommitObjects:
    def __init__(self, git: Git, file: Path) -> None:
        """Raises NotKept, GitFailed."""
        self._git = git
        try:
            folder = git("rev-parse", "--show-prefix").removesuffix("\n")
        except GitFailed as error:
            if "not a git repository" not in error.said:
                raise
            raise NotKept(f"{file.parent} is in no git repository") from None
        self.path = f"{folder}{file.name}"
        """In the repository."""

    def sha(self, name: str) -> str:
        return self._git("rev-parse", "--verify", f"{name}^{{commit}}").strip()

    def blob(self, commit: str) -> Blob:
        listed = self._git("ls-tree", "--full-tree", "-z", commit, "--", self.path)
        if not listed.startswith("100"):  # neither a link nor a folder
            raise NotKept(f"{self.path} is no file that git has: commit it once by hand")
        mode, _, sha = listed.partition("\t")[0].split(" ")
        return Blob(mode, sha)

    def text(self, blob: Blob) -> str:
        return self._git("cat-file", "blob", blob.sha)

    def written(self, text: str, mode: str) -> Blob:
        sha = self._git("hash-object", "-w", "--stdin", "--path", self.path, text=text)
        return Blob(mode, sha.strip())

    def entry(self, blob: Blob) -> tuple[str, ...]:
        """The command that puts it into an index."""
        return ("update-index", "--cacheinfo", f"{blob.mode},{blob.sha},{self.path}")

    def alone_in(self, commit: str) -> bool:
        """That commit changes this file and no other."""
        words = ("--no-commit-id", "--name-only", "-r", "-z")
        return self._git("diff-tree", *words, commit) == f"{self.path}\0"

    def committed(
        self, parent: str, blob: Blob, message: str, author: Mapping[str, str] | None = None
    ) -> str:
        """The new commit."""
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": f"{folder}/index"}
            self._git("read-tree", parent, variables=index)
            self._git(*self.entry(blob), variables=index)
            # a partial clone does not have every file of the tree
            tree = self._git("write-tree", "--missing-ok", variables=index).strip()
        signed = ("-S",) if self._config("commit.gpgSign", "--type=bool") == "true" else ()
        words = ("commit-tree", *signed, "-F", "-", "-p", parent, tree)
        who = self._identity() | dict(author or {})
        return self._git(*words, text=message, variables=who).strip()

    def said(self, commit: str) -> tuple[str, Mapping[str, str]]:
        """Its message, and the variables that name its author."""
        shown = self._git(
            "show", "-s", "--no-show-signature", "--format=%an%x00%ae%x00%aI%x00%B", commit
        )
        *author, message = shown.split("\0", 3)
        names = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_AUTHOR_DATE")
        return message.strip() + "\n", dict(zip(names, author, strict=True))

    def _identity(self) -> dict[str, str]:
        """Of whom CI works for, where git's own configuration names nobody."""
        actor, number = os.environ.get("GITHUB_ACTOR"), os.environ.get("GITHUB_ACTOR_ID")
        if not actor or self._config("user.email"):
            return {}
        mail = f"{number}+{actor}" if number else actor
        named = {"NAME": actor, "EMAIL": f"{mail}@users.noreply.github.com"}
        said = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in named.items()
        }
        return {name: value for name, value in said.items() if name not in os.environ}

    def _config(self, name: str, *words: str) -> str:
        """Empty where it is not set."""
        try:
            return self._git("config", *words, "--get", name).strip()
        except GitFailed:
            return ""
