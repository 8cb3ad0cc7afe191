"""Several promotions of one process on one stack."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from serving.promotion.journal import Overtaken
from serving.promotion.stack import Changes, Locked, Still, UpdateFailed, always
from serving.promotion.together import Together
from serving.settings import Release

ONE = Release(stable=1, canary=2, weight=5)


@dataclass
class Slow:
    """An update lasts until it is told to end."""

    begun: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    updates: list[Changes] = field(default_factory=list)
    failing: Callable[[Changes], Exception | None] = lambda changes: None

    def deployed(self) -> Mapping[str, Release]:
        return {}

    def locked_by(self) -> str:
        return "kim@here (process 7)"

    def apply(self, changes: Changes, patience: float, still: Still = always) -> None:
        self.updates.append(changes)
        self.begun.set()
        assert self.go_on.wait(5)
        if error := self.failing(changes):
            raise error


class Users:
    def __init__(self, stack: Together, *models: str) -> None:
        self.problems: dict[str, Exception] = {}
        self.threads = [threading.Thread(target=self._apply, args=(stack, m)) for m in models]
        for thread in self.threads:
            thread.start()

    def _apply(self, stack: Together, model: str) -> None:
        try:
            stack.apply({model: ONE}, 60)
        except (UpdateFailed, Locked, Overtaken) as error:
            self.problems[model] = error

    def wait(self) -> dict[str, Exception]:
        for thread in self.threads:
            thread.join(5)
        return self.problems


def waiting(stack: Together, count: int) -> None:
    while len(stack._waiting) < count:
        pass


def started(slow: Slow) -> tuple[Together, Users, Users]:
    """One update runs, two others wait for it."""
    stack = Together(slow)
    first = Users(stack, "a")
    assert slow.begun.wait(5)
    others = Users(stack, "b", "c")
    waiting(stack, 2)
    return stack, first, others


def test_changes_that_fall_together_are_one_update() -> None:
    slow = Slow()
    _, first, others = started(slow)
    slow.go_on.set()
    assert (first.wait(), others.wait()) == ({}, {})
    assert [set(each) for each in slow.updates] == [{"a"}, {"b", "c"}]


def test_one_that_fails_is_tried_apart_from_the_others() -> None:
    slow = Slow(failing=lambda changes: UpdateFailed("quota") if "b" in changes else None)
    _, first, others = started(slow)
    slow.go_on.set()
    assert first.wait() == {}
    assert {model: str(error) for model, error in others.wait().items()} == {"b": "quota"}
    assert [set(each) for each in slow.updates] == [{"a"}, {"b", "c"}, {"b"}, {"c"}]


def test_one_that_was_overtaken_does_not_keep_the_others_from_theirs() -> None:
    slow = Slow(failing=lambda changes: Overtaken("gone on") if "b" in changes else None)
    _, first, others = started(slow)
    slow.go_on.set()
    assert first.wait() == {}
    assert {model: str(error) for model, error in others.wait().items()} == {"b": "gone on"}
    assert [set(each) for each in slow.updates] == [{"a"}, {"b", "c"}, {"b"}, {"c"}]


def test_a_lock_of_others_concerns_all_who_wait() -> None:
    slow = Slow(failing=lambda changes: Locked("by lee") if len(changes) > 1 else None)
    _, first, others = started(slow)
    slow.go_on.set()
    assert first.wait() == {}
    assert set(others.wait()) == {"b", "c"}


def test_who_must_go_back_does_not_wait_for_an_update_of_ours_either() -> None:
    slow = Slow()
    stack, first, others = started(slow)
    assert stack.locked_by() == "kim@here (process 7)"
    slow.go_on.set()
    first.wait()
    others.wait()


def test_one_alone_gets_its_own_problem() -> None:
    slow = Slow(failing=lambda changes: UpdateFailed("quota"))
    slow.go_on.set()
    with pytest.raises(UpdateFailed, match="quota"):
        Together(slow).apply({"a": ONE}, 60)
    assert len(slow.updates) == 1


def test_who_comes_first_waits_a_moment_for_those_who_come_at_the_same_time() -> None:
    slow = Slow()
    slow.go_on.set()
    stack = Together(slow, gather_seconds=1.0, sleep=lambda seconds: waiting(stack, 3))
    assert Users(stack, "a", "b", "c").wait() == {}
    assert [set(each) for each in slow.updates] == [{"a", "b", "c"}]
