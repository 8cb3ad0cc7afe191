from __future__ import annotations

from typing import Any

import pytest

from components.mesh import CNI_NAMESPACE, NAMESPACE, Mesh
from components.mesh_policies import INJECTION, Tracing
from tests.conftest import Graph
from tests.unit import rendered
from tests.unit.components.installing import API_SERVER, INTERNET, around, installed
from tests.unit.components.network import Pod, allowed

ISTIOD = Pod(namespace=NAMESPACE, labels={"app": "istiod"})
MEMBER = Pod(namespace="tenant-vision", namespace_labels=INJECTION)
STRANGER = Pod(namespace="default")
TEMPO = Tracing(service="tempo.tempo.svc.cluster.local", port=4317, percentage=5)
OUTSIDE = Tracing(service="otel.example.com", port=4317, percentage=1, outside=True)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return installed(Mesh)


def istiod(graph: Graph) -> Any:
    return rendered.values_of(graph, "istiod")


def test_every_connection_is_authenticated_in_the_whole_mesh(graph: Graph) -> None:
    """SEC-7. In the namespace of the control plane, without a selector."""
    (found,) = rendered.objects(graph, "PeerAuthentication").values()
    assert found["metadata"]["namespace"] == NAMESPACE
    assert found["spec"] == {"mtls": {"mode": "STRICT"}}


def test_no_request_is_allowed_before_a_policy_names_it(graph: Graph) -> None:
    """An ALLOW policy without a rule matches nothing, and everything else is denied."""
    (found,) = rendered.objects(graph, "AuthorizationPolicy").values()
    assert found["metadata"]["namespace"] == NAMESPACE
    assert found["spec"] == {}


def test_a_path_in_two_spellings_is_one_path(graph: Graph) -> None:
    config = istiod(graph)["meshConfig"]
    assert config["pathNormalization"] == {"normalization": "DECODE_AND_MERGE_SLASHES"}


def test_nobody_is_reached_outside_but_aws_in_this_region(graph: Graph) -> None:
    assert istiod(graph)["meshConfig"]["outboundTrafficPolicy"] == {"mode": "REGISTRY_ONLY"}
    entries = rendered.objects(graph, "ServiceEntry")
    assert [each["spec"]["hosts"] for each in entries.values()] == [["*.us-east-1.amazonaws.com"]]


@pytest.mark.parametrize("replicas", [1, 3])
def test_the_control_plane_has_as_many_replicas_as_it_must(replicas: int) -> None:
    graph = installed(Mesh, surroundings=around(replicas=replicas))
    assert istiod(graph)["autoscaleMin"] == replicas


def test_a_job_ends_though_a_proxy_runs_beside_it(graph: Graph) -> None:
    assert istiod(graph)["env"]["ENABLE_NATIVE_SIDECARS"] == "true"


def test_proxies_keep_the_strictest_security_profile(graph: Graph) -> None:
    """The network is set up by the node's plugin, so no pod needs a privilege for it."""
    assert istiod(graph)["cni"] == {"enabled": True}
    proxy = istiod(graph)["global"]["proxy"]
    assert proxy["seccompProfile"] == {"type": "RuntimeDefault"}


def test_only_the_nodes_plugin_lies_in_a_namespace_that_admits_it(graph: Graph) -> None:
    admitted = {
        each.inputs["metadata"]["name"]: each.inputs["metadata"]["labels"][
            "pod-security.kubernetes.io/enforce"
        ]
        for each in graph.all(rendered.NAMESPACE)
    }
    assert admitted == {NAMESPACE: "restricted", CNI_NAMESPACE: "privileged"}


def test_no_proxy_starts_before_nodes_know_of_the_mesh(graph: Graph) -> None:
    plugin = graph.one(rendered.RELEASE, "thing-cni-istio-cni")
    control = graph.one("serving:index:Addon", "thing-control")
    assert plugin.urn in control.dependencies


def test_its_kinds_are_there_before_its_policies(graph: Graph) -> None:
    control = graph.one(rendered.RELEASE, "thing-control-istiod")
    base = graph.one(rendered.RELEASE, "thing-control-istio-base")
    assert base.urn in control.dependencies
    for kind in ("PeerAuthentication", "AuthorizationPolicy", "Telemetry", "ServiceEntry"):
        ours = [each for each in graph if each.inputs.get("kind") == kind]
        assert all(control.urn in each.dependencies for each in ours), kind


def test_one_line_is_written_for_each_request_and_has_no_other_fields(graph: Graph) -> None:
    (provider,) = istiod(graph)["meshConfig"]["extensionProviders"]
    assert provider["envoyFileAccessLog"] == {
        "path": "/dev/stdout",
        "logFormat": {"labels": {"status": "%RESPONSE_CODE%"}},
    }
    (telemetry,) = rendered.objects(graph, "Telemetry").values()
    assert telemetry["spec"] == {"accessLogging": [{"providers": [{"name": provider["name"]}]}]}


def test_spans_go_where_they_are_wanted() -> None:
    graph = installed(Mesh, tracing=TEMPO)
    provider = istiod(graph)["meshConfig"]["extensionProviders"][1]
    assert provider["opentelemetry"] == {"service": TEMPO.service, "port": 4317}
    (telemetry,) = rendered.objects(graph, "Telemetry").values()
    assert telemetry["spec"]["tracing"] == [
        {"providers": [{"name": provider["name"]}], "randomSamplingPercentage": 5}
    ]
    assert rendered.wrong_objects(graph) == []


def test_a_collector_outside_is_one_that_may_be_reached() -> None:
    graph = installed(Mesh, tracing=OUTSIDE)
    entry = rendered.objects(graph, "ServiceEntry")["collector"]["spec"]
    assert entry["hosts"] == ["otel.example.com"]
    assert entry["ports"] == [{"number": 4317, "name": "grpc", "protocol": "GRPC"}]
    assert rendered.wrong_objects(graph) == []


@pytest.mark.parametrize(
    ("source", "port", "expected"),
    [
        (MEMBER, 15012, True),
        (MEMBER, 15010, False),  # without TLS
        (MEMBER, 15017, False),
        (MEMBER, 15014, False),
        (STRANGER, 15012, False),
        (API_SERVER, 15017, True),
        (INTERNET, 15017, False),
        (Pod(namespace="monitoring"), 15014, True),
    ],
)
def test_members_learn_who_is_who_and_nobody_else(
    graph: Graph, source: Pod | str, port: int, expected: bool
) -> None:
    found = rendered.policies(graph, NAMESPACE)
    assert allowed(found, source, ISTIOD, port) is expected


def test_proxies_are_measured_with_what_runs_beside_them(graph: Graph) -> None:
    (monitor,) = rendered.objects(graph, "PodMonitor").values()
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["relabelings"][0]["replacement"] == "$1:15020"
    assert monitor["spec"]["namespaceSelector"] == {"any": True}


def test_the_control_plane_goes_out_for_keys_alone() -> None:
    """It asks for the keys of callers' tokens itself."""
    for fetches in (False, True):
        found = rendered.policies(installed(Mesh, fetches_keys=fetches), NAMESPACE)
        assert allowed(found, ISTIOD, INTERNET, 443) is fetches
        assert not allowed(found, ISTIOD, INTERNET, 80)
