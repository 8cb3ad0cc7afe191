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
    services: Sequence[str] = ("sts",)
    """The last parts of the endpoints' names. Without `sts` no pod can assume its role."""


class VpcEndpoints(pulumi.ComponentResource):
    s3_cidrs: pulumi.Output[Sequence[str]]
    """Where S3 answers in this region."""

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

        self.s3_cidrs = s3.cidr_blocks
        self.register_outputs({"s3_cidrs": self.s3_cidrs})
