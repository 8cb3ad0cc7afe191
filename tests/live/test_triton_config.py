"""The real tritonserver takes what is made from a contract, as it is, and does what it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from serving.contract.triton_config import files, server_args
from serving.triton import Server, running
from tests.contracts import changed

pytestmark = pytest.mark.live

VERSION = 3
MODELS = ("forms", "reader", "sorter")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    forms = changed("forms", ("runtime", "models", "sorter", "backend"), "python")
    folder = tmp_path_factory.mktemp("forms")
    code = Path(__file__).with_name("logging_model.py").read_bytes()
    written = {**files(forms, VERSION)}
    written |= {f"{name}/{VERSION}/model.py": code for name in ("reader", "sorter")}
    for path, content in written.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    with running(folder, MODELS, VERSION, options=server_args(forms, VERSION)) as started:
        yield started


def test_an_ensemble_answers_through_its_models(server: Server) -> None:
    pages = np.zeros((2, 2, 2), dtype=np.uint8)
    answer = server.infer("forms", VERSION, {"page": pages})
    assert answer["drawer"].tolist() == [[0], [0]]


def test_golden_requests_ran_alone_and_in_a_full_batch_before_it_was_ready(server: Server) -> None:
    ran = [line for line in server.log.read_text().splitlines() if line.startswith("reader ran")]
    page = "[[[0, 255], [255, 0]]]"
    assert ran[:2] == [f"reader ran [{page}]", f"reader ran [{', '.join([page] * 4)}]"]


def test_what_is_served_is_what_was_promised(server: Server) -> None:
    config = httpx.get(f"{server.url}/v2/models/sorter/config").json()
    assert config["max_batch_size"] == 4
    assert config["dynamic_batching"]["preferred_batch_size"] == [4]
    assert config["version_policy"] == {"specific": {"versions": [VERSION]}}
    assert [group["kind"] for group in config["instance_group"]] == ["KIND_CPU"]
