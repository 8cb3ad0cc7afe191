"""The table of releases in a stack's file, and two changes to it that meet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.errors import InputError
from serving.promotion.table import Table, joined, overtaken, table_in, with_table
from serving.settings import Release
from tests.unit.serving.promotion.repositories import WRITTEN

RELEASES = st.builds(Release, stable=st.integers(1, 3), revision=st.integers(0, 4)) | st.builds(
    Release,
    stable=st.just(1),
    canary=st.just(9),
    weight=st.integers(0, 99),
    revision=st.integers(0, 4),
)
TABLES = st.dictionaries(st.sampled_from(("digits", "words", "scans")), RELEASES)


def test_a_file_has_its_table() -> None:
    assert table_in(WRITTEN) == {
        "digits": Release(stable=1, revision=3),
        "words": Release(stable=1, revision=5),
    }


@pytest.mark.parametrize("text", ["", "config:\n", "config:\n  serving:target: aws\n"])
def test_a_file_without_releases_has_an_empty_one(text: str) -> None:
    assert table_in(text) == {}


@pytest.mark.parametrize(
    "text",
    [
        "config: [",
        "config: 7\n",
        "config:\n  serving:releases: {digits: {weight: 5}}\n",
        "config:\n  serving:releases: 7\n",
    ],
)
def test_a_file_that_is_none_of_a_stack_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="serving:releases: cannot be read"):
        table_in(text)


@given(TABLES)
def test_what_is_written_is_read_again_and_the_rest_stays_as_it_was(table: Table) -> None:
    text = with_table(WRITTEN, table)
    assert table_in(text) == table
    assert text.startswith(WRITTEN.partition("    digits:")[0].removesuffix("\n"))


def test_the_same_table_is_the_same_text() -> None:
    assert with_table(WRITTEN, table_in(WRITTEN)) == WRITTEN


@given(TABLES, TABLES)
def test_who_changed_nothing_takes_over_what_others_did(before: Table, theirs: Table) -> None:
    assert joined(before, before, theirs) == theirs


@given(TABLES, TABLES)
def test_where_others_did_nothing_ours_is_in_force_unless_it_is_older(
    before: Table, ours: Table
) -> None:
    expected = {
        model: before[model]
        if model in before and (model in ours and before[model].revision > ours[model].revision)
        else ours[model]
        for model in ours
    }
    assert joined(before, ours, before) == expected


@given(TABLES, TABLES, TABLES)
def test_no_revision_falls_below_what_others_have_deployed(
    before: Table, ours: Table, theirs: Table
) -> None:
    table = joined(before, ours, theirs)
    for model, release in theirs.items():
        if model in table:
            assert table[model].revision >= release.revision
    assert not overtaken(table, {model: theirs[model] for model in theirs if model in table})


@given(TABLES, TABLES, TABLES)
def test_to_join_again_changes_nothing(before: Table, ours: Table, theirs: Table) -> None:
    once = joined(before, ours, theirs)
    assert joined(before, ours, once) == once


def test_a_model_that_others_went_on_with_is_not_removed() -> None:
    before = {"digits": Release(stable=1, revision=3)}
    later = {"digits": Release(stable=2, revision=4)}
    assert joined(before, {}, before) == {}
    assert joined(before, {}, later) == later
