"""Versions of Kubernetes, add-ons, charts, images and tools, against what they have to be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from serving.kubernetes_versions import kubernetes_versions
from serving.preflight import versions
from serving.preflight.finding import Outcome
from serving.preflight.versions import Tool
from serving.stacks import charts
from tests.unit.serving.preflight.prepared import section, stack

PINNED = kubernetes_versions()["1.35"].add_ons


@pytest.mark.parametrize(
    ("status", "outcome", "said"),
    [
        ("STANDARD_SUPPORT", Outcome.PASS, "EKS supports it"),
        (
            "EXTENDED_SUPPORT",
            Outcome.FAIL,
            "is in extended support, and a cluster here takes standard support only",
        ),
        ("UNSUPPORTED", Outcome.FAIL, "EKS makes no cluster of it"),
        (None, Outcome.FAIL, "EKS makes no cluster of it"),
    ],
)
def test_eks_has_to_support_the_version(status: str | None, outcome: Outcome, said: str) -> None:
    (found,) = versions.kubernetes(stack(), status)
    assert (found.about, found.outcome, found.said) == ("Kubernetes 1.35", outcome, said)


def test_add_ons_that_eks_has_are_one_line() -> None:
    offered = {name: ["v9.9.9-eksbuild.1", pin] for name, pin in PINNED.items()}
    (found,) = versions.add_ons(stack(), offered)
    assert (found.outcome, found.about) == (Outcome.PASS, f"{len(PINNED) - 2} add-ons")


def test_each_pin_that_eks_does_not_have_is_told_with_the_newest() -> None:
    offered = {name: [pin] for name, pin in PINNED.items()} | {"vpc-cni": ["v9.9.9-eksbuild.1"]}
    del offered["coredns"]
    found = {each.about: each for each in versions.add_ons(stack(), offered)}
    assert found.keys() == {"vpc-cni", "coredns"}
    assert found["vpc-cni"].said == f"EKS has no {PINNED['vpc-cni']} for Kubernetes 1.35"
    assert found["vpc-cni"].do == (
        "take v9.9.9-eksbuild.1, in platform/serving/data/kubernetes_versions.yaml"
    )
    assert found["coredns"].do == "look at it in platform/serving/data/kubernetes_versions.yaml"


def test_only_add_ons_that_the_settings_ask_for_are_looked_at() -> None:
    some = stack(**section("cluster", identity="pod-identity", cloudwatch=True))
    assert versions.pinned_add_ons(some) == PINNED
    assert PINNED.keys() - versions.pinned_add_ons(stack()) == {
        "amazon-cloudwatch-observability", "eks-pod-identity-agent",
    }  # fmt: skip


def test_the_charts_of_both_stacks_are_at_or_above_all_floors() -> None:
    for name in ("dev", "prod"):
        described = stack(name)
        installed = {chart.name: chart.version for chart in charts.installed(described.settings)}
        whole = replace(described, charts=installed, images=charts.images(described.settings))
        (found,) = versions.charts(whole)
        assert (found.outcome, found.about) == (Outcome.PASS, f"{len(installed)} charts")


def test_every_floor_is_of_something_that_a_stack_can_have() -> None:
    every = stack(
        **section("cluster", autoscaler="cluster-autoscaler"),
        gitops={"repository": "https://example.com/x", "folders": {"a": "a"}},
    )
    images = {image.rpartition(":")[0] for image in charts.images(every.settings)}
    names = {chart.name for chart in charts.installed(every.settings)}
    assert versions.floors()["images"].keys() <= images
    assert versions.floors()["kubernetes"].keys() <= names


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("nvcr.io/nvidia/gpu-operator:v26.3.1", "is below 26.3.2 and has CVE-2026-24260"),
        ("nvcr.io/nvidia/k8s-device-plugin:v0.17.2", "is below 0.17.3 and has CVE-2025-23266"),
        (
            "nvcr.io/nvidia/k8s/dcgm-exporter:4.6.0-4.8.1-distroless",
            "is below 4.5.3-4.8.2 and has CVE-2026-47483",
        ),
    ],
)
def test_an_image_below_its_floor_is_told(image: str, said: str) -> None:
    (found,) = versions.charts(replace(stack(), images=[image, "quay.io/other:0.1"]))
    assert (found.outcome, found.about, found.said) == (Outcome.FAIL, image, said)


def test_a_chart_that_does_not_take_the_version_of_kubernetes_is_told() -> None:
    old = stack()
    cluster = old.settings.cluster.model_copy(update={"version": "1.31"})
    old = replace(old, settings=old.settings.model_copy(update={"cluster": cluster}))
    (found,) = versions.charts(replace(old, charts={"istiod": "1.30.3", "loki": "18.11.0"}))
    assert (found.outcome, found.about) == (Outcome.FAIL, "chart istiod")
    assert found.said == "1.30.3 takes Kubernetes 1.32 or newer, not 1.31"


@pytest.mark.parametrize(
    ("version", "floor", "below"),
    [
        ("v26.3.10", "26.3.2", False),
        ("26.3.2", "26.3.2", False),
        ("26.3.1", "26.3.2", True),
        ("1.9", "1.32", True),
        ("4.5.3-4.8.2-distroless", "4.5.3-4.8.2", False),
        ("4.5.2-4.9.0", "4.5.3-4.8.2", True),
        ("5.0.0-4.8.1", "4.5.3-4.8.2", True),
    ],
)
def test_versions_are_compared_by_number_and_each_part_by_itself(
    version: str, floor: str, below: bool
) -> None:
    assert versions.below(version, floor) is below


def test_pulumi_has_to_be_set_up() -> None:
    (there,) = versions.pulumi(Tool(version="3.259.0", where="/bin/pulumi"))
    (missing,) = versions.pulumi(None)
    assert (there.outcome, there.said) == (Outcome.PASS, "3.259.0, /bin/pulumi")
    assert (missing.outcome, missing.do) == (Outcome.FAIL, "make setup")


@pytest.mark.parametrize(
    ("version", "outcome", "said"),
    [
        ("2.7.0", Outcome.PASS, "2.7.0, /bin/aws"),
        ("2.6.9", Outcome.FAIL, "is 2.6.9, older than 2.7.0"),
        ("1.24.0", Outcome.PASS, "1.24.0, /bin/aws"),
        ("1.23.9", Outcome.FAIL, "is 1.23.9, older than 1.24.0"),
        (None, Outcome.UNKNOWN, "/bin/aws tells no version"),
    ],
)
def test_the_aws_command_has_to_be_one_that_tells_tokens(
    version: str | None, outcome: Outcome, said: str
) -> None:
    (found,) = versions.aws(Tool(version=version, where="/bin/aws"))
    assert (found.outcome, found.said) == (outcome, said)


def test_a_machine_without_the_aws_command_is_told_what_it_is_for() -> None:
    (found,) = versions.aws(None)
    assert found.outcome is Outcome.FAIL
    assert found.said == "is not on PATH, and `up` gets its token for the cluster from it"
