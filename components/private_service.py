"""A way in from other networks that does not lead over the internet: AWS PrivateLink."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class PrivateServiceArgs:
    load_balancer_arn: pulumi.Input[str]
    """Of a network load balancer."""
    principals: Sequence[str]
    """Who may have an endpoint for it in networks of their own, which nobody then has to accept."""

    def __post_init__(self) -> None:
        if not self.principals or "*" in self.principals:
            raise ValueError(f"principals must be named, got {list(self.principals)}")


class PrivateService(pulumi.ComponentResource):
    service_name: pulumi.Output[str]
    """What an endpoint is made for."""

    def __init__(
        self, name: str, args: PrivateServiceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:PrivateService", name, None, opts)
        service = aws.ec2.VpcEndpointService(
            name,
            acceptance_required=False,
            allowed_principals=list(args.principals),
            network_load_balancer_arns=[args.load_balancer_arn],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.service_name = service.service_name
        self.register_outputs({"service_name": self.service_name})
