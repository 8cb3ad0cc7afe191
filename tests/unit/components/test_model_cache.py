from __future__ import annotations

from typing import Any

import pytest

from components.images import PYTHON
from components.model_cache import NAMESPACE, ModelCache, ServedVersions, ServedVersionsArgs
from components.model_cache_pods import ON_THE_NODE
from tests.conftest import Graph, synthesise
from tests.unit import rendered
from tests.unit.components.installing import INTERNET, around, installed
from tests.unit.components.network import Pod, allowed

DAEMON_SET = "kubernetes:apps/v1:DaemonSet"
VOLUME = "kubernetes:core/v1:PersistentVolume"
CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"


@pytest.fixture(scope="module")
def graph() -> Graph:
    return installed(
        ModelCache, namespaces={"vision": "tenant-vision", "shop": "tenant-shop"}, wanted='{"a": 1}'
    )


def pod(graph: Graph) -> Any:
    return graph.one(DAEMON_SET).inputs["spec"]["template"]["spec"]


def test_kubernetes_takes_every_object(graph: Graph) -> None:
    """STO-10."""
    assert rendered.wrong_objects(graph) == []


def test_it_is_on_every_node_that_serves_and_on_no_other(graph: Graph) -> None:
    (term,) = pod(graph)["affinity"]["nodeAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [
        {"key": "workload", "operator": "NotIn", "values": ["system"]}
    ]
    assert pod(graph)["tolerations"] == [{"operator": "Exists"}]


def test_it_reads_the_store_as_its_readers_do_and_through_a_door_of_its_own(graph: Graph) -> None:
    point = graph.one("aws:efs/accessPoint:AccessPoint", "thing").inputs
    assert point["posixUser"] == {"uid": 1001, "gid": 1000}
    assert point["rootDirectory"] == {"path": "/tenants"}
    source = graph.one(VOLUME, "thing-source").inputs["spec"]
    assert source["csi"]["readOnly"] is True
    assert source["csi"]["volumeHandle"] == "fs-1::thing"
    (mounted,) = [each for each in pod(graph)["volumes"] if each["name"] == "source"]
    assert mounted["persistentVolumeClaim"] == {"claimName": "models", "readOnly": True}


def test_a_tenants_pods_see_their_own_part_and_cannot_write_to_it(graph: Graph) -> None:
    for tenant in ("vision", "shop"):
        volume, claim = (graph.one(kind, f"thing-{tenant}").inputs for kind in (VOLUME, CLAIM))
        spec = volume["spec"]
        assert spec["hostPath"]["path"] == f"{ON_THE_NODE}/{tenant}"
        assert spec["accessModes"] == claim["spec"]["accessModes"] == ["ReadOnlyMany"]
        assert spec["claimRef"] == {"namespace": f"tenant-{tenant}", "name": "model-cache"}
        assert claim["metadata"] == {"namespace": f"tenant-{tenant}", "name": "model-cache"}
        assert claim["spec"]["volumeName"] == volume["metadata"]["name"]


def test_it_is_root_on_the_disk_and_nothing_beside(graph: Graph) -> None:
    (container,) = pod(graph)["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert pod(graph)["automountServiceAccountToken"] is False
    assert not pod(graph).keys() & {"hostNetwork", "hostPID", "serviceAccountName"}
    hosts = [each["hostPath"]["path"] for each in pod(graph)["volumes"] if "hostPath" in each]
    assert hosts == [ON_THE_NODE]


def test_it_speaks_to_nobody(graph: Graph) -> None:
    """The node mounts the store."""
    found, prefetcher = rendered.policies(graph), Pod(namespace=NAMESPACE)
    assert not allowed(found, prefetcher, INTERNET, 443)
    assert not allowed(found, prefetcher, "169.254.169.254", 80)
    assert not allowed(found, Pod(namespace="monitoring"), prefetcher, 8080)


def test_another_version_changes_what_is_read_and_no_pod(graph: Graph) -> None:
    other = installed(ModelCache, wanted='{"b": 2}')
    assert pod(other) == pod(installed(ModelCache))
    wanted = other.one("kubernetes:core/v1:ConfigMap", "thing-wanted").inputs
    assert wanted["data"] == {"wanted.json": '{"b": 2}'}
    assert wanted["metadata"]["name"] == "wanted"
    assert "immutable" not in wanted


def test_its_pods_start_before_anybody_says_what_is_still_served(graph: Graph) -> None:
    (kept,) = (each for each in pod(graph)["volumes"] if each["name"] == "kept")
    assert kept["configMap"] == {"name": "kept", "optional": True}
    told = synthesise(
        lambda: ServedVersions("thing", ServedVersionsArgs(namespace=NAMESPACE, served='{"a": 1}'))
    ).one("kubernetes:core/v1:ConfigMap")
    assert told.inputs["metadata"] == {"name": "kept", "namespace": NAMESPACE}
    assert told.inputs["data"] == {"kept.json": '{"a": 1}'}


def test_another_script_is_another_config_map(graph: Graph) -> None:
    script = graph.one("kubernetes:core/v1:ConfigMap", "thing").inputs
    assert "name" not in script["metadata"]
    assert script["immutable"] is True


def test_its_image_goes_by_its_digest_where_it_is_known() -> None:
    pinned = installed(ModelCache, surroundings=around(digests={PYTHON.name: "sha256:ab"}))
    (container,) = pod(pinned)["containers"]
    assert container["image"] == f"{PYTHON.name}@sha256:ab"
