"""CLU-7: add-ons are pinned, and what they are told is what their schemas take."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from components import cluster_addon_values as values
from components.cluster_addons import ClusterAddon, ClusterAddons, ClusterAddonsArgs
from tests.conftest import Graph, Synth

ADDON = "aws:eks/addon:Addon"
LABELS = {"workload": "system"}
SCHEMAS = Path(__file__).parents[2] / "fixtures" / "addons"


def built(synth: Synth, **addons: ClusterAddon) -> Graph:
    args = ClusterAddonsArgs(
        cluster_name="serving-test",
        addons={name.replace("_", "-"): addon for name, addon in addons.items()},
    )
    return synth(lambda: ClusterAddons("system", args))


def test_an_add_on_is_of_the_version_that_is_named(synth: Synth) -> None:
    addon = built(synth, coredns=ClusterAddon(version="v1.14.2-eksbuild.4")).one(ADDON)
    assert addon.name == "system-coredns"
    assert addon.inputs == {
        "clusterName": "serving-test",
        "addonName": "coredns",
        "addonVersion": "v1.14.2-eksbuild.4",
        "resolveConflictsOnCreate": "OVERWRITE",
        "resolveConflictsOnUpdate": "OVERWRITE",
    }


def test_what_it_is_told_is_the_same_text_each_time(synth: Synth) -> None:
    one, other = {"b": 1, "a": {"d": 2, "c": 3}}, {"a": {"c": 3, "d": 2}, "b": 1}
    graph = built(
        synth,
        first=ClusterAddon(version="v1", configuration=one),
        second=ClusterAddon(version="v1", configuration=other),
    )
    first, second = (each.inputs["configurationValues"] for each in graph.all(ADDON))
    assert first == second
    assert json.loads(first) == one


def test_an_add_on_has_its_own_role(synth: Synth) -> None:
    role = "arn:aws:iam::123456789012:role/vpc-cni"
    addon = built(synth, vpc_cni=ClusterAddon(version="v1", role_arn=role)).one(ADDON)
    assert addon.inputs["serviceAccountRoleArn"] == role


CONFIGURATIONS: Mapping[str, Mapping[str, Any]] = {
    "vpc-cni": values.vpc_cni(),
    "coredns": values.coredns(LABELS, replicas=3),
    "aws-ebs-csi-driver": values.ebs_csi(LABELS),
    "aws-efs-csi-driver": values.efs_csi(LABELS),
    "metrics-server": values.metrics_server(LABELS),
    "eks-node-monitoring-agent": values.node_monitoring(),
    "amazon-cloudwatch-observability": values.cloudwatch(),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_eks_takes_the_configuration(name: str) -> None:
    """Its schema is public for some add-ons; of the others, the part that we use is noted down."""
    schema = yaml.safe_load((SCHEMAS / f"{name}.yaml").read_text(encoding="utf-8"))
    jsonschema.validate(CONFIGURATIONS[name], schema)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_key_that_eks_does_not_know_would_be_refused(name: str) -> None:
    schema = yaml.safe_load((SCHEMAS / f"{name}.yaml").read_text(encoding="utf-8"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**CONFIGURATIONS[name], "nodeSelectr": {}}, schema)


def test_network_policies_are_enforced_and_addresses_come_by_sixteens() -> None:
    told = values.vpc_cni()
    assert told["enableNetworkPolicy"] == "true"
    assert told["env"]["ENABLE_PREFIX_DELEGATION"] == "true"


def selectors(value: Any) -> Iterator[Mapping[str, str]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            if key == "nodeSelector":
                yield each
            else:
                yield from selectors(each)


@pytest.mark.parametrize(
    "name", ["coredns", "aws-ebs-csi-driver", "aws-efs-csi-driver", "metrics-server"]
)
def test_what_runs_once_runs_on_the_systems_nodes(name: str) -> None:
    """CLU-4."""
    assert list(selectors(CONFIGURATIONS[name])) == [LABELS]


def test_what_runs_on_every_node_runs_on_those_with_gpus_too() -> None:
    assert values.ebs_csi(LABELS)["node"]["tolerateAllTaints"] is True
    assert {"operator": "Exists"} in values.efs_csi(LABELS)["node"]["tolerations"]
    assert {"operator": "Exists"} in values.node_monitoring()["nodeAgent"]["tolerations"]


def test_no_second_engine_measures_the_gpus() -> None:
    """GPU-3: one on each node, which is the exporter's."""
    assert values.node_monitoring()["nodeAgent"]["monitors"]["nvidia"] == {"enabled": False}
    assert "dcgmAgent" not in values.node_monitoring()
    assert values.cloudwatch()["dcgmExporter"] == {"enabled": False}
