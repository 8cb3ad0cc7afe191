from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from serving.contract.document import MAX_BYTES, MAX_DEPTH, parse, read
from serving.contract.problem import DocumentError, Position


def said(raw: bytes) -> str:
    with pytest.raises(DocumentError) as caught:
        parse(raw, "f.yaml")
    return str(caught.value)


def test_every_value_knows_its_line_and_column() -> None:
    document = parse(b"a: 1\nb:\n  - x\n  - {c: 2.5}\n", "f.yaml")
    assert document.data == {"a": 1, "b": ["x", {"c": 2.5}]}
    assert document.values[("b", 1, "c")] == Position(4, 9)
    assert document.keys[("b",)] == Position(2, 1)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(b"a: 1\na: 2\n", "f.yaml:2:1: a: is given twice", id="duplicate-key"),
        pytest.param(b"a:\n\tb: 1\n", "f.yaml:2:1: (document): a tab", id="tab"),
        pytest.param(b"a: no\n", "f.yaml:1:4: a: means true or false", id="yaml-1.1-no"),
        pytest.param(b"a: {b: on}\n", "f.yaml:1:8: a.b: means true or false", id="yaml-1.1-on"),
        pytest.param(
            "a: ü".encode("latin-1"), "f.yaml:1:4: (document): is not UTF-8", id="latin-1"
        ),
        pytest.param("a: 1".encode("utf-16"), "is not UTF-8", id="utf-16"),
        pytest.param(
            b"a: 1\nb: \x00",
            "f.yaml:2:4: (document): is not text, got character U+0000",
            id="binary",
        ),
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"# only a comment\n", "is empty", id="comment"),
        pytest.param(b"a: 1\n---\nb: 2\n", "but found another document", id="two-documents"),
        pytest.param(b"a: &x 1\nb: *x\n", "f.yaml:2:4: (document): anchors", id="alias"),
        pytest.param(b"a: !!python/name:os.system x", "the tag", id="tag"),
        pytest.param(b"a: .nan", "a: is no number", id="nan"),
        pytest.param(b"a: -.inf", "a: is no number", id="infinity"),
        pytest.param(b"a: " + b"9" * 5000, "a: is no number", id="huge-number"),
        pytest.param(b'a: "\\ud800"', "is not YAML", id="lone-surrogate"),
        pytest.param(b'"\\ud800": a', "is not YAML", id="surrogate-key"),
        pytest.param(b"[a]: 1", "a key must be plain text", id="list-as-key"),
        pytest.param(b"[" * 100_000, "is nested too deep", id="deep-open"),
        pytest.param(b"[" * 5000 + b"]" * 5000, "is nested too deep", id="deep-closed"),
        pytest.param(b"[" * 40 + b"]" * 40, "is nested too deep", id="deeper-than-allowed"),
        pytest.param(b"a: " + b"x" * MAX_BYTES, "is too large", id="huge"),
        pytest.param(b"a: 'x", "is not YAML", id="open-quote"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_its_place(raw: bytes, expected: str) -> None:
    assert expected in said(raw)


def test_a_document_as_deep_as_allowed_is_read() -> None:
    depth = MAX_DEPTH
    assert parse(b"[" * depth + b"1" + b"]" * depth, "f").data


def test_all_mistakes_are_said_at_once_in_the_order_of_lines() -> None:
    assert [line.split(": ")[0] for line in said(b"a: no\nb: .nan\na: 1\n").splitlines()] == [
        "f.yaml:1:4",
        "f.yaml:2:4",
        "f.yaml:3:1",
    ]


@pytest.mark.parametrize("quoted", [b'a: "no"', b"a: 'on'"])
def test_a_quoted_yaml_1_1_boolean_is_text(quoted: bytes) -> None:
    assert parse(quoted, "f").data in ({"a": "no"}, {"a": "on"})


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, reason in (("gone", "does not exist"), (".", "regular file"), ("pipe", "regular")):
        with pytest.raises(DocumentError, match=reason):
            read(tmp_path / name)


@settings(max_examples=2000)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.text(alphabet="ab:-[]{}#&*!|>'\"%@`,?~ \n\t0123.", max_size=120).map(str.encode),
    )
)
@example(b"!<>")
@example(b"? ")
@example(b"\xef\xbb\xbfa: 1")
@example(b"%YAML 9.9\n--- 1")
@example(b"a: !<tag:yaml.org,2002:int> x")
def test_whatever_the_bytes_are_the_answer_is_data_or_a_problem_with_a_place(raw: bytes) -> None:
    try:
        document = parse(raw, "f.yaml")
    except DocumentError as error:
        problems = error.problems
        str(error).encode()
    else:
        assert () in document.values
        return
    assert problems
    assert all(p.position.line >= 1 and p.position.column >= 1 for p in problems)
