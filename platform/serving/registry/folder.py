"""Files of a folder. No link is followed, nothing but regular files is taken."""

from __future__ import annotations

import io
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from serving.contract.repository import FileProblem, name_problem
from serving.registry.errors import Refused, failing
from serving.registry.files import Listed

_KINDS: Final = {
    stat.S_IFLNK: "is a symbolic link",
    stat.S_IFIFO: "is a pipe",
    stat.S_IFSOCK: "is a socket",
    stat.S_IFBLK: "is a device",
    stat.S_IFCHR: "is a device",
}


class Folder:
    def __init__(self, root: Path) -> None:
        self.where = str(root)
        self._root = root

    def listed(self) -> Mapping[str, Listed]:
        found: dict[str, Listed] = {}
        problems: list[FileProblem] = []
        if self._root.is_symlink():
            problems.append(FileProblem(".", _KINDS[stat.S_IFLNK]))
        self._walk("", found, problems)
        if problems:
            raise Refused(self.where, problems, "take these out, or put plain files in their place")
        return found

    def _walk(self, folder: str, found: dict[str, Listed], problems: list[FileProblem]) -> None:
        at = folder
        try:
            names = sorted(os.listdir(self._root / folder))
            if folder and not names:
                found[f"{folder}/"] = Listed(0, "folder")
            for name in names:
                at = f"{folder}/{name}" if folder else name
                status = os.lstat(self._root / at)
                if what := name_problem(at) or _KINDS.get(stat.S_IFMT(status.st_mode)):
                    problems.append(FileProblem(at, what))
                elif stat.S_ISDIR(status.st_mode):
                    self._walk(at, found, problems)
                else:
                    found[at] = _listed(status)
        except OSError as error:
            problems.append(FileProblem(at or ".", f"cannot be read: {error.strerror}"))

    @contextmanager
    def open(self, path: str) -> Iterator[io.RawIOBase]:
        # without O_NONBLOCK, a pipe that took the file's place would be waited for
        descriptor = os.open(self._root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise Refused(self.where, [FileProblem(path, "is not a file")], "put a file there")
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        with open(descriptor, "rb", buffering=0) as stream:
            yield stream


def _listed(status: os.stat_result) -> Listed:
    mark = f"{status.st_dev}-{status.st_ino}-{status.st_mtime_ns}-{status.st_ctime_ns}"
    return Listed(status.st_size, mark)


def remove_tree(root: Path) -> None:
    """Removes a folder, read-only ones inside it too, of a link only the link."""
    with failing(f"{root}: cannot be removed"):
        if root.is_symlink():
            root.unlink()
            return
        os.chmod(root, 0o700)
        with os.scandir(root) as entries:
            inside = list(entries)
        for entry in inside:
            if entry.is_dir():
                remove_tree(Path(entry.path))
            else:
                os.unlink(entry.path)
        os.rmdir(root)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Aside, synced, renamed, the folder synced. Raises OSError; then the old file is there."""
    descriptor, aside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        os.rename(aside, path)
    except BaseException:
        os.unlink(aside)
        raise
    sync_folder(path.parent)
