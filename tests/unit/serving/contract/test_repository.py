from __future__ import annotations

import os.path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.contract.model import ModelContract
from serving.contract.repository import (
    MAX_PATH_BYTES,
    REQUIRED,
    clashes,
    misplaced,
    name_problem,
    parts,
    placed,
    problems,
    shown,
    version_number,
)
from serving.contract.runtime import Backend
from tests.unit.serving.contract.contracts import JUDGE, sound
from tests.unit.serving.registry.workplace import contract_of

BUNDLE = {"image": "onnxruntime", "text": "python"}


def contract(**backends: str) -> ModelContract:
    return sound(contract_of("digits", backends or BUNDLE))


def found(model: ModelContract, *paths: str, size: int = 1) -> dict[str, str]:
    return {p.path: p.what for p in problems(model, 3, dict.fromkeys(paths, size))}


def test_every_backend_says_which_file_it_loads() -> None:
    assert set(REQUIRED) == set(get_args(Backend))


@pytest.mark.parametrize(
    ("backend", "file"),
    [
        ("onnxruntime", "model.onnx"),
        ("onnxruntime", "model.onnx/model.onnx"),
        ("tensorrt", "model.plan"),
        ("pytorch", "model.pt"),
        ("python", "model.py"),
    ],
)
def test_a_backend_finds_its_file(backend: str, file: str) -> None:
    model = contract(digits=backend)
    assert found(model, file, "labels.txt") == {}
    assert "is missing" in found(model, "labels.txt")[file.partition("/")[0]]


def test_a_file_that_another_backend_loads_is_pointed_out() -> None:
    what = found(contract(digits="tensorrt"), "resnet.onnx", "readme.txt")["model.plan"]
    assert what == "is missing, tensorrt loads it; there is resnet.onnx"


def test_a_file_of_the_wrong_kind_beside_the_right_one_is_no_problem() -> None:
    assert found(contract(digits="python"), "model.py", "model.onnx") == {}


def test_the_model_of_a_bundle_lies_in_the_folder_of_its_name() -> None:
    assert found(contract(), "image/model.onnx", "text/model.py") == {}
    assert placed(contract(), 3, "image/model.onnx") == "image/3/model.onnx"
    assert placed(contract(digits="python"), 3, "a/model.py") == "digits/3/a/model.py"


def test_what_belongs_to_no_model_of_a_bundle_is_named() -> None:
    model = contract()
    whole = ("image/model.onnx", "text/model.py")
    assert "expected it in image/, text/" in found(model, *whole, "model.py")["model.py"]
    assert "belongs to no model" in found(model, *whole, "audio/model.py")["audio/model.py"]
    assert "is missing" in found(model, "image/model.onnx")["text/model.py"]
    assert "remove it" in found(model, *whole, "text/config.pbtxt")["text/config.pbtxt"]


def test_an_engine_that_is_not_triton_may_have_any_files() -> None:
    judge = sound(JUDGE)
    assert parts(judge) == {"judge": None}
    assert found(judge, "config.json", "model-00001-of-00002.safetensors") == {}
    assert placed(judge, 3, "config.json") == "judge/3/config.json"


def test_the_longest_path_leaves_room_for_the_place_in_the_version() -> None:
    model = contract(digits="python")
    room = MAX_PATH_BYTES - len("digits/3/")
    longest = "/".join(["x" * 100] * 9)[:room]
    assert found(model, "model.py", longest) == {}
    assert len(placed(model, 3, longest)) == MAX_PATH_BYTES
    assert "too long" in found(model, "model.py", longest + "x")[longest + "x"]


def test_too_many_files_are_refused_without_a_line_for_each() -> None:
    (problem,) = problems(contract(digits="python"), 3, {f"{n}": 1 for n in range(100_001)})
    assert "holds 100001 files, expected ≤ 100000" in str(problem)


@given(st.text(max_size=30))
def test_a_name_without_problem_stays_in_its_folder(name: str) -> None:
    if name_problem(name) is None:
        assert os.path.normpath(f"/folder/{name}") == f"/folder/{name}"
        assert name.encode().decode() == shown(name)


@given(
    st.lists(st.sampled_from(["a", "A", "b", "ß", "SS", "é", "e\u0301"]), max_size=4).map("/".join)
)
def test_names_differing_in_case_clash_however_deep(name: str) -> None:
    lower, upper = f"x/{name}", f"X/{name}"
    assert [problem.path for problem in clashes([lower, upper])] == [lower]
    assert not [*clashes([lower])] or len(set(name.casefold())) > 1


@given(st.lists(st.text(alphabet="abAB/", min_size=1, max_size=6), unique=True))
def test_names_without_a_clash_make_a_tree_on_any_file_system(names: list[str]) -> None:
    good = [name for name in names if name_problem(name) is None]
    if [*clashes(good)]:
        return
    folders = {"/".join(n.split("/")[:i]) for n in good for i in range(1, n.count("/") + 1)}
    assert len({name.lower() for name in good}) == len(good)
    assert not folders & set(good)
    assert len({folder.lower() for folder in folders}) == len(folders)


@pytest.mark.parametrize(
    "text", ["0", "01", "+1", "-1", "1_0", " 1", "1 ", "1.0", "v1", "", "٣", "²", "1e3"]
)
def test_only_plain_numbers_are_versions(text: str) -> None:
    assert version_number(text) is None


@given(st.integers(1, 2**31))
def test_every_version_is_found_under_its_number(number: int) -> None:
    assert version_number(f"{number}") == number


@given(st.text(alphabet="0123456789٣²+-_ ", max_size=4))
def test_a_version_is_read_as_it_is_written_or_not_at_all(text: str) -> None:
    assert version_number(text) is None or f"{version_number(text)}" == text


@pytest.mark.parametrize(
    "path", ["contract.json", "digits/config.pbtxt", "digits/warmup/a", "digits/3/model.py"]
)
def test_files_of_a_version_have_their_places(path: str) -> None:
    assert misplaced(path, 3) is None


@pytest.mark.parametrize(
    "path",
    ["model.py", "digits/model.py", "digits/2/model.py", "digits/03/model.py", "digits/v3/x",
     "digits/config.pbtxt/x", "digits/warmup", "digits/3"],
)  # fmt: skip
def test_other_files_have_none(path: str) -> None:
    assert misplaced(path, 3) is not None
