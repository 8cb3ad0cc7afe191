"""A `tar.gz` from somewhere else, unpacked without trusting what it says."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import zlib
from pathlib import Path
from typing import cast

from serving.contract.repository import FileProblem, name_problem
from serving.registry.errors import Refused, failing
from serving.registry.transfer import CHUNK

_DO = "make the archive again, of plain files under plain names"


def unpack(stream: io.RawIOBase, where: str, into: Path) -> None:
    """Raises Refused at the first member that is not a plain file or folder."""
    try:
        # tarfile's own gzip reader takes a truncated archive for a short one
        with gzip.GzipFile(fileobj=cast(io.BufferedReader, stream)) as plain:
            with tarfile.open(fileobj=plain, mode="r|") as archive:
                for member in archive:
                    _unpack(archive, member, where, into)
            while plain.read(CHUNK):
                pass
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise Refused(where, [FileProblem(".", f"is not a whole tar.gz: {error}")], _DO) from error


def _unpack(archive: tarfile.TarFile, member: tarfile.TarInfo, where: str, into: Path) -> None:
    path = member.name.removeprefix("./")
    if member.isdir() and path in ("", "."):
        return
    what = name_problem(path)
    if not (member.isreg() or member.isdir()):
        what = what or "is neither a file nor a folder"
    elif member.size > (free := shutil.disk_usage(into).free):
        what = what or f"takes {member.size} bytes, {into} has {free} left"
    elif member.isreg() and (into / path).exists():
        what = what or "is in the archive twice"
    if what:
        raise Refused(where, [FileProblem(path, what)], _DO)
    if member.isdir():
        return
    with failing(f"{where}: {path}: cannot be unpacked"):
        (into / path).parent.mkdir(parents=True, exist_ok=True)
        content = archive.extractfile(member)
        assert content is not None  # noqa: S101  # it is a regular file
        with content, (into / path).open("xb") as target:
            shutil.copyfileobj(content, target, CHUNK)
