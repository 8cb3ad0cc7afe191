"""What a folder does when the disk is full, two publish at once."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from serving.errors import ServingError
from serving.registry.errors import Refused, StoreError
from serving.registry.folder_store import FolderStore
from serving.registry.store import open_store
from serving.registry.transfer import Advance
from tests.unit.serving.registry.hostile_sources import FILES
from tests.unit.serving.registry.workplace import Workplace

MIB = 1 << 20


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path).set_up({**FILES, "weights/large.bin": b"\x07" * (4 * MIB)})


@contextmanager
def small_disk(at: Path, *options: str) -> Iterator[None]:
    at.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", at]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root mounts a disk")
    try:
        yield
    finally:
        subprocess.run(["umount", at], check=True)


def test_a_full_disk_is_named_with_the_file_and_leaves_nothing(workplace: Workplace) -> None:
    with small_disk(workplace.store, "size=3m"):
        with pytest.raises(
            StoreError, match=r"(weights/\w+\.bin|model\.py): .*: No space left.*; free some"
        ):
            workplace.publish()
        assert workplace.stored() == set()
        assert workplace.yaml.read_text() == workplace.text
        used = os.statvfs(workplace.store)
        assert (used.f_blocks - used.f_bfree) * used.f_bsize < MIB
        (workplace.source / "weights" / "large.bin").unlink()
        workplace.publish()
        workplace.verify()


def test_a_disk_without_room_for_names_leaves_nothing(workplace: Workplace) -> None:
    with small_disk(workplace.store, "size=16m", "nr_inodes=8"):
        with pytest.raises(StoreError, match="No space left on device"):
            workplace.publish()
        assert workplace.stored() == set()


def test_a_disk_that_is_read_only_is_named(workplace: Workplace) -> None:
    with small_disk(workplace.store, "ro"), pytest.raises(StoreError, match="Read-only file"):
        workplace.publish()


def test_a_file_above_the_limit_of_the_system_leaves_nothing(workplace: Workplace) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 * MIB, hard))
    try:
        with pytest.raises(StoreError, match=r"weights/large\.bin: .*: File too large"):
            workplace.publish()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert workplace.stored() == set()


@contextmanager
def nobody() -> Iterator[None]:
    """As root, every permission is granted: be somebody else for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def for_all(workplace: Workplace) -> Workplace:
    """Reachable for everybody, as pytest's own folders are not."""
    for folder in (workplace.root, *workplace.root.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path(folder.anchor):
            folder.chmod(folder.stat().st_mode | 0o055)
    return workplace


def test_a_store_without_permission_is_named(for_all: Workplace) -> None:
    for_all.store.mkdir(mode=0o555)
    with nobody(), pytest.raises(StoreError, match=r"store/digits: .*: Permission denied"):
        for_all.publish()


def test_a_source_without_permission_is_named(for_all: Workplace) -> None:
    for_all.store.mkdir()
    for_all.store.chmod(0o777)
    (for_all.source / "weights" / "w.bin").chmod(0)
    with nobody(), pytest.raises(StoreError, match=r"weights/w\.bin: .*: Permission denied"):
        for_all.publish()
    assert for_all.stored() == set()


def test_a_source_folder_without_permission_is_named(for_all: Workplace) -> None:
    (for_all.source / "weights").chmod(0)
    with nobody(), pytest.raises(Refused, match=r"weights: cannot be read: Permission denied"):
        for_all.publish()


def test_a_yaml_that_cannot_be_written_leaves_a_version_that_the_next_run_enters(
    for_all: Workplace,
) -> None:
    for_all.store.mkdir()
    for_all.store.chmod(0o777)
    with nobody(), pytest.raises(StoreError, match=r"digits\.yaml: .*: Permission denied"):
        for_all.publish()
    for_all.publish()
    for_all.verify()


def test_the_second_of_two_publishers_at_once_is_refused(workplace: Workplace) -> None:
    refusals: list[str] = []
    once = threading.Lock()

    @contextmanager
    def meter(what: str, total: int) -> Iterator[Advance]:
        def advance(size: int) -> None:
            if once.acquire(blocking=False):
                with pytest.raises(Refused) as refusal:
                    workplace.publish()
                refusals.append(str(refusal.value))

        yield advance

    manifest = workplace.publish(meter=meter)
    assert "digits: is being published to or pruned by somebody else" in refusals[0]
    assert workplace.verify() == manifest


def test_of_many_publishers_one_wins_and_its_version_is_whole(tmp_path: Path) -> None:
    places = []
    for number in range(6):
        root = tmp_path / f"{number}"
        root.mkdir()
        files = {**FILES, "weights/own.bin": bytes([number]) * MIB}
        places.append(Workplace(root).set_up(files))
    store = FolderStore(tmp_path / "store")
    start = threading.Barrier(len(places))
    won: list[Workplace] = []

    def work(place: Workplace) -> None:
        start.wait()
        try:
            place.publish(store=store)
            won.append(place)
        except ServingError as error:
            refused.append(f"{error}")

    refused: list[str] = []
    threads = [threading.Thread(target=work, args=(place,)) for place in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert len(refused) == 5
    won[0].verify(store=store)
    assert sorted(os.listdir(tmp_path / "store" / "digits")) == [".lock", "1"]


def test_a_version_folder_that_appears_meanwhile_is_not_replaced(workplace: Workplace) -> None:
    @contextmanager
    def meter(what: str, total: int) -> Iterator[Advance]:
        yield lambda size: None
        if what == "verifying":
            workplace.folder().mkdir()
            (workplace.folder() / "theirs").write_text("x")

    with pytest.raises(Refused, match="1: is there by now"):
        workplace.publish(meter=meter)
    assert os.listdir(workplace.folder()) == ["theirs"]


def test_a_store_is_chosen_by_how_it_is_written(tmp_path: Path) -> None:
    assert isinstance(open_store(f"{tmp_path}"), FolderStore)
    assert open_store(f"file://{tmp_path}").where == f"{tmp_path}"
    with pytest.raises(ServingError, match="expected a folder, file:///a/folder or s3://"):
        open_store("gs://bucket/models")


def test_a_flipped_bit_is_found_in_every_file(workplace: Workplace) -> None:
    workplace.publish()
    choose = random.Random(3)
    for path in workplace.open_up().rglob("*"):
        if path.is_dir():
            continue
        whole = path.read_bytes()
        flipped = bytearray(whole)
        flipped[choose.randrange(len(whole))] ^= 1 << choose.randrange(8)
        path.write_bytes(flipped)
        with pytest.raises(Refused, match=path.name.replace(".", r"\.")):
            workplace.verify()
        path.write_bytes(whole)
    workplace.verify()
