"""A stack's file in a real git repository: what is committed, and what stays as it is."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from serving.promotion import checkout
from serving.promotion.checkout import Checkout
from serving.promotion.commit_message import message
from serving.promotion.commit_objects import NotKept
from serving.promotion.git import GitFailed
from serving.promotion.table import Table
from serving.settings import Release
from tests.unit.serving.promotion.repositories import (
    FILE,
    WRITTEN,
    Clone,
    Place,
    place_in,
    settings,
)

STARTED = Release(stable=1, canary=2, revision=4)
AT_5 = Release(stable=1, canary=2, weight=5, revision=5)
WORDS = Release(stable=1, canary=2, weight=25, revision=6)
START, TO_5 = "Start digits 2 at 0 %", "Promote digits 2 to 5 % (was 0 %)"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    settings(tmp_path, monkeypatch)
    monkeypatch.setattr(checkout, "PAUSE_SECONDS", 0.0)
    return place_in(tmp_path, {FILE: WRITTEN, "README.md": "hello\n"})


@pytest.fixture
def mine(place: Place) -> Clone:
    return place.clone("mine")


@pytest.fixture
def other(place: Place) -> Clone:
    return place.clone("other")


def executable(file: Path, *lines: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(["#!/bin/sh", *lines, ""]), encoding="utf-8")
    file.chmod(0o755)


def told(before: Table, after: Table) -> str:
    return message(before, after, {})


def test_each_change_is_one_commit_of_the_file_alone(mine: Clone) -> None:
    mine.step(digits=STARTED)
    mine.step(digits=AT_5)
    assert mine.subjects() == ["Begin", START, TO_5]
    assert mine.git("diff", "--name-only", "HEAD~2", "HEAD") == FILE
    assert mine.table()["digits"] == AT_5
    assert mine.git("status", "--porcelain") == ""


def test_whatever_else_is_staged_or_changed_stays_so(mine: Clone) -> None:
    mine.write("staged", "a\n")
    mine.git("add", "staged")
    mine.write("README.md", "hello you\n")
    mine.write("new", "b\n")
    before = mine.git("status", "--porcelain")
    mine.step(digits=STARTED)
    assert mine.git("status", "--porcelain") == before == " M README.md\nA  staged\n?? new"
    assert mine.git("show", "--name-only", "--format=") == FILE


def test_what_was_deployed_is_committed_whatever_lies_there_by_now(mine: Clone) -> None:
    deployed = mine.deploy(digits=STARTED)
    mine.deploy(digits=AT_5)
    mine.checkout.commit(deployed, told)
    assert mine.table()["digits"] == STARTED
    assert mine.git("status", "--porcelain") == f" M {FILE}"


def test_what_git_has_already_is_not_committed_again(mine: Clone) -> None:
    mine.step(digits=STARTED)
    mine.step()
    mine.checkout.commit(WRITTEN, told)
    assert mine.subjects() == ["Begin", START]


def test_an_edit_that_leaves_the_releases_alone_is_the_editors(mine: Clone) -> None:
    mine.write(FILE, WRITTEN.replace("[a, b]", "[a, c]"))
    mine.step()
    assert mine.subjects() == ["Begin"]
    assert mine.git("status", "--porcelain") == f" M {FILE}"


def test_what_a_killed_promotion_left_goes_with_the_next_step(mine: Clone) -> None:
    mine.deploy(digits=STARTED)
    mine.step(digits=AT_5)
    assert mine.subjects() == ["Begin", "Start digits 2 at 5 %"]


def test_a_file_below_the_top_is_found(mine: Clone) -> None:
    below = Clone(mine.folder / "envs")
    below.folder.mkdir()
    below.commit(FILE, WRITTEN, "Move")
    below.step(digits=STARTED)
    assert mine.git("show", "--name-only", "--format=") == f"envs/{FILE}"
    assert mine.git("status", "--porcelain") == ""


def test_on_no_branch_it_is_committed_all_the_same(mine: Clone) -> None:
    mine.git("checkout", "--quiet", "--detach")
    mine.step(digits=STARTED)
    assert mine.subjects() == ["Begin", START]
    assert mine.subjects("main") == ["Begin"]


def test_a_file_that_git_ignores_though_it_has_it_is_committed(mine: Clone) -> None:
    mine.commit(".gitignore", f"{FILE}\n", "Ignore")
    mine.step(digits=STARTED)
    assert mine.subjects() == ["Begin", "Ignore", START]


def test_a_commit_of_somebody_else_meanwhile_is_kept(mine: Clone) -> None:
    text, messages = mine.deploy(digits=STARTED), 0

    def meanwhile(before: Table, after: Table) -> str:
        nonlocal messages
        messages += 1
        if messages == 1:
            mine.commit("README.md", "hello you\n", "Greet")
        return told(before, after)

    mine.checkout.commit(text, meanwhile)
    assert mine.subjects() == ["Begin", "Greet", START]
    assert mine.git("status", "--porcelain") == ""


def test_what_another_promotion_of_the_checkout_committed_later_is_not_taken_back(
    mine: Clone,
) -> None:
    late = mine.deploy(digits=STARTED)
    mine.step(words=WORDS)
    mine.checkout.commit(late, told)
    assert mine.table()["words"] == WORDS
    assert len(mine.subjects()) == 2


def test_hooks_neither_refuse_it_nor_touch_the_working_tree(mine: Clone) -> None:
    for hook in ("pre-commit", "commit-msg", "reference-transaction", "pre-push"):
        executable(mine.folder / ".git" / "hooks" / hook, "rm README.md", "exit 1")
    mine.step(digits=STARTED)
    mine.checkout.push()
    assert mine.subjects("origin/main") == ["Begin", START]
    assert (mine.folder / "README.md").exists()


def test_variables_of_another_repository_lead_nobody_astray(
    mine: Clone, other: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = mine.deploy(digits=STARTED)
    with monkeypatch.context() as patch:
        patch.setenv("GIT_DIR", str(other.folder / ".git"))
        patch.setenv("GIT_INDEX_FILE", str(other.folder / ".git" / "index"))
        mine.checkout.commit(text, told)
    assert (mine.subjects(), other.subjects()) == (["Begin", START], ["Begin"])


def test_nothing_is_committed_in_no_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(tmp_path, monkeypatch)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / FILE).write_text(WRITTEN)
    with pytest.raises(NotKept, match="is in no git repository"):
        Checkout(tmp_path / FILE).commit(WRITTEN, told)


def test_nothing_is_committed_without_git(mine: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(mine.folder))
    with pytest.raises(GitFailed, match="there is no git on PATH"):
        mine.checkout.commit(WRITTEN, told)


@pytest.mark.parametrize("ignored", [False, True], ids=["unknown", "ignored"])
def test_a_file_that_git_does_not_have_is_for_a_person_to_commit(
    mine: Clone, ignored: bool
) -> None:
    if ignored:
        mine.commit(".gitignore", "Pulumi.mine.yaml\n", "Ignore")
    mine.write("Pulumi.mine.yaml", WRITTEN)
    with pytest.raises(NotKept, match="is no file that git has: commit it once by hand"):
        Checkout(mine.folder / "Pulumi.mine.yaml").commit(WRITTEN, told)


def test_a_link_is_no_file(mine: Clone) -> None:
    (mine.folder / "Pulumi.link.yaml").symlink_to(FILE)
    mine.git("add", ".")
    mine.git("commit", "--quiet", "-m", "Link")
    with pytest.raises(NotKept, match="is no file"):
        Checkout(mine.folder / "Pulumi.link.yaml").commit(WRITTEN, told)


def test_nothing_is_committed_before_the_first_commit(tmp_path: Path, mine: Clone) -> None:
    subprocess.run(["git", "init", "--quiet", "unborn"], cwd=tmp_path, check=True)
    with pytest.raises(GitFailed, match="Needed a single revision"):
        Checkout(tmp_path / "unborn" / FILE).commit(WRITTEN, told)


def test_an_index_that_somebody_holds_is_left_to_the_next_step(mine: Clone) -> None:
    text = mine.deploy(digits=STARTED)
    lock = mine.folder / ".git" / "index.lock"
    lock.touch()
    with pytest.raises(GitFailed, match=r"index\.lock"):
        mine.checkout.commit(text, told)
    lock.unlink()
    assert mine.subjects() == ["Begin"]
    mine.step()
    assert mine.subjects() == ["Begin", START]


def test_the_author_is_who_gits_own_configuration_names(
    mine: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTOR", "lee")
    mine.step(digits=STARTED)
    assert mine.git("log", "-1", "--format=%an <%ae> %cn") == "Kim <kim@example.org> Kim"


def test_the_author_is_who_ci_works_for_where_git_knows_nobody(
    mine: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GITHUB_ACTOR", "lee")
    monkeypatch.setenv("GITHUB_ACTOR_ID", "7")
    mine.step(digits=STARTED)
    assert mine.git("log", "-1", "--format=%an <%ae> %cn") == (
        "lee <7+lee@users.noreply.github.com> lee"
    )


@pytest.fixture
def key(tmp_path: Path, mine: Clone) -> Path:
    key = tmp_path / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(command, check=True)
    for name, value in {
        "gpg.format": "ssh",
        "commit.gpgSign": "true",
        "user.signingKey": str(key),
    }.items():
        mine.git("config", name, value)
    return key


def test_it_is_signed_where_the_checkout_asks_for_it(mine: Clone, key: Path) -> None:
    mine.step(digits=STARTED)
    assert "gpgsig -----BEGIN SSH SIGNATURE-----" in mine.git("cat-file", "-p", "HEAD")


def test_without_the_key_to_sign_with_nothing_is_committed(mine: Clone, key: Path) -> None:
    key.unlink()
    with pytest.raises(GitFailed, match="commit-tree"):
        mine.step(digits=STARTED)
    assert mine.subjects() == ["Begin"]
