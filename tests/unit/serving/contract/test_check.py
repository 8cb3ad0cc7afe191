from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.contract.check import check, load
from serving.contract.document import parse
from serving.contract.model import ModelContract, contract_digest
from serving.contract.problem import DocumentError

from .contracts import DIGITS, JUDGE, TICKETS, checked, sound, with_change

A_DIGEST = "sha256:" + "0" * 64


def said(text: str, environment: str = "dev") -> str:
    result = checked(text, "prod" if environment == "prod" else "dev")
    return "\n".join(map(str, (*result.problems, *(f"notice: {n}" for n in result.notices))))


@pytest.mark.parametrize("text", [DIGITS, JUDGE, TICKETS], ids=["triton", "vllm", "text"])
def test_a_sound_contract_has_no_problem(text: str) -> None:
    assert checked(text, "prod").problems == ()


def test_every_mistake_is_said_at_once_with_line_column_and_advice() -> None:
    text = with_change(DIGITS, "backend: python", "backend: pythn")
    text = with_change(text, "tenant: vision\n", "")
    text = with_change(text, "p50_ms: 50,", "p50_ms: 60,")
    text = with_change(text, "workload: standard", "wrkload: standard")
    problems = checked(text).problems
    assert [str(problem) for problem in problems] == [
        "contract:1:1: tenant: is missing, do: add it",
        "contract:3:1: wrkload: is not a known field, expected one of description, health, name, "
        "observability, repository, resources, rollout, runtime, scaling, slo, tenant, versions, "
        "workload, do: write workload",
        "contract:9:7: runtime.models.digits.backend: is not valid, got 'pythn', expected "
        "tensorrt, onnxruntime, pytorch, python, vllm or ensemble",
        "contract:19:7: slo.p50_ms: is not an edge of the latency histogram, so it cannot be "
        "measured, got 60, expected one of 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, "
        "5000, 10000, 30000, 60000, do: take 50, 100 or add 60 to observability.latency_edges_ms",
    ]


def test_rules_between_fields_are_checked_though_another_field_is_wrong() -> None:
    text = with_change(DIGITS, "p50_ms: 50,", "p50_ms: 60,")
    text = with_change(text, "workload: standard", "workload: training")
    assert "workload: is not valid, got 'training'" in said(text)
    assert "slo.p50_ms: is not an edge" in said(text)


def test_a_rule_that_reads_a_wrong_field_stays_silent() -> None:
    text = with_change(DIGITS, "p99_ms: 250", "p99_ms: 250, queue_ms: fast")
    text = with_change(text, "max_queue_delay_ms: 2", "max_queue_delay_ms: -2")
    assert "tenth of the p99 budget" not in said(text)


RULES = [
    ("batching: {max_queue_delay_ms: 2}", "batching: {max_queue_delay_ms: 26}", "≤ 25 ms"),
    ("batching: {max_queue_delay_ms: 2}", "batching: {preferred: [4, 32]}", "preferred[1]"),
    ("slo: {p50_ms: 50, p99_ms: 250}", "slo: {p50_ms: 50, p99_ms: 240}", "take 100, 250 or add"),
    ("slo: {p50_ms: 50, p99_ms: 250}", "slo: {p50_ms: 500, p99_ms: 250}", "median may not"),
    ("slo: {p50_ms", "rollout: {steps: [5, 25, 25]}\nslo: {p50_ms", "rollout.steps[2]: does not"),
    ("slo: {p50_ms", "rollout: {steps: [5, 100]}\nslo: {p50_ms", "got 100, expected 1 to 99"),
    ("slo: {p50_ms", "scaling: {min_replicas: 0}\nslo: {p50_ms", "scale to zero is only for dev"),
    ("slo: {p50_ms", "scaling: {min_replicas: 9}\nslo: {p50_ms", "max_replicas: is below"),
    ("slo: {p50_ms", "scaling: {ramp_rps_per_minute: 9}\nslo: {p50_ms", "replica_rps: is missing"),
    (
        "slo: {p50_ms",
        "observability: {latency_edges_ms: [50, 10]}\nslo: {p50_ms",
        "latency_edges_ms: edges must rise",
    ),
    ("gpu_memory: 2Gi", "gpu_memory: 30Gi", "resources.gpu_memory: does not fit g5.xlarge"),
    ("cpu: 2,", "cpu: 4,", "got 4, expected ≤ 3920m allocatable"),
    ("gpus: 1,", "gpus: 2,", "resources.gpus: does not fit g5.xlarge"),
    ("memory: 4Gi,", "memory: 15Gi,", "resources.memory: does not fit"),
    ("gpus: 1,", "gpus: 0,", "a GPU model needs at least one"),
    ("gpu_memory: 2Gi, ", "", "resources.gpu_memory: is missing"),
    ("gpus: 1,", "accelerator: cpu, gpus: 1,", "has no meaning without a GPU"),
    ("[g5.xlarge]", "[g9.xlarge]", "is not in the catalogue"),
    ("per_sample: 1Mi", "per_sample: 1Gi", "full batches on every instance do not fit"),
    ("gpus: 1,", "gpus: 1, sharing: mig,", "go together"),
    ("gpus: 1,", "gpus: 1, sharing: mig, mig_profile: 1g.5gb,", "cannot be cut into"),
    ("gpus: 1,", "gpus: 1, sharing: time-slicing,", "only small workloads"),
    ("golden:\n", "golden: []\n      parameters:\n", "has no golden request"),
    ("pixels: [0, 1, 2, 3.5]", "pixels: [0, 1, 2]", "got shape [3]"),
    ("pixels: [0, 1, 2, 3.5]", "pixels: [0, 1, 2, x]", "holds a value that is no FP32, got 'x'"),
    ("label: [3]", "label: [3.5]", "holds a value that is no INT64, got 3.5"),
    ("label: [3]", "label: [null]", "holds a value that is no INT64, got nothing"),
    (
        "pixels: [0, 1, 2, 3.5]",
        "pixels: [0, 1, 2, 1.0e300]",
        "holds a value that is no FP32, got 1e",
    ),
    ("workload: standard", "'[key]': 1", "[key]: is not a known field"),
    ("label: [3]", "lable: [3]", "is no tensor of the model, expected one of label"),
    ("inputs: {pixels: [0", "inputs: {a: [0", "lacks the input pixels"),
    ("shape: [4]", "shape: [0]", "needs dimensions other than 0"),
    ("max_batch_size: 16", "steps: [{model: x, inputs: {a: b}, outputs: {c: d}}]", "an ensemble"),
    ("max_batch_size: 16", "parameters: {key: AKIAABCDEFGHIJKLMNOP}", "looks like a credential"),
    ("tritonserver:26.07-py3", "tritonserver:latest", "latest is another image every day"),
    ("backend: python", "backend: pytorch", "outputs.label: does not say which of the model's"),
    ("engine: triton", "engine: torchserve", "runtime.engine: is not one of the known kinds"),
    ("workload: standard", "workload: training", "workload: is not valid, got 'training'"),
    (
        "health:",
        "rollout: {sticky_by: X-User}\nhealth:",
        "rollout.sticky_by: is not valid, got 'X-User', expected a header's name in lower case",
    ),
    (
        "health:",
        "rollout: {sticky_by: x-tenant-id}\nhealth:",
        "got 'x-tenant-id', expected a header that callers set and the gateway keeps",
    ),
    ("standard\n", "standard\nrepository: {kind: oci, ref: a/b:1}\n", "repository.ref: is not"),
    ("standard\n", "standard\nrepository: {kind: efs, uri: x}\n", "repository.uri: is not a known"),
    ("  image: nvcr.io/nvidia/tritonserver:26.07-py3\n", "", "runtime.image: is missing"),
]


@pytest.mark.parametrize(("old", "new", "expected"), RULES, ids=[row[2] for row in RULES])
def test_a_contract_that_cannot_hold_is_refused(old: str, new: str, expected: str) -> None:
    text = with_change(DIGITS, old, new) if old != "[g5.xlarge]" else DIGITS.replace(old, new)
    result = checked(text)
    assert result.contract is None
    assert expected in "\n".join(map(str, result.problems))


VLLM_RULES = [
    ("tensor_parallel_size: 4", "tensor_parallel_size: 2", "expected resources.gpus, 4"),
    ("gpu_memory_utilization: 0.8", "gpu_memory_utilization: 0.4", "≤ 9011Mi, gpu_memory"),
    ("max_model_len: 4096", "max_model_len: 131072", "run out of GPU memory on g5.12xlarge"),
    ("max_tokens: 1024", "max_tokens: 5000", "longer than the context"),
]


@pytest.mark.parametrize(("old", "new", "expected"), VLLM_RULES, ids=[r[2] for r in VLLM_RULES])
def test_a_vllm_contract_that_cannot_hold_is_refused(old: str, new: str, expected: str) -> None:
    assert expected in said(with_change(JUDGE, old, new))


EVALUATION = TICKETS.partition("rollout:\n")[2]


def test_answers_are_graded_where_they_are_text() -> None:
    assert checked(f"{JUDGE}rollout:\n{EVALUATION}").contract
    refused = "rollout.evaluation: asks for answers in text, which this version does not give"
    assert refused in said(f"{DIGITS}rollout:\n{EVALUATION}")
    two = "outputs: {label: {type: BYTES, shape: [1]}, probabilities: {type: BYTES, shape: [1]}}"
    one = "outputs: {label: {type: BYTES, shape: [1]}, probabilities: {type: FP32, shape: [5]}}"
    assert refused in said(with_change(TICKETS, one, two))
    for old, new, expected in (
        ("http://127.0.0.1:9/v1", "judge:8000", "expected an address such as http://judge:8000/v1"),
        ("    model: judge-large\n", "", "rollout.evaluation.model: is missing"),
        ("judge-large\n", "judge-large\n    least_grade: 6\n", "least_grade: is not valid, got 6"),
    ):
        assert expected in said(with_change(TICKETS, old, new))


def test_a_list_is_not_called_too_short_for_what_is_wrong_in_it() -> None:
    questions = TICKETS.partition("questions:\n")[2]
    text = with_change(TICKETS, questions, "      - {ask: why}\n")
    (problem,) = checked(text).problems
    assert "questions[0].reference: is missing" in str(problem)
    assert "expected at least 1" in said(with_change(TICKETS, f"\n{questions}", " []\n"))


def test_a_load_test_needs_a_load_and_something_to_send() -> None:
    held = "scaling: {replica_rps: 40}\n"
    tested = f"{DIGITS}{held}rollout: {{load_test: true}}\n"
    assert checked(tested).contract
    assert "rollout.load_test: does not know which load" in said(with_change(tested, held, ""))
    mirrored = with_change(tested, "load_test: true", "load_test: true, shadow_percent: 20")
    assert "rollout.load_test: would be measured together with mirrored requests" in said(mirrored)
    vllm = f"{JUDGE}{held}rollout:\n  load_test: true\n"
    assert "rollout.load_test: has nothing to send" in said(vllm)
    assert checked(vllm + EVALUATION).contract


@pytest.mark.parametrize("section", ["resources", "health", "slo", "runtime"])
def test_each_promise_is_required(section: str) -> None:
    document = parse(DIGITS.encode(), "contract")
    assert isinstance(document.data, dict)
    without = {key: value for key, value in document.data.items() if key != section}
    result = check(parse(json.dumps(without).encode(), "contract"), "dev")
    assert f"{section}: is missing" in "\n".join(map(str, result.problems))


def test_a_custom_server_needs_the_whole_contract_and_a_reason() -> None:
    head, _, tail = DIGITS.partition("runtime:\n")
    custom = "runtime:\n  engine: custom\n  image: a/b:1\n  ready_path: /r\n  live_path: /l\n"
    text = head + custom + "resources:" + tail.partition("resources:")[2]
    assert "runtime.reason: is missing" in said(text)
    with_reason = with_change(text, "  live_path", "  reason: our own server\n  live_path")
    assert checked(with_reason).contract
    without_slo = text.partition("slo:")[0]
    assert "slo: is missing" in said(without_slo)


def test_a_large_first_step_is_refused_in_prod_only() -> None:
    text = with_change(DIGITS, "slo: {p50_ms", "rollout: {steps: [20, 50]}\nslo: {p50_ms")
    assert "too many users" in said(text, "prod")
    assert "too many users" not in said(text, "dev")


def test_a_cold_version_is_refused_in_prod_only() -> None:
    text = with_change(DIGITS, "max_batch_size: 16", "warmup: false")
    assert "models.digits.warmup: the first users would wait" in said(text, "prod")
    assert "warmup" not in said(text, "dev")


def test_the_tenant_is_one_there_is() -> None:
    document = parse(DIGITS.encode(), "contract")
    assert check(document, "dev", tenants=["vision", "shop"]).contract
    (problem,) = check(document, "dev", tenants=["shop", "language"]).problems
    assert str(problem) == (
        "contract:2:1: tenant: is no tenant, got vision, expected one of language, shop, "
        "do: correct it, or add the tenant's file"
    )


def test_dev_may_scale_to_zero_and_one_replica_is_noticed() -> None:
    text = with_change(
        DIGITS,
        "slo: {p50_ms",
        "scaling: {min_replicas: 1, dev: {min_replicas: 0, max_replicas: 1}}\nslo: {p50_ms",
    )
    assert checked(text, "prod").problems == ()
    assert "notice: contract:20:11: scaling.min_replicas: with one replica" in said(text, "prod")


def test_mig_is_taken_where_the_type_has_it_and_counts_as_its_own_memory() -> None:
    text = DIGITS.replace("[g5.xlarge]", "[p4d.24xlarge]")
    text = with_change(text, "gpus: 1,", "gpus: 1, sharing: mig, mig_profile: 1g.5gb,")
    assert checked(text).contract
    assert "does not fit p4d.24xlarge" in said(
        with_change(text, "gpu_memory: 2Gi", "gpu_memory: 6Gi")
    )


def test_time_slicing_is_for_small_workloads() -> None:
    text = with_change(DIGITS, "gpus: 1,", "gpus: 1, sharing: time-slicing,")
    assert checked(with_change(text, "workload: standard", "workload: small")).contract


def test_the_first_release_of_defaults() -> None:
    contract = sound(DIGITS)
    assert contract.rollout.steps == (5, 10, 25, 50, 95)
    assert contract.slo.error_rate == 0.001
    assert contract.scaling.min_replicas == 2
    assert contract.repository.kind == "efs"


def test_an_ensemble_must_connect() -> None:
    ensemble = """\
    both:
      backend: ensemble
      inputs: {pixels: {type: FP32, shape: [4]}}
      outputs: {label: {type: INT64, shape: [1]}}
      memory: {weights: 1Mi, per_sample: 1Ki}
      steps: [{model: digits, inputs: {pixels: pixels}, outputs: {label: label}}]
resources:"""
    text = with_change(DIGITS, "resources:", ensemble)
    assert checked(text).contract
    for old, new, expected in (
        ("[{model: digits", "[{model: digit", "is no other model of this version"),
        ("inputs: {pixels: pixels}", "inputs: {pixels: nowhere}", "comes from nowhere"),
        ("outputs: {label: label}", "outputs: {lable: label}", "is no tensor of digits"),
    ):
        assert expected in said(with_change(text, old, new))


def with_version(text: str, contract: str, overrides: str = "{}") -> str:
    entry = f"{{digest: '{A_DIGEST}', contract: '{contract}', source: x, overrides: {overrides}}}"
    return f"{text}versions:\n  1: {entry}\n"


def test_a_change_to_what_reaches_the_server_asks_for_a_new_version() -> None:
    published = with_version(DIGITS, contract_digest(sound(DIGITS), 1))
    assert "has changed since" not in said(published)
    for old, new in (("p99_ms: 250", "p99_ms: 500"), ("cpu: 2,", "cpu: 3,")):
        assert "has changed since" not in said(with_change(published, old, new))
    for old, new in (
        ("max_batch_size: 16", "max_batch_size: 8"),
        ("max_queue_delay_ms: 2", "max_queue_delay_ms: 3"),
        ("26.07-py3", "26.08-py3"),
        ("pixels: [0,", "pixels: [1,"),
    ):
        text = with_change(published, old, new)
        assert "has changed since version 1 was published, do: publish version 2" in said(text)
        assert checked(text).contract


def test_a_version_overrides_what_it_names_and_nothing_else() -> None:
    text = with_version(DIGITS, A_DIGEST, "{models: {digits: {max_batch_size: 4}}}")
    contract = sound(text)
    assert contract.at(1).model_dump() == {
        **contract.model_dump(),
        "runtime": sound(
            DIGITS.replace("max_batch_size: 16", "max_batch_size: 4")
        ).runtime.model_dump(),
    }
    wrong = with_version(DIGITS, A_DIGEST, "{models: {digits: {max_batch_size: many}}}")
    assert "versions.1.overrides: runtime.triton.models.digits.max_batch_size" in said(wrong)


def test_the_file_is_named_after_its_model(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(DIGITS)
    with pytest.raises(DocumentError, match="is not the name of the file, got digits"):
        load(tmp_path / "other.yaml")
    (tmp_path / "digits.yaml").write_text(DIGITS)
    assert load(tmp_path / "digits.yaml").name == "digits"


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), max_size=20),
    st.sampled_from(["triton", "vllm", "custom", "4Gi", "2", "mig", "efs"]),
)  # fmt: skip
KEYS = st.one_of(
    st.sampled_from(sorted(ModelContract.model_fields)),
    st.sampled_from(["engine", "image", "models", "digits", "inputs", "shape", "golden", "1", "x"]),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=12,
)


@settings(max_examples=500)
@given(data=st.data())
def test_any_value_anywhere_gives_an_answer_and_never_a_traceback(data: st.DataObject) -> None:
    document = parse(data.draw(st.sampled_from([DIGITS, JUDGE])).encode(), "contract")
    path = data.draw(st.sampled_from(sorted(document.values, key=str)))
    broken = json.loads(json.dumps(document.data))
    at = broken
    for part in path[:-1]:
        at = at[part]
    if path:
        at[path[-1]] = data.draw(JSON)
    else:
        broken = data.draw(JSON)
    text = json.dumps(broken, ensure_ascii=False)
    result = check(parse(text.encode(), "contract"), "prod")
    assert (result.contract is None) == bool(result.problems)
    assert all(str(problem).startswith("contract:1:") for problem in result.problems)


def test_what_publishing_enters_is_there_as_a_whole_or_not_at_all() -> None:
    text = f"{DIGITS}versions:\n  1: {{digest: '{A_DIGEST}'}}\n"
    assert "expected digest, contract and source together" in said(text)
    planned = sound(f"{DIGITS}versions:\n  1: {{overrides: {{}}}}\n")
    assert planned.published == {}
