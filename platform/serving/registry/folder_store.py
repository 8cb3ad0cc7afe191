"""A store in a folder: built aside, synced, renamed; read-only from then on."""

from __future__ import annotations

import errno
import fcntl
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from serving.contract.repository import MANIFEST, FileProblem
from serving.registry.errors import Refused, failing
from serving.registry.folder import Folder, remove_tree, sync_folder
from serving.registry.manifest import Entry
from serving.registry.transfer import Advance, copy

_LOCK: Final = ".lock"
_ASIDE: Final = ".aside-"
_TAKEN: Final = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)
_WRITE_BACK: Final = 32 << 20


class FolderStore:
    def __init__(self, root: Path) -> None:
        self.where = str(root)
        self._root = root

    def models(self) -> Sequence[str]:
        return [name for name in _names(self._root) if self.versions(name)]

    def versions(self, model: str) -> Sequence[str]:
        return _names(self._root / model)

    def version(self, model: str, version: int) -> Folder:
        return Folder(self._root / model / str(version))

    @contextmanager
    def staging(self, model: str, version: int) -> Iterator[FolderStaging]:
        with self._held(model) as folder:
            staging = FolderStaging(folder / f"{_ASIDE}{version}", folder / str(version))
            try:
                yield staging
            finally:
                _clear(folder)

    def remove(self, model: str, versions: Sequence[int]) -> None:
        with self._held(model) as folder:
            for version in versions:
                with failing(f"{folder / str(version)}: cannot be removed"):
                    os.rename(folder / str(version), folder / f"{_ASIDE}{version}")
                    sync_folder(folder)
                _clear(folder)

    @contextmanager
    def _held(self, model: str) -> Iterator[Path]:
        """The lock goes with its process, so what lies aside was left by a dead one."""
        folder = self._root / model
        with ExitStack() as held:
            with failing(f"{folder}: cannot be written to"):
                folder.mkdir(parents=True, exist_ok=True)
                lock = held.enter_context((folder / _LOCK).open("ab"))
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    what = "is being published to or pruned by somebody else"
                    problem = FileProblem(model, what)
                    raise Refused(self.where, [problem], "wait, then try again") from None
            _clear(folder)
            yield folder


class FolderStaging(Folder):
    def __init__(self, aside: Path, final: Path) -> None:
        super().__init__(aside)
        self._aside = aside
        self._final = final

    def write(self, path: str, content: io.RawIOBase, size: int, advance: Advance) -> Entry:
        target = self._aside / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as stream:
            entry = copy(content, _WrittenBack(stream).write, advance)
            _seal(stream)
            # the read that verifies it is to come from the disk
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return entry

    def commit(self, manifest: bytes) -> None:
        with failing(f"{self._final}: cannot be written"):
            with (self._aside / MANIFEST).open("xb") as stream:
                stream.write(manifest)
                _seal(stream)
            for folder, _, _ in os.walk(self._aside, topdown=False):
                os.chmod(folder, 0o555)  # noqa: S103  # pods of any user read it
                sync_folder(Path(folder))
            try:
                os.rename(self._aside, self._final)
            except OSError as error:
                if error.errno not in _TAKEN:
                    raise
                problem = FileProblem(self._final.name, "is there by now")
                raise Refused(f"{self._final.parent}", [problem], "look at it first") from None
            sync_folder(self._final.parent)


class _WrittenBack:
    """Has the disk begin at once, so that little is left to wait for at the end."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._begun = 0

    def write(self, piece: memoryview) -> None:
        self._stream.write(piece)
        size = self._stream.tell() - self._begun
        if size >= _WRITE_BACK:
            # for dirty pages, this advice starts writing and waits for nothing
            advice = os.POSIX_FADV_DONTNEED
            os.posix_fadvise(self._stream.fileno(), self._begun, size, advice)
            self._begun += size


def _seal(stream: BinaryIO) -> None:
    stream.flush()
    os.fchmod(stream.fileno(), 0o444)
    os.fsync(stream.fileno())


def _clear(folder: Path) -> None:
    for left in folder.glob(f"{_ASIDE}*"):
        remove_tree(left)


def _names(root: Path) -> list[str]:
    with failing(f"{root}: cannot be read"):
        if not root.is_dir():
            return []
        return sorted(entry.name for entry in root.iterdir() if not entry.name.startswith("."))
