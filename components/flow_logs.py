"""Who talked to whom in a VPC, kept in CloudWatch Logs."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class FlowLogsArgs:
    vpc_id: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    retention_days: int


class FlowLogs(pulumi.ComponentResource):
    log_group: pulumi.Output[str]

    def __init__(
        self, name: str, args: FlowLogsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:FlowLogs", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)

        group = aws.cloudwatch.LogGroup(
            name, retention_in_days=args.retention_days, kms_key_id=args.key_arn, opts=within
        )
        role = aws.iam.Role(name, assume_role_policy=json.dumps(TRUST), opts=within)
        aws.iam.RolePolicy(
            name,
            role=role.name,
            policy=group.arn.apply(lambda arn: json.dumps(write_policy(arn))),
            opts=within,
        )
        aws.ec2.FlowLog(
            name,
            vpc_id=args.vpc_id,
            traffic_type="ALL",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            opts=within,
        )

        self.log_group = group.name
        self.register_outputs({"log_group": self.log_group})


TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def write_policy(group_arn: str) -> dict[str, object]:
    statement = {
        "Effect": "Allow",
        "Action": [
            "logs:CreateLogStream",
            "logs:DescribeLogGroups",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
        ],
        "Resource": f"{group_arn}:*",
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
