"""CLU-5, CLU-9: what a change of pools touches in the real engine, and nothing else."""

from __future__ import annotations

from typing import Final

import pytest

from tests.engine.conftest import Engine, Steps, state_of

pytestmark = pytest.mark.engine

GROUPS: Final = "serving:index:NodeGroup$aws:eks/nodeGroup:NodeGroup"
TEMPLATE: Final = "serving:index:NodeGroup$aws:ec2/launchTemplate:LaunchTemplate"
ZONES: Final = ("us-east-1a", "us-east-1b")


def groups(pool: str, operation: str) -> dict[str, str]:
    return {f"{GROUPS}::{pool}-{zone}": operation for zone in ZONES}


def whole(pool: str, operation: str) -> dict[str, str]:
    return {
        **groups(pool, operation),
        f"{TEMPLATE}::{pool}": operation,
        f"serving:index:NodeGroup::{pool}": operation,
    }


PRICES: Final = (
    "serving:index:Monitoring$serving:index:Addon$"
    "kubernetes:monitoring.coreos.com/v1:PrometheusRule::monitoring-costs"
)


class Changing:
    """A stack whose settings are changed, previewed, and put back."""

    def __init__(self, engine: Engine) -> None:
        self.file = engine.project("dev") / "Pulumi.dev.yaml"
        self.stack = engine.stack("dev")

    def changes(self, old: str, new: str) -> dict[str, str]:
        before = self.file.read_text(encoding="utf-8")
        assert before.count(old) == 1
        self.file.write_text(before.replace(old, new), encoding="utf-8")
        steps = Steps()
        try:
            self.stack.preview(on_event=steps)
        finally:
            self.file.write_text(before, encoding="utf-8")
        return steps.changes()


def test_what_a_change_of_pools_touches(engine: Engine) -> None:
    changing = Changing(engine)
    changing.stack.up()
    vllm = "    gpu-vllm:\n      kind: gpu\n      instance_types: [g6.xlarge, g5.xlarge]\n"
    size = "      nodes_per_zone: {min: 0, max: 1}\n"

    more = changing.changes(vllm + size, vllm + size.replace("max: 1", "max: 3"))
    assert more == groups("gpu-vllm", "update")

    added = vllm.replace("gpu-vllm", "gpu").replace("g6.xlarge, g5.xlarge", "g4dn.xlarge") + size
    assert changing.changes(vllm, added + vllm) == whole("gpu", "create") | {PRICES: "update"}

    gone = vllm + size + "      capacity_type: spot\n"
    assert changing.changes(gone, "") == whole("gpu-vllm", "delete") | {PRICES: "update"}


def test_two_clusters_live_in_one_backend_without_a_clash(engine: Engine) -> None:
    stacks = [engine.stack("dev"), engine.stack("prod")]
    for stack in stacks:
        stack.up()
    names = []
    for stack in stacks:
        (cluster,) = [each for each in state_of(stack) if each["type"] == "aws:eks/cluster:Cluster"]
        nodes = [each for each in state_of(stack) if each["type"] == "aws:eks/nodeGroup:NodeGroup"]
        names.append(cluster["inputs"]["name"])
        assert {each["inputs"]["clusterName"] for each in nodes} == {names[-1]}
    assert names == ["serving-dev", "serving-prod"]
