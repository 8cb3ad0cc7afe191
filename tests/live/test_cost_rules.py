"""CST-1: what models cost, by the real promtool."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from serving.observability import costs
from serving.observability.rule_file import as_yaml
from serving.observability.rules import REQUESTS
from tests.live.test_alerts import promtool
from tests.unit.serving.capacity.pools import pool

pytestmark = pytest.mark.live

POOLS = [
    pool("gpu", "g5.xlarge"),
    pool("cpu", "c7i.xlarge", capacity={"vcpu": 4, "memory": "8Gi", "usd_per_hour": 0.2}),
    pool("cpu", "own.large", capacity={"vcpu": 4, "memory": "8Gi"}),
]
PRICE = 1.006
"""Of a g5.xlarge."""
TRAFFIC = f'{REQUESTS}1h{{model="scan",tenant="radiology"}}'
QUIET = "0x90"


def node(name: str, kind: str, **offered: str) -> dict[str, str]:
    labels = f'kube_node_labels{{node="{name}",label_node_kubernetes_io_instance_type="{kind}"}}'
    return {labels: "1x90"} | {
        f'kube_node_status_allocatable{{node="{name}",resource="{resource}"}}': f"{amount}x90"
        for resource, amount in offered.items()
    }


def pod(name: str, at: str, values: str = "1x90", **asked: float) -> dict[str, str]:
    """A server that asks for so much, in so many containers, and the mesh's proxy beside it."""
    where = f'namespace="tenant-radiology",pod="{name}",node="{at}"'
    first = f'kube_pod_container_resource_requests{{{where},container="triton"'
    beside = f'kube_pod_init_container_resource_requests{{{where},container="istio-proxy"'
    amounts = {f'{first},resource="{what}"}}': amount for what, amount in asked.items()}
    amounts[f'{beside},resource="cpu"}}'] = 0.1
    return {series: values.replace("1x", f"{amount}x") for series, amount in amounts.items()}


NODES = {
    **node("g1", "g5.xlarge", cpu="4", memory="16", nvidia_com_gpu="4"),
    **node("c1", "c7i.xlarge", cpu="4", memory="8"),
    **node("o1", "own.large", cpu="4", memory="8"),
}
ON_GPU = pod("scan-1-6b7f-x2z9", "g1", cpu=0.5, memory=1, nvidia_com_gpu=1)
"""A quarter of the node, by its GPUs."""
ON_CPU = pod("scan-2-6b7f-x2z9", "c1", cpu=1.9, memory=1)
"""Half of the node, with the proxy."""


def answer(tmp_path: Path, given: Mapping[str, str], expected: Mapping[str, float | None]) -> None:
    """At an hour and a quarter: what each rule says of the model, if anything."""
    (tmp_path / "rules.yaml").write_text(
        as_yaml({"groups": [{"name": "costs", "rules": costs.rules(POOLS)}]})
    )
    asked: list[dict[str, Any]] = [
        {
            "expr": f"round({name}, 0.0001)",
            "eval_time": "75m",
            "exp_samples": []
            if value is None
            else [{"labels": '{model="scan",tenant="radiology"}', "value": round(value, 4)}],
        }
        for name, value in expected.items()
    ]
    inputs = [{"series": name, "values": values} for name, values in {**NODES, **given}.items()]
    test = {"interval": "1m", "input_series": inputs, "promql_expr_test": asked}
    whole = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}
    (tmp_path / "test.yaml").write_text(as_yaml(whole))
    result = promtool("test", "rules", str(tmp_path / "test.yaml"))
    assert result.returncode == 0, result.stderr


def test_a_model_pays_for_its_parts_of_nodes_and_each_inference_for_its_part_of_that(
    tmp_path: Path,
) -> None:
    hour = PRICE / 4 + 0.2 / 2
    answer(
        tmp_path,
        {**ON_GPU, **ON_CPU, TRAFFIC: "5000x90"},
        {costs.MODEL: hour, costs.INFERENCES: hour / 5},
    )


def test_without_traffic_an_hour_has_its_price_and_an_inference_has_none(tmp_path: Path) -> None:
    answer(tmp_path, {**ON_GPU, TRAFFIC: QUIET}, {costs.MODEL: PRICE / 4, costs.INFERENCES: None})


def test_what_was_there_for_half_an_hour_costs_half(tmp_path: Path) -> None:
    came = pod("scan-1-6b7f-x2z9", "g1", "_x46 1x44", nvidia_com_gpu=1)
    answer(
        tmp_path,
        {**came, TRAFFIC: "1000x90"},
        {costs.MODEL: PRICE / 4, costs.INFERENCES: PRICE / 4 * 30 / 61},  # of the samples
    )


def test_a_model_without_pods_costs_nothing(tmp_path: Path) -> None:
    answer(tmp_path, {TRAFFIC: "1000x90"}, {costs.MODEL: 0, costs.INFERENCES: 0})


def test_pods_that_have_ended_or_have_no_node_cost_nothing(tmp_path: Path) -> None:
    ended = (
        'kube_pod_status_phase{namespace="tenant-radiology",pod="scan-1-6b7f-x2z9",phase="Failed"}'
    )
    waits = pod("scan-3-6b7f-x2z9", "", nvidia_com_gpu=4)
    answer(tmp_path, {**ON_GPU, **waits, ended: "1x90", TRAFFIC: QUIET}, {costs.MODEL: 0})


def test_other_pods_are_nobodys_model(tmp_path: Path) -> None:
    others = pod("tool-6b7f-x2z9", "g1", cpu=4) | pod("other-1-6b7f-x2z9", "g1", cpu=4)
    answer(tmp_path, {**ON_GPU, **others, TRAFFIC: QUIET}, {costs.MODEL: PRICE / 4})


def test_a_node_without_a_price_leaves_its_models_without_one(tmp_path: Path) -> None:
    unpriced = pod("scan-3-6b7f-x2z9", "o1", cpu=1)
    answer(
        tmp_path,
        {**ON_GPU, **unpriced, TRAFFIC: "1000x90"},
        {costs.MODEL: None, costs.INFERENCES: None},
    )


def test_the_rules_are_sound(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(as_yaml({"groups": [{"name": "costs", "rules": costs.rules(POOLS)}]}))
    result = promtool("check", "rules", str(file))
    assert result.returncode == 0, result.stderr
