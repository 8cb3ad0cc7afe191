from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.contract.runtime import Lora, VllmRuntime
from serving.contract.vllm import args, environment, fits, memory_per_gpu, start_script
from tests.contracts import contract

GIB = 1 << 30


def runtime(**changes: object) -> VllmRuntime:
    given_runtime = contract("writer").runtime
    assert isinstance(given_runtime, VllmRuntime)
    return given_runtime.model_copy(update=changes)


def test_the_large_judge_is_started_as_its_contract_says() -> None:
    assert args("writer", runtime()) == (
        "serve",
        "hugging-quants/Meta-Llama-3.1-70B-Instruct-AWQ-INT4",
        "--served-model-name=writer",
        "--max-model-len=4096",
        "--gpu-memory-utilization=0.8",
        "--tensor-parallel-size=4",
        "--dtype=auto",
        "--quantization=awq_marlin",
        "--enable-lora",
        "--max-loras=2",
        "--max-lora-rank=32",
    )


def test_what_is_not_asked_for_is_not_said() -> None:
    given_args = args("writer", runtime(lora=None, quantization=None))
    assert not any("lora" in arg or "quantization" in arg for arg in given_args)
    assert "--enforce-eager" not in given_args
    assert "--enforce-eager" in args("writer", runtime(enforce_eager=True))


def test_adapters_change_while_it_serves_only_where_the_contract_allows_it() -> None:
    assert environment(runtime()) == {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}
    assert environment(runtime(lora=Lora(slots=("letters",)))) == {}
    assert environment(runtime(lora=None)) == {}


def started(tmp_path: Path, slots: tuple[str, ...], present: tuple[str, ...]) -> list[str]:
    """The arguments that a stub of vllm is called with by the real script in a real shell."""
    adapters = tmp_path / "the team's adapters"
    for slot in slots:
        (adapters / slot).mkdir(parents=True)
    for slot in present:
        (adapters / slot / "adapter_config.json").touch()
    stub = tmp_path / "bin" / "vllm"
    stub.parent.mkdir()
    stub.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    stub.chmod(0o755)
    script = tmp_path / "start.sh"
    script.write_text(start_script(runtime(lora=Lora(slots=slots)), str(adapters)))
    result = subprocess.run(
        ["/bin/sh", str(script), "serve", "a model's path", "--dtype=auto"],
        env={**os.environ, "PATH": f"{stub.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stderr == ""
    return result.stdout.replace(str(adapters), "<adapters>").splitlines()


@pytest.mark.parametrize(
    ("slots", "present", "modules"),
    [
        ((), (), []),
        (("sql",), (), []),
        (("sql", "notes"), ("sql",), ["--lora-modules", "sql=<adapters>/sql"]),
        (("sql", "notes"), ("notes",), ["--lora-modules", "notes=<adapters>/notes"]),
        (
            ("sql", "notes"),
            ("sql", "notes"),
            ["--lora-modules", "sql=<adapters>/sql", "notes=<adapters>/notes"],
        ),
        (
            ("in", "done", "x-1"),
            ("in", "done", "x-1"),
            ["--lora-modules", "in=<adapters>/in", "done=<adapters>/done", "x-1=<adapters>/x-1"],
        ),
    ],
)
def test_only_adapters_that_are_there_are_registered(
    tmp_path: Path, slots: tuple[str, ...], present: tuple[str, ...], modules: list[str]
) -> None:
    expected = ["serve", "a model's path", "--dtype=auto", *modules]
    assert started(tmp_path, slots, present) == expected


def test_the_70b_model_fits_four_a10g_only_with_a_short_context() -> None:
    a10g = 22888 << 20
    assert memory_per_gpu(runtime()) == (40 * GIB + 4096 * 320 * 1024) // 4
    assert fits(runtime(), a10g)
    assert not fits(runtime(max_model_len=131_072), a10g)
    assert not fits(runtime(tensor_parallel_size=2), a10g)


@given(st.integers(1, 64), st.integers(1, 1 << 20), st.integers(1, 1 << 44))
def test_more_gpus_or_a_shorter_context_never_need_more_of_each(
    gpus: int, length: int, weights: int
) -> None:
    here = memory_per_gpu(runtime(tensor_parallel_size=gpus, max_model_len=length, weights=weights))
    more = memory_per_gpu(
        runtime(tensor_parallel_size=gpus + 1, max_model_len=length, weights=weights)
    )
    longer = memory_per_gpu(
        runtime(tensor_parallel_size=gpus, max_model_len=length + 1, weights=weights)
    )
    assert more <= here <= longer
    assert here * gpus >= weights
