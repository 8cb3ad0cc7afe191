from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import kubernetes_validate
import pytest

from components.tenant import Tenant, TenantArgs
from tests.conftest import Graph, Registered, Synth, synthesise
from tests.unit.components.examples import EXAMPLES
from tests.unit.components.network import Pod, allowed

POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
DNS = Pod(namespace="kube-system", labels={"k8s-app": "kube-dns"})


def args(**changes: Any) -> TenantArgs:
    example = EXAMPLES[Tenant]
    assert isinstance(example, TenantArgs)
    return replace(example, **changes)


def tenants(synth: Synth, *names: str, **changes: Any) -> Graph:
    def build() -> None:
        for name in names:
            Tenant(name, args(namespace=f"tenant-{name}", group=f"tenant:{name}", **changes))

    return synth(build)


def objects(graph: Graph) -> list[Registered]:
    return [resource for resource in graph if resource.type.startswith("kubernetes:")]


def policies(graph: Graph) -> list[dict[str, Any]]:
    return [dict(resource.inputs) for resource in graph.all(POLICY)]


@cache
def of_two_tenants() -> list[dict[str, Any]]:
    return policies(tenants(synthesise, "text", "vision"))


def test_every_object_is_one_that_kubernetes_takes(synth: Synth) -> None:
    rendered = objects(tenants(synth, "vision"))
    assert len(rendered) == 11
    for resource in rendered:
        kubernetes_validate.validate(dict(resource.inputs), "1.35", strict=True)


def test_every_object_lies_in_the_tenants_own_namespace(synth: Synth) -> None:
    for resource in objects(tenants(synth, "vision")):
        metadata = resource.inputs["metadata"]
        own = metadata["name"] if resource.type.endswith("Namespace") else metadata["namespace"]
        assert own == "tenant-vision"


def test_adding_a_tenant_changes_no_object_of_another(synth: Synth) -> None:
    before = tenants(synth, "text", "vision")
    after = tenants(synth, "audio", "text", "vision")
    kept = [resource for resource in after if not resource.name.startswith("audio")]
    assert kept == list(before)


def test_the_quota_holds_what_was_agreed_and_no_way_around_the_gateway(synth: Synth) -> None:
    accelerators = {"nvidia.com/gpu": 4, "nvidia.com/mig-1g.10gb": 2}
    graph = tenants(synth, "vision", accelerators=accelerators, cpu="16", memory="64Gi")
    quota = graph.one("kubernetes:core/v1:ResourceQuota").inputs
    assert quota["spec"]["hard"] == {
        "requests.nvidia.com/gpu": "4",
        "requests.nvidia.com/mig-1g.10gb": "2",
        "requests.cpu": "16",
        "requests.memory": "64Gi",
        "services.loadbalancers": "0",
        "services.nodeports": "0",
    }


def test_what_containers_do_not_say_keeps_none_of_them_out(synth: Synth) -> None:
    """What a limit range sets beside a request must not be below it, however large that is."""
    limits = tenants(synth, "vision").one("kubernetes:core/v1:LimitRange").inputs["spec"]["limits"]
    (container,) = limits
    assert container["default"].keys() == {"memory"}
    assert container["defaultRequest"].keys() == {"cpu", "memory"}


def test_pods_must_keep_the_strictest_security_profile(synth: Synth) -> None:
    labels = (
        tenants(synth, "vision").one("kubernetes:core/v1:Namespace").inputs["metadata"]["labels"]
    )
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert labels["pod-security.kubernetes.io/enforce-version"] == "v1.35"
    assert (labels["tenant"], labels["owner"]) == ("vision", "vision")


def test_the_team_may_look_but_neither_touch_nor_read_secrets(synth: Synth) -> None:
    graph = tenants(synth, "vision")
    rules = graph.one("kubernetes:rbac.authorization.k8s.io/v1:Role").inputs["rules"]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list", "watch"}
    resources = {resource for rule in rules for resource in rule["resources"]}
    assert not resources & {"*", "secrets", "pods/exec", "pods/portforward", "pods/attach"}
    binding = graph.one("kubernetes:rbac.authorization.k8s.io/v1:RoleBinding").inputs
    assert [subject["name"] for subject in binding["subjects"]] == ["tenant:vision"]


VISION = Pod(namespace="tenant-vision", labels={"app": "digits"})
TEXT = Pod(namespace="tenant-text", labels={"app": "spam"})
GATEWAY = Pod(namespace="istio-ingress")
PROMETHEUS = Pod(namespace="monitoring")
TEMPO = Pod(namespace="tempo")
ISTIOD = Pod(namespace="istio-system", labels={"app": "istiod"})


@pytest.mark.parametrize(
    ("source", "to", "port", "expected"),
    [
        (GATEWAY, VISION, 8000, True),
        (GATEWAY, VISION, 8001, True),
        (GATEWAY, VISION, 8002, False),
        (GATEWAY, VISION, 22, False),
        (PROMETHEUS, VISION, 8002, True),
        (PROMETHEUS, VISION, 8000, False),
        (PROMETHEUS, VISION, 15020, True),
        (VISION, ISTIOD, 15012, True),
        (VISION, ISTIOD, 15017, False),
        (VISION, TEMPO, 4317, False),
        (TEXT, VISION, 8000, False),
        (VISION, TEXT, 8000, False),
        (Pod(namespace="tenant-vision", labels={"app": "other"}), VISION, 8000, False),
        (Pod(namespace="default"), VISION, 8000, False),
        (VISION, "198.51.100.7", 443, True),
        (VISION, "198.51.100.7", 80, False),
        (VISION, "192.0.2.1", 443, False),
        (VISION, "169.254.169.254", 80, False),
        (VISION, GATEWAY, 443, False),
    ],
)
def test_only_what_the_platform_needs_passes(
    source: Pod, to: Pod | str, port: int, expected: bool
) -> None:
    assert allowed(of_two_tenants(), source, to, port) is expected


def test_spans_leave_for_where_traces_are_kept(synth: Synth) -> None:
    rendered = policies(tenants(synth, "vision", tracing_namespace="tempo"))
    assert allowed(rendered, VISION, TEMPO, 4317)
    assert not allowed(rendered, VISION, TEMPO, 3200)


def test_spans_leave_for_a_collector_outside_on_its_port_alone(synth: Synth) -> None:
    rendered = policies(tenants(synth, "vision", collector_port=4317))
    assert allowed(rendered, VISION, "192.0.2.1", 4317)
    assert not allowed(rendered, VISION, "192.0.2.1", 443)


@pytest.mark.parametrize(("port", "expected"), [(80, True), (443, False), (2703, False)])
def test_who_hands_out_roles_on_the_node_is_reached(port: int, expected: bool) -> None:
    """Pod Identity; it is the node's own address."""
    assert allowed(of_two_tenants(), VISION, "169.254.170.23", port) is expected


def test_pods_join_the_mesh(synth: Synth) -> None:
    namespace = tenants(synth, "vision").one("kubernetes:core/v1:Namespace").inputs
    assert namespace["metadata"]["labels"]["istio-injection"] == "enabled"


@cache
def without_a_mesh() -> Graph:
    changes = {"gateway_namespace": None, "mesh_namespace": None}
    return tenants(synthesise, "text", "vision", gateway_cidrs=["10.20.0.0/20"], **changes)


@pytest.mark.parametrize(
    ("source", "to", "port", "expected"),
    [
        ("10.20.1.1", VISION, 8000, True),
        ("10.20.1.1", VISION, 8001, True),
        ("10.20.1.1", VISION, 8002, False),
        ("10.20.99.1", VISION, 8000, False),
        (GATEWAY, VISION, 8000, False),
        (PROMETHEUS, VISION, 8002, True),
        (PROMETHEUS, VISION, 8000, True),  # where vLLM has its metrics
        (PROMETHEUS, VISION, 8001, False),
        (PROMETHEUS, VISION, 15020, False),
        (VISION, ISTIOD, 15012, False),
        (TEXT, VISION, 8000, False),
        (VISION, "198.51.100.7", 443, True),
    ],
)
def test_without_a_mesh_requests_come_from_the_load_balancers_networks(
    source: Pod | str, to: Pod | str, port: int, expected: bool
) -> None:
    """NET-9."""
    assert allowed(policies(without_a_mesh()), source, to, port) is expected


def test_without_a_mesh_pods_get_no_proxy_and_are_ready_when_the_load_balancer_says_so() -> None:
    graph = without_a_mesh()
    labels = graph.one("kubernetes:core/v1:Namespace", "vision").inputs["metadata"]["labels"]
    assert "istio-injection" not in labels
    assert labels["elbv2.k8s.aws/pod-readiness-gate-inject"] == "enabled"
    assert "mesh" not in {each["metadata"]["name"] for each in policies(graph)}
    for resource in objects(graph):
        kubernetes_validate.validate(dict(resource.inputs), "1.35", strict=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"mesh_namespace": None},
        {"gateway_namespace": None},
        {"gateway_namespace": None, "mesh_namespace": None},
        {"gateway_cidrs": ["10.20.0.0/20"]},
    ],
    ids=["half of a mesh", "the other half", "nobody", "both"],
)
def test_a_tenants_requests_come_in_one_way(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a tenant must have"):
        args(**changes)


def test_nothing_at_all_passes_until_a_policy_lets_it_through() -> None:
    deny = [each for each in of_two_tenants() if each["metadata"]["name"] == "default-deny"]
    assert not allowed(deny, GATEWAY, VISION, 8000)
    assert not allowed(deny, VISION, "192.0.2.1", 443)


def test_names_can_be_resolved() -> None:
    assert allowed(of_two_tenants(), VISION, DNS, 53, "UDP")
    assert allowed(of_two_tenants(), VISION, DNS, 53)
    assert not allowed(of_two_tenants(), VISION, Pod(namespace="kube-system"), 53)


@pytest.mark.parametrize("cidrs", [[], ["198.51.100.0/24"]])
def test_an_address_that_is_not_named_is_never_reached(synth: Synth, cidrs: Sequence[str]) -> None:
    rendered = policies(tenants(synth, "vision", egress_cidrs=cidrs))
    assert not allowed(rendered, VISION, "192.0.2.1", 443)
