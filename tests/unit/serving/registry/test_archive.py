from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from serving.registry.archive import unpack
from serving.registry.errors import Refused

Members = Callable[[tarfile.TarFile], object]


def member(name: str, content: bytes = b"x", **facts: object) -> Members:
    def add(archive: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        for key, value in facts.items():
            setattr(info, key, value)
        archive.addfile(info, io.BytesIO(content))

    return add


def packed(*members: Members) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        for add in members:
            add(archive)
    return raw.getvalue()


def opened(raw: bytes, into: Path) -> None:
    into.mkdir(exist_ok=True)
    unpack(cast(io.RawIOBase, io.BytesIO(raw)), "s3://bucket/model.tar.gz", into)


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {f"{path.relative_to(folder)}": path.read_bytes() for path in found}


def test_plain_files_and_folders_are_unpacked(tmp_path: Path) -> None:
    folder = member("./code", b"", type=tarfile.DIRTYPE)
    here = member("./", b"", type=tarfile.DIRTYPE)
    opened(packed(here, folder, member("./code/model.py"), member("a/b.bin", b"0")), tmp_path)
    assert files(tmp_path) == {"code/model.py": b"x", "a/b.bin": b"0"}


HOSTILE = {
    "leads out": (member("../x"), r"\.\./x: its name leads out"),
    "leads out later": (member("a/../../x"), "its name leads out"),
    "absolute": (member("/tmp/x"), "/tmp/x: its name is absolute"),
    "link": (member("x", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "x: is neither"),
    "hard link": (member("x", b"", type=tarfile.LNKTYPE, linkname="good"), "x: is neither"),
    "device": (member("x", b"", type=tarfile.CHRTYPE, devmajor=1), "x: is neither"),
    "pipe": (member("x", b"", type=tarfile.FIFOTYPE), "x: is neither"),
    "twice": (member("good"), "good: is in the archive twice"),
    "below a file": (member("good/x"), "good/x: "),
    "new line": (member("a\nb"), r"a\\nb: its name holds"),
    "not UTF-8": (member("caf\udce9"), r"caf\\udce9: its name is not UTF-8"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_member_is_refused_by_name(tmp_path: Path, case: str) -> None:
    add, message = HOSTILE[case]
    with pytest.raises(Exception, match=message) as refusal:
        opened(packed(member("good"), add), tmp_path / "into")
    assert type(refusal.value).__name__ in ("Refused", "StoreError")
    assert files(tmp_path) == {"into/good": b"x"}


def test_a_member_that_does_not_fit_the_disk_is_refused_before_it_fills_it(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.size = 1 << 60
    with pytest.raises(Refused, match=r"x: takes 1152921504606846976 bytes, .* left"):
        opened(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + b"\0" * 1024), tmp_path)


@pytest.mark.parametrize("share", [0, 0.2, 0.5, 0.9, 0.999])
def test_a_truncated_archive_is_refused(tmp_path: Path, share: float) -> None:
    raw = packed(*(member(f"{n}", bytes([n]) * 5000) for n in range(40)))
    with pytest.raises(Refused, match=r"is not a whole tar\.gz"):
        opened(raw[: int(len(raw) * share)], tmp_path)


def test_an_archive_cut_between_two_members_is_refused(tmp_path: Path) -> None:
    plain = gzip.decompress(packed(member("a"), member("b")))
    raw = gzip.compress(plain[:1024])[:-8]
    with pytest.raises(Refused, match=r"is not a whole tar\.gz"):
        opened(raw, tmp_path)


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    raw = bytearray(packed(member("a", bytes(range(256)) * 64)))
    raw[-3] ^= 1
    with pytest.raises(Refused, match=r"is not a whole tar\.gz"):
        opened(bytes(raw), tmp_path)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"is not a whole tar\.gz"):
        opened(b"PK\x03\x04 a zip", tmp_path)
