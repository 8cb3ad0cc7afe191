"""A stack's file in clones of one repository: what is pushed, while others push too."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from serving.promotion import checkout
from serving.promotion.checkout import Checkout
from serving.promotion.commit_objects import NotKept
from serving.promotion.git import Git, GitFailed
from serving.settings import Release
from tests.unit.serving.promotion.repositories import FILE, WRITTEN, Clone, Place
from tests.unit.serving.promotion.test_checkout import (
    AT_5,
    START,
    STARTED,
    TO_5,
    executable,
    mine,
    place,
    told,
)

__all__ = ["mine", "place"]

AT_50 = Release(stable=1, canary=2, weight=50, revision=6)
WORDS = Release(stable=1, canary=2, weight=25, revision=6)
TO_50 = "Promote digits 2 to 50 % (was 5 %)"


@pytest.fixture
def other(place: Place) -> Clone:
    return place.clone("other")


def test_a_push_brings_each_commit_to_the_upstream(mine: Clone, other: Clone) -> None:
    mine.step(digits=STARTED)
    mine.checkout.push()
    mine.step(digits=AT_5)
    mine.checkout.push()
    mine.checkout.push()
    other.git("pull", "--quiet")
    assert other.subjects() == ["Begin", START, TO_5]


def test_a_push_goes_to_the_upstream_whatever_it_is_called(mine: Clone) -> None:
    mine.git("checkout", "--quiet", "-b", "steps", "--track", "origin/main")
    mine.step(digits=STARTED)
    mine.checkout.push()
    mine.git("fetch", "--quiet")
    assert mine.subjects("origin/main") == ["Begin", START]


def test_what_others_have_pushed_is_kept(mine: Clone, other: Clone) -> None:
    other.publish("README.md", "hello you\n", "Greet")
    mine.step(digits=STARTED)
    mine.step(digits=AT_5)
    mine.checkout.push()
    other.git("pull", "--quiet")
    assert other.subjects() == ["Begin", "Greet", START, TO_5]
    assert other.table()["digits"] == AT_5
    assert (other.folder / "README.md").read_text() == "hello you\n"
    assert (mine.folder / "README.md").read_text() == "hello\n", "a promotion reads it"
    assert mine.git("status", "--porcelain") == ""


def test_who_pulls_later_finds_the_own_commits_there(mine: Clone, other: Clone) -> None:
    other.publish("README.md", "hello you\n", "Greet")
    mine.step(digits=STARTED)
    mine.checkout.push()
    mine.step(digits=AT_5)
    mine.checkout.push()
    mine.git("pull", "--quiet", "--rebase")
    assert mine.subjects() == ["Begin", "Greet", START, TO_5]
    assert mine.git("rev-parse", "HEAD") == mine.git("rev-parse", "origin/main")


def test_two_promotions_of_two_models_both_arrive(mine: Clone, other: Clone) -> None:
    other.step(words=WORDS)
    other.checkout.push()
    mine.step(digits=STARTED)
    mine.checkout.push()
    other.step(digits=STARTED, words=WORDS.model_copy(update={"weight": 50, "revision": 7}))
    other.checkout.push()
    mine.git("fetch", "--quiet")
    assert mine.subjects("origin/main") == [
        "Begin",
        "Start words 2 at 25 %",
        START,
        "Promote words 2 to 50 % (was 25 %)",
    ]
    table = mine.table("origin/main")
    assert (table["digits"], table["words"].weight) == (STARTED, 50)


def test_what_people_wrote_in_the_same_file_stays(mine: Clone, other: Clone) -> None:
    theirs = WRITTEN.replace("[a, b]", "[a, b, c] # a third one")
    other.publish(FILE, theirs, "Add a zone")
    mine.step(digits=STARTED)
    mine.checkout.push()
    other.git("pull", "--quiet")
    assert "serving:zones: [a, b, c] # a third one\n" in other.file.read_text()
    assert other.table()["digits"] == STARTED
    assert other.git("show", "--format=", "--numstat") == f"2\t1\t{FILE}"


def test_what_was_deployed_later_is_not_taken_back(mine: Clone, other: Clone) -> None:
    other.step(digits=AT_50)
    other.checkout.push()
    mine.step(digits=STARTED)
    mine.checkout.push()
    mine.git("fetch", "--quiet")
    assert mine.table("origin/main")["digits"] == AT_50
    assert len(mine.subjects("origin/main")) == 2


def test_a_removed_model_goes_there_too(mine: Clone, other: Clone) -> None:
    other.step(digits=STARTED)
    other.checkout.push()
    mine.step(words=None)
    mine.checkout.push()
    mine.git("fetch", "--quiet")
    assert mine.table("origin/main") == {"digits": STARTED}


def test_author_and_reason_stay_where_a_commit_is_made_anew(mine: Clone, other: Clone) -> None:
    mine.git("config", "user.name", "Lee")
    text = mine.deploy(digits=STARTED)
    mine.checkout.commit(text, lambda before, after: f"{told(before, after)}\nwhy: ½\n")
    made = mine.git("log", "-1", "--format=%an %at %B")
    mine.git("config", "user.name", "Max")
    other.publish("README.md", "hello you\n", "Greet")
    mine.checkout.push()
    assert mine.git("log", "-1", "--format=%an %at %B", "origin/main") == made
    assert made.startswith("Lee ")


def test_whoever_is_always_late_gets_there(mine: Clone, other: Clone) -> None:
    class Late(Checkout):
        times = 0

        def _tip(self, *what: object) -> str:
            tip = super()._tip(*what)  # type: ignore[arg-type]
            if self.times < checkout.ATTEMPTS - 1:
                self.times += 1
                other.publish("README.md", f"{self.times}\n", f"Greet {self.times}")
            return tip

    mine.step(digits=STARTED)
    Late(mine.file).push()
    assert mine.subjects("origin/main") == [
        "Begin", *(f"Greet {number}" for number in range(1, checkout.ATTEMPTS)), START,
    ]  # fmt: skip


def test_a_shallow_clone_is_enough(place: Place, other: Clone) -> None:
    other.publish("README.md", "hello\nyou\n", "Greet")
    mine = place.clone("shallow", "--depth=1")
    other.publish("README.md", "hello\nyou\nthere\n", "Greet again")
    mine.step(digits=STARTED)
    mine.step(digits=AT_5)
    mine.checkout.push()
    other.git("pull", "--quiet")
    assert other.subjects() == ["Begin", "Greet", "Greet again", START, TO_5]


def test_commits_of_people_are_not_pushed_by_the_way(mine: Clone) -> None:
    mine.commit("README.md", "not ready\n", "Draft")
    mine.step(digits=STARTED)
    with pytest.raises(NotKept, match=r"nothing was pushed: .* is no commit of .* alone"):
        mine.checkout.push()
    mine.git("fetch", "--quiet")
    assert mine.subjects("origin/main") == ["Begin"]


def test_nothing_is_pushed_from_no_branch(mine: Clone) -> None:
    mine.git("checkout", "--quiet", "--detach")
    mine.step(digits=STARTED)
    with pytest.raises(NotKept, match="HEAD is on no branch"):
        mine.checkout.push()


def test_nothing_is_pushed_without_an_upstream(mine: Clone) -> None:
    mine.git("checkout", "--quiet", "-b", "mine")
    mine.step(digits=STARTED)
    with pytest.raises(NotKept, match="branch mine has no upstream"):
        mine.checkout.push()


def test_what_a_remote_that_was_gone_has_missed_comes_with_the_next_push(
    mine: Clone, place: Place
) -> None:
    away = place.origin.rename(place.folder / "away.git")
    for release in (STARTED, AT_5):
        mine.step(digits=release)
        with pytest.raises(GitFailed, match=r"`git push`: .*does not appear to be a git"):
            mine.checkout.push()
    away.rename(place.origin)
    mine.step(digits=AT_50)
    mine.checkout.push()
    assert mine.subjects("origin/main") == ["Begin", START, TO_5, TO_50]


def test_what_the_remote_refuses_is_said_in_its_words(mine: Clone, place: Place) -> None:
    executable(place.origin / "hooks" / "pre-receive", "echo main is protected >&2", "exit 1")
    mine.step(digits=STARTED)
    with pytest.raises(GitFailed, match=r"pre-receive hook declined.*main is protected"):
        mine.checkout.push()


def test_a_remote_that_never_answers_is_left_at_the_deadline(
    mine: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkout, "NETWORK_SECONDS", 1.0)
    shell = tmp_path / "ssh"
    executable(shell, f"echo $$ >{tmp_path}/pid", "exec sleep 600")
    mine.git("config", "core.sshCommand", str(shell))
    mine.git("remote", "set-url", "origin", "ssh://host.example/origin.git")
    mine.step(digits=STARTED)
    with pytest.raises(GitFailed, match="`git push`: no answer in 1 s"):
        mine.checkout.push()
    process = Path("/proc") / (tmp_path / "pid").read_text().strip()
    until = time.monotonic() + 30
    while process.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not process.exists()


def test_a_password_in_an_address_is_not_told(mine: Clone, place: Place) -> None:
    executable(
        place.origin / "hooks" / "pre-receive",
        "echo not for https://kim:hunter2@host.example/origin.git >&2",
        "exit 1",
    )
    mine.step(digits=STARTED)
    with pytest.raises(GitFailed) as refused:
        mine.checkout.push()
    assert "not for https://host.example/origin.git" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_nobody_is_asked_for_a_password(mine: Clone) -> None:
    """A helper that gives nothing leaves git to ask, and there is no terminal to ask on."""
    with pytest.raises(GitFailed, match="terminal prompts disabled"):
        Git(mine.folder)("credential", "fill", text="protocol=https\nhost=host.example\n\n")
