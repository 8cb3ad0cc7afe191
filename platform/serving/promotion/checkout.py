"""A stack's file in a git checkout: committed as it was deployed, pushed onto what others pushed.

Nothing but this one file is touched: not the working tree, which a promotion reads, nor what else
is staged, nor the commits of others.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serving.promotion.commit_message import summary
from serving.promotion.commit_objects import Blob, CommitObjects, NotKept
from serving.promotion.git import Git, GitFailed
from serving.promotion.table import Table, joined, overtaken, table_in, with_table

ATTEMPTS: Final = 5
"""Where others commit or push at the same time …"""
PAUSE_SECONDS: Final = 0.5
"""… and what they get for it."""
NETWORK_SECONDS: Final = 30.0
_RACED: Final = (
    *("[rejected]", "cannot lock ref", "failed to update ref", "index.lock': File exists"),
)


@dataclass(frozen=True)
class _Upstream:
    remote: str
    branch: str
    """There."""
    tracking: str
    """Here."""


class Checkout:
    def __init__(self, file: Path) -> None:
        self.file = file
        self._git = Git(file.parent)

    def committed(self) -> Table:
        """Raises ServingError."""
        objects = self._objects()
        return table_in(objects.text(objects.blob("HEAD")))

    def commit(self, text: str, message: Callable[[Table, Table], str]) -> None:
        """`text` is what was deployed, whatever lies there by now; the message is of the tables
        before and after. Nothing where git has it already. Raises ServingError."""
        objects, after = self._objects(), table_in(text)

        def attempt() -> None:
            head = objects.sha("HEAD")
            blob = objects.blob(head)
            before = table_in(objects.text(blob))
            if before == after or overtaken(after, before):
                return
            new = objects.written(text, blob.mode)
            commit = objects.committed(head, new, message(before, after))
            # in this order: what is staged and not committed takes nothing back
            self._git(*objects.entry(new))
            self._git("update-ref", "-m", "promotion", "HEAD", commit, head)

        _repeated(attempt)

    def push(self) -> None:
        """What promotions have committed, and nothing else. Raises ServingError."""
        objects, upstream = self._objects(), self._upstream()

        def attempt() -> None:
            tip = self._tip(objects, upstream)
            if tip == objects.sha(upstream.tracking):
                return
            words = ("--porcelain", "--no-follow-tags", "--recurse-submodules=no")
            try:
                self._remotely("push", *words, upstream.remote, f"{tip}:{upstream.branch}")
            except GitFailed as error:
                if _raced(error):
                    words = ("--quiet", "--no-tags", "--recurse-submodules=no")
                    self._remotely("fetch", *words, upstream.remote, upstream.branch)
                raise

        _repeated(attempt)

    def _tip(self, objects: CommitObjects, upstream: _Upstream) -> str:
        """The commit that is to be pushed; where others have pushed, ours are made anew on it."""
        head, tip = objects.sha("HEAD"), objects.sha(upstream.tracking)
        commits = self._git("rev-list", "--reverse", f"{tip}..{head}").split()
        for commit in commits:
            if not objects.alone_in(commit):
                raise NotKept(
                    f"nothing was pushed: {upstream.tracking} does not have {commit[:10]}, which "
                    f"is no commit of {objects.path} alone; push it first"
                )
        if self._git("merge-base", head, tip).strip() == tip:
            return head
        for commit in commits:
            tip = _moved(objects, commit, tip)
        return tip

    def _upstream(self) -> _Upstream:
        try:
            branch = self._git("symbolic-ref", "--quiet", "HEAD").strip()
        except GitFailed:
            raise NotKept("nothing was pushed: HEAD is on no branch; check one out") from None
        asked = "%(upstream:remotename)%00%(upstream:remoteref)%00%(upstream)"
        answer = self._git("for-each-ref", f"--format={asked}", branch).removesuffix("\n")
        upstream = _Upstream(*answer.split("\0"))
        if not upstream.tracking:
            name = branch.removeprefix("refs/heads/")
            raise NotKept(f"nothing was pushed: branch {name} has no upstream")
        return upstream

    def _objects(self) -> CommitObjects:
        return CommitObjects(self._git, self.file)

    def _remotely(self, *words: str) -> None:
        self._git(*words, seconds=NETWORK_SECONDS)


def _moved(objects: CommitObjects, commit: str, onto: str) -> str:
    """A commit that changes there what this one changed here; `onto` itself where it has that."""
    parent, ours, theirs = (objects.blob(each) for each in (f"{commit}^", commit, onto))
    before, mine, there = (table_in(objects.text(each)) for each in (parent, ours, theirs))
    table = joined(before, mine, there)
    if table == there:
        return onto
    blob = ours if theirs == parent else _changed(objects, theirs, table)
    message, author = objects.said(commit)
    if message.startswith(old := summary(before, mine)):
        message = summary(there, table) + message.removeprefix(old)
    return objects.committed(onto, blob, message, author)


def _changed(objects: CommitObjects, blob: Blob, table: Table) -> Blob:
    return objects.written(with_table(objects.text(blob), table), blob.mode)


def _repeated(attempt: Callable[[], None]) -> None:
    """As long as somebody else was faster."""
    for _ in range(ATTEMPTS - 1):
        try:
            return attempt()
        except GitFailed as error:
            if not _raced(error):
                raise
        time.sleep(PAUSE_SECONDS)
    return attempt()


def _raced(error: GitFailed) -> bool:
    return any(said in error.said for said in _RACED)
