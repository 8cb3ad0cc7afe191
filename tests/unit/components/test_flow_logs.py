from __future__ import annotations

import json

from components.flow_logs import FlowLogs, FlowLogsArgs, write_policy
from tests.conftest import Graph, Synth


def flow_logs(synth: Synth) -> Graph:
    args = FlowLogsArgs(vpc_id="vpc-1", key_arn="arn:logs", retention_days=90)
    return synth(lambda: FlowLogs("flow", args))


def test_all_traffic_is_kept_for_as_long_as_asked(synth: Synth) -> None:
    graph = flow_logs(synth)
    log = graph.one("aws:ec2/flowLog:FlowLog").inputs
    group = graph.one("aws:cloudwatch/logGroup:LogGroup")
    assert (log["vpcId"], log["trafficType"]) == ("vpc-1", "ALL")
    assert log["logDestination"].endswith(f":{group.name}")
    assert group.inputs["retentionInDays"] == 90
    assert group.inputs["kmsKeyId"] == "arn:logs"


def test_the_role_is_the_flow_log_services_alone(synth: Synth) -> None:
    graph = flow_logs(synth)
    trust = json.loads(graph.one("aws:iam/role:Role").inputs["assumeRolePolicy"])
    assert [each["Principal"] for each in trust["Statement"]] == [
        {"Service": "vpc-flow-logs.amazonaws.com"}
    ]


def test_the_role_writes_to_its_own_group_and_nowhere_else() -> None:
    policy = write_policy("arn:aws:logs:us-east-1:123456789012:log-group:flow")
    assert [each["Resource"] for each in policy["Statement"]] == [  # type: ignore[attr-defined]
        "arn:aws:logs:us-east-1:123456789012:log-group:flow:*"
    ]
