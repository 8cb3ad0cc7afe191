"""What a load is made of, as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tritonclient.grpc import service_pb2

from serving.errors import InputError
from serving.load.sample import samples_of
from serving.load.spec import read_spec

SPEC: dict[str, Any] = {
    "address": "127.0.0.1:8080",
    "traffic": [{"model": "digits", "rate": 20, "samples": "held-out.npz", "token": "secret"}],
}


def test_a_spec_is_read(tmp_path: Path) -> None:
    (tmp_path / "load.json").write_text(json.dumps(SPEC))
    spec = read_spec(tmp_path / "load.json")
    assert spec.traffic[0].samples == Path("held-out.npz")
    assert "secret" not in repr(spec)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"address": "http://127.0.0.1"}, "address: String should match"),
        ({"traffic": []}, "traffic: Tuple should have at least 1 item"),
        ({"traffic": [{**SPEC["traffic"][0], "rate": 0}]}, "traffic.0.rate: Input should be"),
        ({"rate": 3}, "rate: Extra inputs are not permitted"),
    ],
    ids=["address", "traffic", "rate", "unknown"],
)
def test_what_is_wrong_with_a_spec_is_said(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    (tmp_path / "load.json").write_text(json.dumps(SPEC | changed))
    with pytest.raises(InputError, match=message):
        read_spec(tmp_path / "load.json")


def test_images_become_tensors_with_their_truth(tmp_path: Path) -> None:
    images = np.arange(2 * 8 * 8, dtype=np.float32).reshape(2, 8, 8)
    np.savez(tmp_path / "held-out.npz", image=images, label=np.array([3, 8]))
    first, second = samples_of("digits", tmp_path / "held-out.npz")
    assert (first.truth, second.truth) == ("3", "8")
    head = json.loads(second.http[: second.json_size])
    assert head["inputs"][0]["shape"] == [1, 8, 8]
    assert second.http[second.json_size :] == images[1].tobytes()
    message = service_pb2.ModelInferRequest.FromString(second.grpc)
    assert (message.model_name, message.model_version) == ("digits", "")
    assert message.raw_input_contents[0] == images[1].tobytes()


def test_texts_become_tensors_with_their_truth(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", text=np.array(["a ü b"]), label=np.array(["billing"]))
    (sample,) = samples_of("tickets", tmp_path / "t.npz")
    assert sample.truth == "billing"
    assert json.loads(sample.http[: sample.json_size])["inputs"][0]["datatype"] == "BYTES"
    assert sample.http[sample.json_size :] == b"\x06\0\0\0" + "a ü b".encode()


@pytest.mark.parametrize("columns", [{"image": [1]}, {"a": [1], "b": [1], "label": [1]}])
def test_samples_need_one_input_and_the_truth(tmp_path: Path, columns: dict[str, Any]) -> None:
    np.savez(tmp_path / "held-out.npz", **columns)
    with pytest.raises(InputError, match="expected one input and `label`"):
        samples_of("digits", tmp_path / "held-out.npz")
