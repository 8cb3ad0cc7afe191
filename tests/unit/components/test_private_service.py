from __future__ import annotations

from collections.abc import Sequence

import pytest

from components.private_service import PrivateService, PrivateServiceArgs
from tests.cloud import ACCOUNT
from tests.conftest import Synth
from tests.unit.components.examples import EXAMPLES

SERVICE = "aws:ec2/vpcEndpointService:VpcEndpointService"


def test_who_is_named_comes_in_without_anybody_accepting_and_nobody_else(synth: Synth) -> None:
    """NET-7."""
    args = EXAMPLES[PrivateService]
    assert isinstance(args, PrivateServiceArgs)
    graph = synth(lambda: PrivateService("gateway", args))
    found = graph.one(SERVICE).inputs
    assert found["networkLoadBalancerArns"] == [args.load_balancer_arn]
    assert found["allowedPrincipals"] == [f"arn:aws:iam::{ACCOUNT}:root"]
    assert found["acceptanceRequired"] is False
    itself = graph.one("serving:index:PrivateService")
    assert itself.outputs == {"service_name": "com.amazonaws.vpce.us-east-1.gateway"}


@pytest.mark.parametrize("principals", [[], ["*"], [f"arn:aws:iam::{ACCOUNT}:root", "*"]])
def test_everybody_and_nobody_are_refused(principals: Sequence[str]) -> None:
    with pytest.raises(ValueError, match="principals must be named"):
        PrivateServiceArgs(load_balancer_arn="arn", principals=principals)
