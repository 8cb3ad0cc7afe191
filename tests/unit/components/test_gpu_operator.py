from __future__ import annotations

import json
from typing import Any

import pytest

from components.gpu_operator import (
    WHOLE,
    GpuOperator,
    GpuOperatorArgs,
    mig_config,
    time_slicing_profile,
)
from tests.unit import rendered
from tests.unit.components.examples import SURROUNDINGS
from tests.unit.components.installing import INTERNET, installed
from tests.unit.components.network import Pod, allowed

POD = Pod(namespace="gpu-operator")


def values(**changes: Any) -> Any:
    return rendered.values_of(installed(GpuOperator, **changes), "gpu-operator")


def test_neither_driver_nor_toolkit_is_put_on_nodes_that_have_them() -> None:
    """GPU-1. The image of AL2023 with NVIDIA's driver brings both."""
    assert values()["driver"] == {"enabled": False}
    assert values()["toolkit"] == {"enabled": False}


def test_its_next_version_may_bring_new_kinds() -> None:
    """As its chart demands (`operator.upgradeCRD`)."""
    release = installed(GpuOperator).one(rendered.RELEASE)
    assert release.inputs["disableOpenapiValidation"] is True


def test_pods_ask_for_gpus_through_one_device_plugin() -> None:
    """GPU-2."""
    assert values()["devicePlugin"]["enabled"] is True


def test_there_is_none_where_the_nodes_image_has_one() -> None:
    assert values(device_plugin=False)["devicePlugin"] == {"enabled": False}


def test_gpus_are_measured_by_one_exporter_with_the_only_engine() -> None:
    """GPU-3."""
    found = values()
    assert found["dcgm"] == {"enabled": False}
    assert "nodeStatusExporter" not in found
    exporter = found["dcgmExporter"]
    assert exporter["config"]["data"] == "DCGM_FI_DEV_GPU_TEMP, gauge, C"
    assert exporter["config"]["create"] is True


def test_a_gpus_metrics_are_those_of_the_pod_that_uses_it() -> None:
    assert values()["dcgmExporter"]["serviceMonitor"]["honorLabels"] is True


@pytest.mark.parametrize("mig", [False, True])
def test_gpus_are_cut_only_where_a_pool_wants_it(mig: bool) -> None:
    """GPU-5."""
    found = values(mig=mig)
    assert found["migManager"]["enabled"] is mig
    assert found["mig"] == {"strategy": "mixed"}  # resources say what a part is


def test_gpus_in_the_cloud_are_reset_with_their_node() -> None:
    assert {"name": "WITH_REBOOT", "value": "true"} in values(mig=True)["migManager"]["env"]


def test_slices_of_time_are_a_profile_that_nodes_name() -> None:
    """GPU-6."""
    config = values(time_slicing={time_slicing_profile(4): 4})["devicePlugin"]["config"]
    profile = json.loads(config["data"]["shared-4"])
    assert profile == {
        "version": "v1",
        "sharing": {
            "timeSlicing": {
                "failRequestsGreaterThanOne": True,
                "resources": [{"name": "nvidia.com/gpu", "replicas": 4}],
            }
        },
    }


def test_a_node_that_names_no_profile_shares_nothing() -> None:
    config = values(time_slicing={"shared-4": 4})["devicePlugin"]["config"]
    assert config["default"] == WHOLE
    assert "sharing" not in json.loads(config["data"][WHOLE])


@pytest.mark.parametrize("profiles", [{"shared-1": 1}, {"shared-0": 0}, {WHOLE: 4}], ids=str)
def test_a_profile_that_shares_nothing_or_hides_the_default_is_refused(
    profiles: dict[str, int],
) -> None:
    with pytest.raises(ValueError, match="share by 2 or more"):
        GpuOperatorArgs(surroundings=SURROUNDINGS, counters="", time_slicing=profiles)


def test_a_cut_is_named_as_the_operator_knows_it() -> None:
    assert mig_config("1g.5gb") == "all-1g.5gb"


def test_its_helpers_go_to_every_node_whose_taints_are_named() -> None:
    found: Any = values(taints=["nvidia.com/gpu", "held"])
    for tolerations in (
        found["daemonsets"]["tolerations"],
        found["node-feature-discovery"]["worker"]["tolerations"],
    ):
        assert [each["key"] for each in tolerations] == ["nvidia.com/gpu", "held"]
        assert {each["operator"] for each in tolerations} == {"Exists"}


def test_only_prometheus_asks_it() -> None:
    found = rendered.policies(installed(GpuOperator))
    assert allowed(found, Pod(namespace="monitoring"), POD, 9400)
    assert not allowed(found, Pod(namespace="tenant-vision"), POD, 9400)
    assert allowed(found, POD, "172.20.0.1", 443)
    assert not allowed(found, POD, INTERNET, 443)
