from __future__ import annotations

import pytest

from serving.contract.model import ModelContract, Version
from serving.errors import InputError
from serving.promotion.admission import Admission, admit, refuse_to_retire
from serving.settings import Release
from tests.unit.serving.promotion.windows import contract


def digest(letter: str) -> str:
    return f"sha256:{letter * 64}"


def published(*files: str) -> ModelContract:
    """Versions 1, 2, … with these files, all under one contract."""
    versions = {
        number: Version(digest=digest(letter), contract=digest("f"), source="s3://models")
        for number, letter in enumerate(files, start=1)
    }
    return contract().model_copy(update={"versions": versions})


THREE = published("a", "b", "c")


@pytest.mark.parametrize(
    ("version", "release", "expected"),
    [
        (1, None, Admission.FIRST_RELEASE),
        (1, Release(canary=1), Admission.FIRST_RELEASE),
        (2, Release(stable=1), Admission.START),
        (2, Release(stable=1, canary=2, weight=10), Admission.RESUME),
        (3, Release(stable=1, canary=2, weight=10), Admission.SUPERSEDE),
        (2, Release(stable=2, previous=1), Admission.DONE),
    ],
)
def test_a_promotion_starts_as_what_the_release_makes_of_it(
    version: int, release: Release | None, expected: Admission
) -> None:
    assert admit(THREE, version, release) is expected


def test_a_candidate_equal_to_stable_is_refused() -> None:
    with pytest.raises(InputError, match="the same as stable version 1"):
        admit(published("a", "a"), 2, Release(stable=1))


def test_the_same_files_under_another_contract_are_another_version() -> None:
    versions = dict(published("a", "a").versions)
    versions[2] = versions[2].model_copy(update={"contract": digest("e")})
    tuned = contract().model_copy(update={"versions": versions})
    assert admit(tuned, 2, Release(stable=1)) is Admission.START


def test_an_unpublished_version_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="published: 1, 2, 3"):
        admit(THREE, 4, Release(stable=1))


def test_going_back_needs_to_be_said() -> None:
    with pytest.raises(InputError, match="--force-older"):
        admit(THREE, 1, Release(stable=3))
    assert admit(THREE, 1, Release(stable=3), older=True) is Admission.START


def test_a_version_with_traffic_is_not_retired() -> None:
    release = Release(stable=3, canary=2, weight=5, previous=1)
    with pytest.raises(InputError, match="is stable"):
        refuse_to_retire("digits", 3, release)
    with pytest.raises(InputError, match="abort its promotion"):
        refuse_to_retire("digits", 2, release)
    refuse_to_retire("digits", 1, release)
    refuse_to_retire("digits", 1, None)
