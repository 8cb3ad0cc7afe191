from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from tritonclient.grpc import model_config_pb2 as pb

from serving.contract.model import ModelContract, frozen
from serving.contract.runtime import Batching, Tensor, TritonModel
from serving.contract.triton_config import WARMUP_REQUESTS, config_pbtxt, files, server_args
from serving.errors import InputError
from tests.contracts import changed, contract

FIXTURES = Path(__file__).parents[3] / "fixtures"


def parsed(served: ModelContract, name: str, version: int = 1) -> Any:
    text = files(served, version)[f"{name}/config.pbtxt"].decode()
    return text_format.Parse(text, pb.ModelConfig())


def test_the_text_is_the_same_in_every_run_and_for_every_version_of_protobuf() -> None:
    expected = (FIXTURES / "contracts" / "scan.config.pbtxt").read_text()
    assert files(contract("scan"), 3)["scan/config.pbtxt"].decode() == expected


def test_one_gpu_model_has_everything_spelled_out() -> None:
    config = parsed(contract("scan"), "scan", version=7)
    assert list(config.version_policy.specific.versions) == [7]
    assert (config.backend, config.default_model_filename) == ("onnxruntime", "model.onnx")
    assert list(config.dynamic_batching.preferred_batch_size) == [8, 16]
    assert config.dynamic_batching.max_queue_delay_microseconds == 2000
    assert config.dynamic_batching.default_queue_policy.max_queue_size == 64
    (group,) = config.instance_group
    assert (group.kind, group.count) == (pb.ModelInstanceGroup.KIND_GPU, 2)
    assert list(group.gpus) == [0]
    assert config.parameters["intra_op_thread_count"].string_value == "2"


def test_instances_are_on_each_gpu_of_the_replica() -> None:
    config = parsed(changed("scan", ("resources", "gpus"), 4), "scan")
    assert list(config.instance_group[0].gpus) == [0, 1, 2, 3]


def test_an_ensemble_is_a_platform_with_steps_and_a_folder_of_its_own() -> None:
    made = files(contract("forms"), 2)
    config = parsed(contract("forms"), "forms", version=2)
    assert (config.platform, config.backend) == ("ensemble", "")
    assert not config.instance_group
    assert not config.model_warmup
    steps = config.ensemble_scheduling.step
    assert [(step.model_name, step.model_version) for step in steps] == [
        ("reader", 2),
        ("sorter", 2),
    ]
    assert dict(steps[0].output_map) == {"text": "words"}
    assert "forms/2/ensemble" in made


def test_without_batching_triton_does_not_batch() -> None:
    assert not parsed(contract("forms"), "reader").HasField("dynamic_batching")
    single = changed("scan", ("runtime", "models", "scan", "max_batch_size"), 0)
    assert not parsed(single, "scan").HasField("dynamic_batching")


def test_the_vllm_backend_streams_and_places_itself() -> None:
    config = parsed(changed("scan", ("runtime", "models", "scan", "backend"), "vllm"), "scan")
    assert config.model_transaction_policy.decoupled
    assert config.instance_group[0].kind == pb.ModelInstanceGroup.KIND_MODEL
    assert not config.HasField("dynamic_batching")
    assert not config.model_warmup


@pytest.mark.parametrize(
    ("backend", "file"),
    [
        ("tensorrt", "model.plan"),
        ("onnxruntime", "model.onnx"),
        ("pytorch", "model.pt"),
        ("python", "model.py"),
    ],
)
def test_each_backend_is_told_which_file_to_load(backend: str, file: str) -> None:
    config = parsed(changed("scan", ("runtime", "models", "scan", "backend"), backend), "scan")
    assert (config.backend, config.default_model_filename) == (backend, file)


def test_golden_requests_warm_up_alone_and_in_the_largest_batch() -> None:
    made = files(contract("scan"), 1)
    samples = parsed(contract("scan"), "scan").model_warmup
    assert [(sample.name, sample.batch_size) for sample in samples] == [
        ("golden-0-batch-1", 1),
        ("golden-1-batch-1", 1),
        ("golden-0-batch-16", 16),
    ]
    assert list(samples[1].inputs["pixels"].dims) == [1, 2]
    assert made["scan/warmup/golden-1-input-1"] == b"\x00\x00\x80\x3f\x00\x00\x00\x3f"
    assert made["scan/warmup/golden-0-input-0"] == b"\x05\x00\x00\x00erect"
    named = {data.input_data_file for sample in samples for data in sample.inputs.values()}
    assert {f"scan/warmup/{file}" for file in named} == {path for path in made if "warmup" in path}


def test_only_the_first_golden_requests_warm_up() -> None:
    golden = contract("scan").runtime.model_dump(mode="json")["models"]["scan"]["golden"]
    many = changed("scan", ("runtime", "models", "scan", "golden"), golden * 10)
    assert len(parsed(many, "scan").model_warmup) == WARMUP_REQUESTS + 1


def test_warm_up_can_be_left_out() -> None:
    assert not parsed(contract("forms"), "sorter").model_warmup
    assert not any(path.startswith("sorter/warmup") for path in files(contract("forms"), 1))


def test_an_override_of_a_version_reaches_its_configuration() -> None:
    overrides = {"models": {"scan": {"max_batch_size": 2, "batching": {"preferred": [2]}}}}
    served = changed("scan", ("versions", "1", "overrides"), overrides)
    assert parsed(served, "scan", version=1).max_batch_size == 2
    assert parsed(served, "scan", version=2).max_batch_size == 16


def test_other_engines_have_no_triton_files() -> None:
    with pytest.raises(InputError, match="writer is served by vllm, not by Triton"):
        files(contract("writer"), 1)


@pytest.mark.parametrize("name", ["scan", "forms"])
def test_the_files_depend_on_the_frozen_contract_alone(name: str) -> None:
    """Not on the order of its keys, nor on anything around the server."""
    served = contract(name)
    kept = json.loads(json.dumps(frozen(served, 1), sort_keys=True))
    around = served.model_dump(mode="json", exclude_unset=True)
    around |= {"runtime": kept["runtime"], "slo": {"p99_ms": 1000}, "scaling": {"max_replicas": 9}}
    again = ModelContract.model_validate_json(json.dumps(around))
    assert files(again, 1) == files(served, 1)


def test_every_flag_is_known_to_triton_2_51_and_later() -> None:
    known = YAML(typ="safe").load((FIXTURES / "tritonserver-flags.yaml").read_text())
    given_flags = [*server_args(contract("scan"), 1), *server_args(contract("forms"), 1)]
    for flag in given_flags:
        since = known[flag.removeprefix("--").partition("=")[0]]
        assert tuple(map(int, re.findall(r"\d+", since))) <= (2, 51, 0), flag


def test_the_server_loads_the_models_of_the_version_and_no_other() -> None:
    flags = server_args(contract("forms"), 1)
    assert "--model-control-mode=explicit" in flags
    assert [flag for flag in flags if "load-model" in flag] == [
        "--load-model=forms",
        "--load-model=reader",
        "--load-model=sorter",
    ]
    assert "--allow-gpu-metrics=false" in flags
    assert "--allow-gpu-metrics=true" in server_args(contract("scan"), 1)


TENSORS = st.dictionaries(
    st.from_regex(r"[A-Za-z_][\w./:-]{0,20}", fullmatch=True).filter(str.isascii),
    st.builds(
        Tensor,
        type=st.sampled_from(["FP32", "INT64", "BYTES", "BF16", "BOOL"]),
        shape=st.lists(st.just(-1) | st.integers(1, 1 << 31), min_size=1, max_size=4).map(tuple),
    ),
    min_size=1,
    max_size=4,
)
MODELS = st.builds(
    TritonModel,
    backend=st.sampled_from(["tensorrt", "onnxruntime", "pytorch", "python"]),
    inputs=TENSORS,
    outputs=TENSORS,
    max_batch_size=st.integers(0, 65_536),
    batching=st.builds(
        Batching,
        enabled=st.booleans(),
        preferred=st.lists(st.integers(1, 65_536), max_size=3, unique=True).map(tuple),
        max_queue_delay_ms=st.integers(0, 10_000_000).map(lambda micros: micros / 1000),
        max_queue_size=st.integers(0, 1_000_000),
    ),
    memory=st.just({"weights": "1Mi", "per_sample": "1Ki"}),
    parameters=st.dictionaries(st.text(min_size=1), st.text(), max_size=3),
)


@given(MODELS, st.integers(1, 2**31))
def test_what_is_written_reads_back_as_the_contract(model: TritonModel, version: int) -> None:
    runtime = contract("scan").runtime.model_copy(update={"models": {"scan": model}})
    served = contract("scan").model_copy(update={"runtime": runtime})
    config = text_format.Parse(config_pbtxt(served, "scan", version), pb.ModelConfig())

    def tensors(side: Any) -> dict[str, tuple[str, tuple[int, ...]]]:
        kind = {t.name: pb.DataType.Name(t.data_type).removeprefix("TYPE_") for t in side}
        return {t.name: (kind[t.name].replace("STRING", "BYTES"), tuple(t.dims)) for t in side}

    assert tensors(config.input) == {n: (t.type, t.shape) for n, t in model.inputs.items()}
    assert tensors(config.output) == {n: (t.type, t.shape) for n, t in model.outputs.items()}
    assert config.backend == model.backend
    assert config.max_batch_size == model.max_batch_size
    assert list(config.version_policy.specific.versions) == [version]
    assert {k: v.string_value for k, v in config.parameters.items()} == model.parameters
    batches = model.batching.enabled and model.max_batch_size > 0
    assert config.HasField("dynamic_batching") == batches
    if batches:
        dynamic = config.dynamic_batching
        preferred = sorted(model.batching.preferred) or [model.max_batch_size]
        assert list(dynamic.preferred_batch_size) == preferred
        delay = dynamic.max_queue_delay_microseconds
        assert delay == pytest.approx(model.batching.max_queue_delay_ms * 1000)
        assert dynamic.default_queue_policy.max_queue_size == model.batching.max_queue_size
