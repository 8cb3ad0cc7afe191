from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from components.addon import Addon, AddonArgs, CustomObject, Installation
from components.charts import KARPENTER, KARPENTER_CRDS, KEDA
from components.network_policy import into, out_to, pods_of
from tests.conftest import Graph, Registered, Synth
from tests.unit import rendered
from tests.unit.components.examples import EXAMPLES
from tests.unit.components.network import Pod, allowed

STORE = CustomObject(api_version="external-secrets.io/v1", kind="ExternalSecret", spec={})
MONITOR = CustomObject(api_version="monitoring.coreos.com/v1", kind="ServiceMonitor", spec={})


def addon(synth: Synth, **changes: Any) -> Graph:
    example = EXAMPLES[Addon]
    assert isinstance(example, AddonArgs)
    return synth(lambda: Addon("thing", replace(example, **changes)))


def release(graph: Graph, name: str) -> Registered:
    return graph.one(rendered.RELEASE, name)


@pytest.mark.parametrize("security", ["restricted", "privileged"])
def test_the_namespace_admits_the_pods_that_it_is_for(synth: Synth, security: str) -> None:
    namespace = addon(synth, security=security).one(rendered.NAMESPACE).inputs["metadata"]
    assert namespace["name"] == "things"
    assert namespace["labels"] == {
        "pod-security.kubernetes.io/enforce": security,
        "pod-security.kubernetes.io/enforce-version": "v1.35",
    }


def test_labels_of_its_own_cannot_loosen_what_it_admits(synth: Synth) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "privileged", "istio-injection": "enabled"}
    found = addon(synth, labels=labels).one(rendered.NAMESPACE).inputs["metadata"]["labels"]
    assert found["pod-security.kubernetes.io/enforce"] == "restricted"
    assert found["istio-injection"] == "enabled"


def test_only_what_is_named_passes(synth: Synth) -> None:
    passes = {
        "in": into(pods_of("friends"), ports=[8080]),
        "out": out_to(pods_of("shop"), ports=[443]),
    }
    graph = addon(synth, passes=passes)
    found = rendered.policies(graph)
    thing, friend = Pod(namespace="things"), Pod(namespace="friends")
    dns = Pod(namespace="kube-system", labels={"k8s-app": "kube-dns"})
    assert allowed(found, friend, thing, 8080)
    assert allowed(found, thing, Pod(namespace="shop"), 443)
    assert allowed(found, thing, dns, 53, "UDP")
    assert not allowed(found, friend, thing, 8081)
    assert not allowed(found, Pod(namespace="strangers"), thing, 8080)
    assert not allowed(found, thing, Pod(namespace="shop"), 80)
    assert not allowed(found, thing, "198.51.100.1", 443)


def test_a_chart_of_an_index_is_asked_for_by_its_name(synth: Synth) -> None:
    inputs = release(addon(synth), "thing-thing").inputs
    assert (inputs["chart"], inputs["version"]) == ("keda", KEDA.version)
    assert inputs["repositoryOpts"] == {"repo": KEDA.repository}
    assert inputs["name"] == "thing"


def test_a_chart_of_a_registry_is_asked_for_by_its_address(synth: Synth) -> None:
    inputs = release(
        addon(synth, releases={"thing": Installation(chart=KARPENTER, values={})}), "thing-thing"
    ).inputs
    assert inputs["chart"] == "oci://public.ecr.aws/karpenter/karpenter"
    assert "repositoryOpts" not in inputs


def test_what_failed_is_taken_back_and_old_revisions_are_not_kept_for_ever(synth: Synth) -> None:
    inputs = release(addon(synth), "thing-thing").inputs
    assert inputs["atomic"] is True
    assert 0 < inputs["maxHistory"] <= 10


def test_helm_checks_objects_unless_a_hook_brings_their_kinds_first(synth: Synth) -> None:
    assert "disableOpenapiValidation" not in release(addon(synth), "thing-thing").inputs
    hooked = Installation(chart=KEDA, values={}, brings_kinds_by_hook=True)
    inputs = release(addon(synth, releases={"thing": hooked}), "thing-thing").inputs
    assert inputs["disableOpenapiValidation"] is True


def test_each_chart_waits_for_the_one_before_it_and_the_first_for_the_policies(
    synth: Synth,
) -> None:
    graph = addon(
        synth,
        releases={
            "definitions": Installation(chart=KARPENTER_CRDS, values={}),
            "controller": Installation(chart=KARPENTER, values={}),
        },
    )
    first, second = release(graph, "thing-definitions"), release(graph, "thing-controller")
    assert first.urn in second.dependencies
    assert {each.urn for each in graph.all(rendered.POLICY)} <= first.dependencies


def test_what_a_chart_must_find_is_there_before_it(synth: Synth) -> None:
    graph = addon(synth, before={"password": STORE})
    password = graph.one("kubernetes:external-secrets.io/v1:ExternalSecret", "thing-password")
    assert password.urn in release(graph, "thing-thing").dependencies
    assert password.inputs["metadata"]["namespace"] == "things"


def test_what_a_chart_brings_the_kind_of_comes_after_it(synth: Synth) -> None:
    graph = addon(synth, after={"measured": MONITOR})
    monitor = graph.one("kubernetes:monitoring.coreos.com/v1:ServiceMonitor", "thing-measured")
    assert release(graph, "thing-thing").urn in monitor.dependencies


@pytest.mark.parametrize("shape", [into, out_to])
def test_a_policy_without_a_peer_is_refused(shape: Any) -> None:
    """Kubernetes would read it as everybody."""
    with pytest.raises(ValueError, match="at least one"):
        shape(ports=[80])
