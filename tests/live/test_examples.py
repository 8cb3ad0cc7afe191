"""The examples on a real server: every contract is served, as well as when it was built."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from serving.contract.runtime import Golden, TritonRuntime
from serving.inference import Protocol, total
from serving.registry.validate import staged, validate
from tests.live.samples import accuracy, ask, held_out, learnt_from
from tests.live.versions import MODELS, example, served

pytestmark = pytest.mark.live


def golden_requests() -> list[tuple[str, Golden]]:
    runtimes = [example(path.stem).runtime for path in sorted(MODELS.glob("*.yaml"))]
    return [
        (name, golden)
        for runtime in runtimes
        if isinstance(runtime, TritonRuntime)
        for name, model in runtime.models.items()
        for golden in model.golden
    ]


@pytest.mark.parametrize(("model", "golden"), golden_requests())
def test_golden_requests_are_held_out_samples_with_their_true_answers(
    model: str, golden: Golden
) -> None:
    ((tensor, values),) = golden.inputs.items()
    samples = held_out(model)[tensor]
    one = np.asarray(values, dtype=samples.dtype).reshape(samples.shape[1:])
    same = (samples == one).reshape(len(samples), -1).all(axis=1)
    assert same.any(), f"{values} is not held out"
    if "label" in golden.outputs:
        assert golden.outputs["label"] == [held_out(model)["label"][same][0].item()]


@pytest.mark.parametrize("model", ["digits", "tickets", "biopsy", "offers"])
def test_nothing_that_is_held_out_was_learnt_from(model: str) -> None:
    inputs = [next(iter(samples(model).values())) for samples in (learnt_from, held_out)]
    learnt, kept = ({repr(sample.tolist()) for sample in samples} for samples in inputs)
    assert not learnt & kept


def test_every_contract_for_triton_has_an_example_and_every_example_a_contract() -> None:
    from examples.build import EXAMPLES

    contracts = [example(path.stem) for path in MODELS.glob("*.yaml")]
    assert {c.name for c in contracts if isinstance(c.runtime, TritonRuntime)} == set(EXAMPLES)


def test_building_again_gives_the_same_bytes(tmp_path: Path) -> None:
    """Python's hash seed changes the order of sets, and with it a careless digest."""
    digests = set()
    for seed in ("0", "1", "2"):
        command = [sys.executable, "-m", "examples.build", str(tmp_path / seed), "digits"]
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, check=True)
        files = sorted(path for path in (tmp_path / seed).rglob("*") if path.is_file())
        digests.add(hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize("model", ["tickets", "biopsy", "offers", "mailroom"])
def test_a_contract_holds_on_a_real_server(built: Path, model: str) -> None:
    """SCP-11, CTR-2; the image classifier has tests of its own."""
    with staged(example(model), 1, built / model / "1") as folder:
        result = validate(example(model), 1, folder)
    assert result.checks
    assert [str(check) for check in result.checks if not check.passed] == []


@pytest.mark.parametrize("model", ["tickets", "biopsy"])
def test_a_classifier_is_as_good_as_when_it_was_built(built: Path, model: str) -> None:
    from examples.build import EXAMPLES

    with served(example(model), built / model / "1") as server:
        measured = accuracy(server, model)
    assert EXAMPLES[model]().versions[1].score.startswith(f"accuracy {measured:.1%}")


def test_the_ranking_is_as_good_as_when_it_was_built(built: Path) -> None:
    from examples import offers

    with served(example("offers"), built / "offers" / "1") as server:
        measured = offers.ndcg(held_out("offers"), ask(server, "offers", "score"))
    assert offers.example().versions[1].score.startswith(f"NDCG@5 {measured:.3f}")


def test_a_bundle_answers_for_both_of_its_models_in_one_process(built: Path) -> None:
    """SRV-6."""
    digits = held_out("digits")
    text = np.array([["my parcel is late"]], dtype=object)
    with served(example("mailroom"), built / "mailroom" / "1") as server:
        before = server.metrics()
        for protocol in get_args(Protocol):
            digit = server.infer("mailroom-image", 1, {"image": digits["image"][:1]}, protocol)
            queue = server.infer("mailroom-text", 1, {"text": text}, protocol)
            assert digit["label"].item() == digits["label"][0]
            assert queue["label"].item() == b"delivery"
        after = server.metrics()
    for model in ("mailroom-image", "mailroom-text"):
        first, last = (total(m, "nv_inference_count", model=model) for m in (before, after))
        assert last - first == 2
