from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from components.model_server import ModelServer, deployment_spec, scaled_object, service_spec
from components.model_server_args import (
    Claim,
    ModelServerArgs,
    Question,
    Scaling,
    Toleration,
    Trigger,
)
from components.model_server_files import WAIT
from components.model_server_pod import template
from tests import crds
from tests.conftest import Graph
from tests.unit import rendered
from tests.unit.components.examples import EXAMPLES
from tests.unit.components.installing import installed

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
SCALED = "kubernetes:keda.sh/v1alpha1:ScaledObject"
QUESTION = Question(path="/v2/models/digits/versions/3/infer", body='{"inputs":[]}')
CLAIM = Claim(name="model-cache", folder="digits/3", image="python:3.13-slim")
TRIGGERS = {"waiting": Trigger(query="sum(waiting)", threshold=32)}


def args(**changes: Any) -> ModelServerArgs:
    example = EXAMPLES[ModelServer]
    assert isinstance(example, ModelServerArgs)
    return replace(example, **changes)


def scaling(**changes: Any) -> Scaling:
    return replace(args().scaling, **{"triggers": TRIGGERS, **changes})


def asking(**changes: Any) -> ModelServerArgs:
    return args(probes=replace(args().probes, **changes))


WHOLE = args(
    labels={"component": "inference", "tenant": "vision"},
    annotations={"model.sha256": "ab" * 32},
    args=["tritonserver"],
    env={"HOME": "/tmp"},
    ports={"http": 8000, "grpc": 8001, "metrics": 8002},
    metrics_port=8002,
    probes=replace(
        args().probes, ready_paths=["/v2/models/a/ready", "/v2/models/b/ready"], question=QUESTION
    ),
    files=CLAIM,
    fetched={"adapters": "registry.example/adapters:1"},
    accelerators={"nvidia.com/gpu": 2},
    instance_types=["g5.xlarge", "g6.xlarge"],
    tolerations=[Toleration(key="nvidia.com/gpu"), Toleration(key="workload", value="gpu")],
    spare=False,
    scaling=scaling(),
)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return installed(ModelServer, **{field: getattr(WHOLE, field) for field in vars(WHOLE)})


def pod(of: ModelServerArgs) -> dict[str, Any]:
    spec: dict[str, Any] = template(of, "question")["spec"]
    return spec


def container(of: ModelServerArgs) -> dict[str, Any]:
    (found,) = pod(of)["containers"]
    return dict(found)


def helper(of: ModelServerArgs) -> dict[str, Any]:
    (found,) = pod(of)["initContainers"]
    return dict(found)


def volume(of: ModelServerArgs, name: str) -> dict[str, Any]:
    (found,) = [each for each in pod(of)["volumes"] if each["name"] == name]
    return dict(found)


def whole_pod(of: ModelServerArgs) -> dict[str, Any]:
    described = template(of, "question")
    metadata = {"name": "digits", "namespace": "tenant-vision", **described["metadata"]}
    return {"apiVersion": "v1", "kind": "Pod", **described, "metadata": metadata}


def test_kubernetes_and_keda_take_every_object(graph: Graph) -> None:
    assert rendered.wrong_objects(graph) == []
    assert {each.type.rpartition(":")[2] for each in graph if each.type.startswith("kub")} == {
        "ConfigMap", "Deployment", "PodDisruptionBudget", "ScaledObject", "Service",
    }  # fmt: skip


@pytest.mark.parametrize("files", [None, CLAIM])
def test_kubernetes_takes_every_pod(files: Claim | None) -> None:
    kubernetes_validate.validate(whole_pod(args(files=files)), "1.35", strict=True)


def test_all_objects_are_called_alike_and_lie_in_one_namespace(graph: Graph) -> None:
    for each in graph:
        metadata = each.inputs.get("metadata")
        if metadata and not each.type.endswith(":ConfigMap"):
            assert (metadata["name"], metadata["namespace"]) == ("digits-3", "tenant-vision")
            assert metadata["labels"]["tenant"] == "vision"
    outputs = graph.one("serving:index:ModelServer").outputs
    assert outputs == {"service": "digits-3"}


def test_only_its_own_pods_are_selected(graph: Graph) -> None:
    own = {"app.kubernetes.io/name": "digits", "app.kubernetes.io/version": "3"}
    spec = graph.one(DEPLOYMENT).inputs["spec"]
    assert spec["selector"] == {"matchLabels": own}
    assert own.items() <= spec["template"]["metadata"]["labels"].items()
    assert graph.one("kubernetes:core/v1:Service").inputs["spec"]["selector"] == own
    budget = graph.one("kubernetes:policy/v1:PodDisruptionBudget").inputs["spec"]
    assert budget["selector"] == {"matchLabels": own}


@pytest.mark.parametrize("of", [args(), WHOLE])
def test_its_pods_keep_the_restricted_profile(of: ModelServerArgs) -> None:
    """What the namespaces of tenants admit."""
    spec = pod(of)
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "runAsGroup": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}
    for each in (*spec["containers"], *spec.get("initContainers", ())):
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        assert not any("hostPort" in port for port in each.get("ports", ()))
        assert not any("valueFrom" in entry for entry in each.get("env", ()))
    kinds = {kind for each in spec["volumes"] for kind in each if kind != "name"}
    assert kinds <= {"configMap", "emptyDir", "persistentVolumeClaim"}


@pytest.mark.parametrize("of", [args(), WHOLE])
def test_every_container_is_bounded_in_memory_and_on_disk(of: ModelServerArgs) -> None:
    spec = pod(of)
    for each in (*spec["containers"], *spec.get("initContainers", ())):
        asked, limits = each["resources"]["requests"], each["resources"]["limits"]
        assert {"cpu", "memory", "ephemeral-storage"} <= asked.keys()
        assert "cpu" not in limits
        assert {key: value for key, value in asked.items() if key != "cpu"} == limits
    for each in spec["volumes"]:
        if "emptyDir" in each:
            assert each["emptyDir"]["sizeLimit"], each["name"]


def test_a_gpu_is_asked_for_and_bounded_alike() -> None:
    found = container(WHOLE)["resources"]
    assert found["requests"]["nvidia.com/gpu"] == found["limits"]["nvidia.com/gpu"] == "2"


def test_shared_memory_is_memory_and_has_an_end() -> None:
    assert volume(args(), "shm")["emptyDir"] == {"medium": "Memory", "sizeLimit": "512Mi"}
    mounts = {each["name"]: each["mountPath"] for each in container(args())["volumeMounts"]}
    assert mounts == {"tmp": "/tmp", "shm": "/dev/shm"}


def test_it_has_an_account_of_its_own_and_no_token_for_the_api_server() -> None:
    assert pod(args())["serviceAccountName"] == "digits"
    assert pod(args())["automountServiceAccountToken"] is False


def test_no_service_of_the_namespace_changes_its_environment() -> None:
    assert pod(args())["enableServiceLinks"] is False


def test_it_runs_on_the_nodes_that_were_named() -> None:
    spec = pod(WHOLE)
    assert spec["nodeSelector"] == {"workload": "cpu-compute"}
    (term,) = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    assert term["matchExpressions"] == [
        {
            "key": "node.kubernetes.io/instance-type",
            "operator": "In",
            "values": ["g5.xlarge", "g6.xlarge"],
        }
    ]
    assert spec["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "workload", "value": "gpu", "effect": "NoSchedule"},
    ]
    assert "affinity" not in pod(args())


def test_servers_spread_over_zones_and_nodes_unless_they_are_to_be_packed() -> None:
    constraints = pod(args())["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in constraints] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]
    assert all(
        each["labelSelector"] == {"matchLabels": dict(args().selector)} for each in constraints
    )
    assert "topologySpreadConstraints" not in pod(args(spread=False))


@pytest.mark.parametrize(
    ("spare", "expected"),
    [(True, {"maxSurge": 1, "maxUnavailable": 0}), (False, {"maxSurge": 0, "maxUnavailable": 1})],
)
def test_pods_are_replaced_within_the_room_there_is(spare: bool, expected: dict[str, int]) -> None:
    """A pod more than there are GPUs would wait for one for ever."""
    strategy = deployment_spec(args(spare=spare), None)["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": expected}


def test_one_path_is_asked_by_the_kubelet_and_several_all_in_one_probe() -> None:
    assert container(args())["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "http"}
    probe = container(asking(ready_paths=["/a/ready", "/b/ready"]))["readinessProbe"]
    assert probe["exec"]["command"] == [
        "curl", "--silent", "--fail", "--fail-early",
        "http://127.0.0.1:8000/a/ready", "http://127.0.0.1:8000/b/ready",
    ]  # fmt: skip


def test_a_server_may_take_its_whole_time_to_start() -> None:
    found = container(
        asking(startup_delay_seconds=60, startup_period_seconds=10, startup_failures=90)
    )
    startup = found["startupProbe"]
    assert startup["httpGet"] == found["readinessProbe"]["httpGet"]
    assert (startup["initialDelaySeconds"], startup["periodSeconds"]) == (60, 10)
    assert startup["failureThreshold"] == 90


def test_a_server_lives_while_it_answers_a_question(graph: Graph) -> None:
    """Triton says that it is healthy while its models hang."""
    probe = container(asking(question=QUESTION))["livenessProbe"]
    command = probe["exec"]["command"]
    assert command[-1] == f"http://127.0.0.1:8000{QUESTION.path}"
    assert "@/question/question.json" in command
    kept = graph.one("kubernetes:core/v1:ConfigMap").inputs
    assert kept["data"] == {"question.json": QUESTION.body}
    assert kept["immutable"] is True
    assert "name" not in kept["metadata"]
    (mount,) = [
        each
        for each in container(asking(question=QUESTION))["volumeMounts"]
        if each["name"] == "question"
    ]
    assert mount["mountPath"] == "/question"


def test_without_a_question_its_own_word_is_taken() -> None:
    assert container(args())["livenessProbe"]["httpGet"] == {"path": "/live", "port": "http"}
    assert not [each for each in pod(args())["volumes"] if "configMap" in each]


def test_liveness_waits_longer_than_readiness() -> None:
    """What is slow gets nothing more to do before it is killed."""

    def patience(probe: dict[str, Any]) -> int:
        return int(probe["periodSeconds"]) * int(probe["failureThreshold"])

    found = container(WHOLE)
    assert patience(found["livenessProbe"]) >= 3 * patience(found["readinessProbe"])


def test_it_goes_on_while_others_still_send_to_it_and_ends_what_it_has_begun() -> None:
    of = args(drain_seconds=20, longest_request_seconds=60)
    assert container(of)["lifecycle"] == {"preStop": {"sleep": {"seconds": 20}}}
    assert pod(of)["terminationGracePeriodSeconds"] > 20 + 60


def test_its_metrics_are_told_to_the_proxy_beside_it() -> None:
    annotations = template(WHOLE, "question")["metadata"]["annotations"]
    assert annotations == {
        "model.sha256": "ab" * 32,
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "8002",
        "prometheus.io/path": "/metrics",
    }
    assert "annotations" not in template(args(), None)["metadata"]


def test_the_mesh_knows_the_protocol_of_each_port() -> None:
    ports = service_spec(WHOLE)["ports"]
    assert {each["name"]: (each["port"], each["appProtocol"]) for each in ports} == {
        "http": (8000, "http"),
        "grpc": (8001, "grpc"),
        "metrics": (8002, "http"),
    }
    assert service_spec(WHOLE)["type"] == "ClusterIP"


def test_a_node_is_drained_one_server_after_another_and_ill_ones_at_once(graph: Graph) -> None:
    budget = graph.one("kubernetes:policy/v1:PodDisruptionBudget").inputs["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_a_claim_is_mounted_whole_and_cannot_be_written_to() -> None:
    """Of a part of it that is missing the kubelet would make an empty folder on the node."""
    of = args(files=CLAIM)
    assert volume(of, "models")["persistentVolumeClaim"] == {
        "claimName": "model-cache",
        "readOnly": True,
    }
    for each in (container(of), helper(of)):
        (mount,) = [each for each in each["volumeMounts"] if each["name"] == "models"]
        assert mount == {"name": "models", "mountPath": "/models", "readOnly": True}
    assert helper(of)["command"] == ["sh", "-c", WAIT, "/models/digits/3"]
    assert helper(of)["image"] == "python:3.13-slim"


def test_it_starts_as_soon_as_its_files_are_there(tmp_path: Path) -> None:
    folder = tmp_path / "digits" / "3"
    with subprocess.Popen(
        ["sh", "-c", WAIT, str(folder)], stdout=subprocess.PIPE, text=True
    ) as waiting:
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == f"waits for {folder}\n"
        assert waiting.poll() is None
        folder.mkdir(parents=True)
        assert waiting.stdout.read() == ""
    assert waiting.returncode == 0


def test_it_waits_for_nothing_that_is_there_already(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", WAIT, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""


def test_who_waits_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with subprocess.Popen(
        ["sh", "-c", WAIT, str(tmp_path / "missing")], stdout=subprocess.PIPE
    ) as waiting:
        assert waiting.stdout is not None
        waiting.stdout.readline()
        waiting.terminate()
    assert waiting.returncode == 1


def test_what_an_image_fetches_lies_where_the_server_looks() -> None:
    of = args(fetched={"adapters": "registry.example/adapters:1"})
    assert helper(of)["image"] == "registry.example/adapters:1"
    assert "command" not in helper(of)
    mount = {"name": "adapters", "mountPath": "/adapters"}
    assert mount in helper(of)["volumeMounts"]
    assert mount in container(of)["volumeMounts"]


def test_keda_alone_says_how_many_there_are(graph: Graph) -> None:
    assert "replicas" not in graph.one(DEPLOYMENT).inputs["spec"]
    scaled = graph.one(SCALED)
    assert scaled.inputs["spec"]["scaleTargetRef"] == {"name": "digits-3"}
    assert graph.one(DEPLOYMENT).urn in scaled.dependencies


def test_where_nothing_is_asked_there_are_always_as_many() -> None:
    graph = installed(ModelServer)
    assert graph.one(DEPLOYMENT).inputs["spec"]["replicas"] == 2
    assert graph.all(SCALED) == []


def test_an_outage_of_what_is_asked_takes_no_server_away() -> None:
    """Pitfall 21."""
    spec = scaled_object("digits-3", scaling())
    assert spec["fallback"] == {
        "failureThreshold": 3,
        "replicas": 2,
        "behavior": "currentReplicasIfHigher",
    }
    for trigger in spec["triggers"]:
        assert trigger["metadata"]["ignoreNullValues"] == "false"


def test_an_outage_wakes_what_sleeps() -> None:
    spec = scaled_object("digits-3", scaling(min_replicas=0))
    assert spec["minReplicaCount"] == 0
    assert spec["fallback"]["replicas"] == 1


def test_servers_come_at_once_and_go_late() -> None:
    spec = scaled_object("digits-3", scaling(scale_down_delay_seconds=960))
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleUp"] == {"stabilizationWindowSeconds": 0}
    assert behavior["scaleDown"] == {"stabilizationWindowSeconds": 960}
    assert spec["cooldownPeriod"] == 960


def test_each_trigger_asks_prometheus_for_what_one_server_holds() -> None:
    (trigger,) = scaled_object("digits-3", scaling())["triggers"]
    assert (trigger["type"], trigger["metricType"]) == ("prometheus", "AverageValue")
    assert trigger["metadata"]["serverAddress"] == "http://prometheus.monitoring.svc:9090"
    assert trigger["metadata"]["query"] == "sum(waiting)"
    assert trigger["metadata"]["threshold"] == "32"


def test_a_field_that_keda_does_not_have_is_found() -> None:
    """The schema above is one that bites."""
    wrong = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "a", "namespace": "b"},
        "spec": {**scaled_object("digits-3", scaling()), "minReplicas": 1},
    }
    assert crds.errors(wrong)


def test_an_update_waits_for_servers_unless_it_is_told_not_to(graph: Graph) -> None:
    assert "annotations" not in graph.one(DEPLOYMENT).inputs["metadata"]
    idle = installed(ModelServer, waited_for=False).one(DEPLOYMENT)
    assert idle.inputs["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}
    spec = graph.one(DEPLOYMENT).inputs["spec"]
    assert idle.inputs["spec"]["template"] == deployment_spec(args(), None)["template"]
    assert spec["progressDeadlineSeconds"] > WHOLE.probes.startup_seconds


def test_no_update_waits_for_a_service_whose_version_sleeps(graph: Graph) -> None:
    service = graph.one("kubernetes:core/v1:Service").inputs
    assert service["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"ports": {"grpc": 8001}}, "ports must have one called http"),
        ({"selector": {}}, "selector must have at least one label"),
    ],
)
def test_what_cannot_work_is_refused(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        args(**changes)


def test_nobody_is_ready_unasked() -> None:
    with pytest.raises(ValueError, match="ready_paths must be at least one"):
        asking(ready_paths=[])


@pytest.mark.parametrize(("least", "most"), [(-1, 2), (3, 2)])
def test_replicas_have_a_range(least: int, most: int) -> None:
    with pytest.raises(ValueError, match="min_replicas must be 0 to max_replicas"):
        scaling(min_replicas=least, max_replicas=most)
