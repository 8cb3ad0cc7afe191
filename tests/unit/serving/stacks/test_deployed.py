from __future__ import annotations

from types import SimpleNamespace

import pulumi
import pytest

from serving.errors import InputError
from serving.settings import Release
from serving.stacks.deployed import deployed, refuse_stale

SEVEN = Release(stable=1, canary=2, weight=10, revision=7)


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (SEVEN.model_copy(update={"revision": 6}), "has revision 6, older than the deployed 7"),
        (None, "is missing, though deployed with revision 7"),
    ],
    ids=["an older revision", "no entry"],
)
def test_what_comes_from_before_the_deployed_table_is_refused(
    wanted: Release | None, problem: str
) -> None:
    table = {"digits": wanted} if wanted else {}
    with pytest.raises(InputError, match=f"serving:releases.digits: {problem}"):
        refuse_stale(table, {"digits": SEVEN})


@pytest.mark.parametrize(
    "wanted",
    [SEVEN, SEVEN.model_copy(update={"weight": 25}), SEVEN.model_copy(update={"revision": 8})],
    ids=["the same", "edited by hand", "a later revision"],
)
def test_what_follows_the_deployed_table_is_taken(wanted: Release) -> None:
    refuse_stale({"digits": wanted, "words": Release(stable=1)}, {"digits": SEVEN})


def test_a_model_without_traffic_may_leave_the_table() -> None:
    refuse_stale({}, {"digits": Release(canary=1, revision=9)})


def test_a_state_that_is_just_being_written_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [
        Exception("invoke of readStackOutputs failed: failed to load checkpoint: EOF"),
        SimpleNamespace(value={"outputs": {"releases": {"digits": {"stable": 1.0}}}}),
    ]

    def invoke(token: str, arguments: object) -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(pulumi.runtime, "invoke", invoke)
    assert deployed() == {"digits": Release(stable=1)}


def test_any_other_failure_to_read_the_state_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def invoke(token: str, arguments: object) -> object:
        raise Exception("no such stack")

    monkeypatch.setattr(pulumi.runtime, "invoke", invoke)
    with pytest.raises(Exception, match="no such stack"):
        deployed()
