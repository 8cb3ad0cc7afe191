from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import stat
import time
from dataclasses import replace
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from serving.errors import InputError, ServingError
from serving.promotion.journal import Overtaken
from serving.promotion.lease import SKEW_SECONDS, TERM_SECONDS, Busy, Lease, Span, held, take
from serving.promotion.lease_store import FolderLease
from serving.promotion.process import Process, this_process
from tests.unit.serving.promotion import racing

NOW = 1_800_000_000.0
OVER = TERM_SECONDS + SKEW_SECONDS
ELSEWHERE = replace(this_process(), host="another")


@pytest.fixture
def store(tmp_path: Path) -> FolderLease:
    return FolderLease(tmp_path / "digits")


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([racing.__name__])
    return context


def at(store: FolderLease, seconds: float, who: str = "kim") -> Lease:
    return take(store, who, "digits version 2", lambda: NOW + seconds)


def test_the_number_rises_by_one_with_each_holder(store: FolderLease) -> None:
    fences = []
    for _ in range(4):
        lease = at(store, 0)
        fences.append(lease.fence)
        lease.release()
    assert fences == [1, 2, 3, 4]
    assert len(os.listdir(store.where)) == 1


def test_a_live_holder_is_named_with_its_age(store: FolderLease) -> None:
    at(store, 0)
    with pytest.raises(Busy) as caught:
        at(store, 50, "lee")
    assert caught.value.exit_code == 75
    said = str(caught.value)
    assert f"digits version 2 is being done by kim (process {os.getpid()} on " in said
    assert "for 50 s, lease 1" in said
    assert "over at 2027-01-15 08:01:30 UTC" in said


def test_a_holder_that_does_not_renew_is_overtaken_and_told(store: FolderLease) -> None:
    first = at(store, 0)
    with pytest.raises(Busy):
        at(store, OVER)
    second = at(store, OVER + 1)
    assert second.fence == 2
    for forbidden in (first.check, first.release):
        with pytest.raises(Overtaken, match="taken over from number 1; nothing more is done"):
            forbidden()
    second.check()


def test_renewing_keeps_the_lease(store: FolderLease) -> None:
    now = [NOW]
    lease = take(store, "kim", "digits", lambda: now[0])
    for _ in range(5):
        now[0] += TERM_SECONDS
        lease.check()
        with pytest.raises(Busy):
            take(store, "lee", "digits", lambda: now[0] + TERM_SECONDS)


@pytest.mark.parametrize("ahead", [SKEW_SECONDS, -SKEW_SECONDS, -86_400])
def test_a_clock_that_is_wrong_within_the_stated_skew_overtakes_nobody(
    store: FolderLease, ahead: float
) -> None:
    first = at(store, 0)
    with pytest.raises(Busy):
        at(store, TERM_SECONDS + ahead)
    first.check()


def test_a_clock_that_is_wrong_by_a_day_overtakes_but_two_never_act(store: FolderLease) -> None:
    first, second = at(store, 0), at(store, 86_400)
    with pytest.raises(Overtaken):
        first.check()
    second.check()


def test_a_holder_that_was_killed_is_known_to_be_dead(
    store: FolderLease, processes: ForkServerContext
) -> None:
    dying = processes.Process(target=racing.take_and_die, args=(Path(store.where),))
    dying.start()
    dying.join()
    assert dying.exitcode == -signal.SIGKILL
    assert take(store, "lee", "digits version 3").fence == 2


def test_a_paused_holder_that_was_overtaken_does_nothing_when_it_wakes(
    store: FolderLease, processes: ForkServerContext
) -> None:
    receiver, sender = processes.Pipe(duplex=False)
    paused = processes.Process(target=racing.take_and_pause, args=(Path(store.where), sender))
    paused.start()
    assert receiver.recv() == 1
    while "\nState:\tT" not in Path(f"/proc/{paused.pid}/status").read_text():
        time.sleep(0.005)
    assert take(store, "lee", "digits version 3").fence == 2
    assert paused.pid is not None
    os.kill(paused.pid, signal.SIGCONT)
    assert "taken over from number 1" in receiver.recv()
    paused.join()


@pytest.mark.parametrize(
    ("process", "dead"),
    [
        (this_process(), False),
        (replace(this_process(), started=1), True),
        (replace(this_process(), pid=2**22 + 1), True),
        (replace(ELSEWHERE, pid=2**22 + 1), False),
        (replace(this_process(), boot="another", pid=2**22 + 1), False),
        (replace(this_process(), boot="", pid=2**22 + 1), False),
    ],
    ids=["alive", "pid reused", "gone", "other host", "other boot", "boot not known"],
)
def test_only_a_process_of_this_host_and_boot_can_be_known_to_be_dead(
    process: Process, dead: bool
) -> None:
    assert process.is_dead() is dead


def test_a_child_that_ended_but_was_not_waited_for_is_dead() -> None:
    child = os.posix_spawn("/bin/true", ["true"], {})
    born = replace(this_process(), pid=child, started=0)
    try:
        while Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.005)
        fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
        assert replace(born, started=int(fields[19])).is_dead()
    finally:
        os.waitpid(child, 0)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\x00" * 64, b'{"fence":"x"}'])
def test_what_is_no_lease_is_named_and_not_replaced(store: FolderLease, content: bytes) -> None:
    path = Path(store.where) / "00000003.json"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(InputError, match="holds no lease that can be read") as caught:
        at(store, 0)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_a_late_claim_to_a_number_that_passed_is_withdrawn(store: FolderLease) -> None:
    """It read number 1; by the time it writes number 2, there is a number 3."""
    at(store, 0).release()
    found = store.read()
    assert found is not None
    at(store, 0).release()
    third = at(store, 0)
    assert store.take(2, b"late", found[1]) is None
    third.check()
    assert sorted(os.listdir(store.where)) == ["00000003.json"]


def test_a_renewal_that_comes_too_late_leaves_nothing(
    store: FolderLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paused after it has looked who holds it."""
    first = at(store, 0)
    replace = os.replace

    def overtaken_meanwhile(source: Path, target: Path) -> None:
        content, token = store.read() or (b"", "")
        assert store.take(2, content.replace(b'"fence":1', b'"fence":2'), token) is not None
        replace(source, target)

    monkeypatch.setattr(os, "replace", overtaken_meanwhile)
    with pytest.raises(Overtaken):
        first.check()
    assert os.listdir(store.where) == ["00000002.json"]


def test_a_lease_that_was_deleted_is_lost(store: FolderLease) -> None:
    lease = at(store, 0)
    (Path(store.where) / "00000001.json").unlink()
    with pytest.raises(Overtaken):
        lease.check()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_without_a_lease_that_can_be_written_nothing_is_done(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(ServingError, match="nothing is done without it"):
        at(FolderLease(tmp_path / "digits"), 0)


def test_a_renewal_that_does_not_fit_on_the_disk_leaves_the_lease_as_it_was(
    store: FolderLease,
) -> None:
    lease = at(store, 0)
    before = store.read()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
        with pytest.raises(ServingError, match="nothing is done without it"):
            lease.check()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert store.read() == before
    assert os.listdir(store.where) == ["00000001.json"]
    lease.check()


def test_a_folder_that_is_a_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "digits").write_text("")
    with pytest.raises(ServingError, match="the lease cannot be written: "):
        at(FolderLease(tmp_path / "digits"), 0)


def test_while_it_is_held_it_is_renewed_and_then_given_back(store: FolderLease) -> None:
    with held(store, "kim", "digits", Span(term=0.02, skew=5.0)) as lease:
        before = store.read()
        until = time.monotonic() + 5
        while store.read() == before and time.monotonic() < until:
            time.sleep(0.005)
        assert store.read() != before
        with pytest.raises(Busy):
            take(store, "lee", "digits")
        lease.check()
    assert take(store, "lee", "digits").fence == 2
