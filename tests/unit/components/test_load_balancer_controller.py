from __future__ import annotations

from components.load_balancer_controller import NAMESPACE, LoadBalancerController
from tests.unit import rendered
from tests.unit.components.examples import ROLE
from tests.unit.components.installing import API_SERVER, INTERNET, installed
from tests.unit.components.network import Pod, allowed

POD = Pod(namespace=NAMESPACE)
VALUES = rendered.values_of(installed(LoadBalancerController), "aws-load-balancer-controller")


def test_it_is_told_what_it_cannot_ask_the_node() -> None:
    assert (VALUES["clusterName"], VALUES["region"], VALUES["vpcId"]) == (
        "serving-test", "us-east-1", "vpc-1",
    )  # fmt: skip


def test_its_service_account_carries_its_role() -> None:
    account = VALUES["serviceAccount"]
    assert account == {"name": "aws-load-balancer-controller", "annotations": ROLE}


def test_what_it_makes_is_tagged_as_the_stack_is() -> None:
    assert VALUES["defaultTags"] == {"Env": "test"}


def test_no_service_of_others_waits_for_it() -> None:
    assert VALUES["enableServiceMutatorWebhook"] is False


def test_its_certificate_is_not_another_one_with_every_update() -> None:
    assert VALUES["enableCertManager"] is True


def test_it_speaks_to_aws_and_to_the_api_server_and_nobody_else() -> None:
    found = rendered.policies(installed(LoadBalancerController))
    assert allowed(found, POD, INTERNET, 443)
    assert allowed(found, POD, "172.20.0.1", 443)
    assert allowed(found, API_SERVER, POD, 9443)
    assert not allowed(found, POD, INTERNET, 80)
    assert not allowed(found, POD, "169.254.169.254", 80)
    assert not allowed(found, POD, Pod(namespace="tenant-vision"), 8000)
