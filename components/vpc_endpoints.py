"""Private ways to AWS services: S3 through the route tables, others through addresses of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class VpcEndpointsArgs:
    region: str
    vpc_id: pulumi.Input[str]
    vpc_cidr: str
    route_tables: Mapping[str, pulumi.Input[str]]
    subnets: Mapping[str, pulumi.Input[str]]
    subnet_cidrs: Mapping[str, pulumi.Input[str]]
    services: Sequence[str]
    """The last parts of the endpoints' names."""


class VpcEndpoints(pulumi.ComponentResource):
    cidrs: pulumi.Output[Sequence[str]]
    """Where AWS answers without the internet: these endpoints, and S3 in this region."""

    def __init__(
        self, name: str, args: VpcEndpointsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:VpcEndpoints", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)

        s3 = aws.ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=args.vpc_id,
            service_name=f"com.amazonaws.{args.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=list(args.route_tables.values()),
            opts=within,
        )
        group = aws.ec2.SecurityGroup(
            name, vpc_id=args.vpc_id, description="AWS endpoints inside the VPC", opts=within
        )
        aws.vpc.SecurityGroupIngressRule(
            name,
            security_group_id=group.id,
            cidr_ipv4=args.vpc_cidr,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            opts=within,
        )
        for service in args.services:
            aws.ec2.VpcEndpoint(
                f"{name}-{service}",
                vpc_id=args.vpc_id,
                service_name=f"com.amazonaws.{args.region}.{service}",
                vpc_endpoint_type="Interface",
                subnet_ids=list(args.subnets.values()),
                security_group_ids=[group.id],
                private_dns_enabled=True,
                opts=within,
            )

        self.cidrs = pulumi.Output.all(*args.subnet_cidrs.values(), s3.cidr_blocks).apply(
            lambda cidrs: [*cidrs[:-1], *cidrs[-1]]
        )
        self.register_outputs({"cidrs": self.cidrs})
