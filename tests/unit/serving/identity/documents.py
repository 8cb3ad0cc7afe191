"""Every document there is, of one stack; and what AWS knows of actions and of its own policies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import botocore.session
from moto.iam.aws_managed_policies import aws_managed_policies_data

from serving.identity import alerts, logs, network, scaling, secret, storage
from serving.identity.bucket import Bucket
from serving.identity.document import Document
from serving.identity.promotion import promotion
from serving.identity.scope import Scope
from serving.identity.state import State
from tests.cloud import ACCOUNT

REGION: Final = "us-east-1"
CLUSTER: Final = "serving-prod"
SCOPE: Final = Scope(region=REGION, account=ACCOUNT, cluster=CLUSTER, vpc="vpc-0123456789abcdef0")


def key(name: str) -> str:
    return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{name}"


def bucket(name: str) -> Bucket:
    return Bucket(arn=f"arn:aws:s3:::{name}", key_arn=key(name))


MODELS: Final = bucket(f"{CLUSTER}-models-{ACCOUNT}")
LOGS: Final = bucket(f"{CLUSTER}-logs-{ACCOUNT}")
STATE: Final = State(bucket=bucket("serving-state"), project="serving", stack="prod")
SECRET: Final = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{CLUSTER}/grafana-AbCdEf"

TOPIC: Final = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms-1a2b3c4"
QUEUE: Final = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{CLUSTER}"
NODES: Final = f"arn:aws:iam::{ACCOUNT}:role/{CLUSTER}-nodes"

DOCUMENTS: Final[Mapping[str, Document]] = {
    "alertmanager": alerts.alertmanager(TOPIC),
    "cloudwatch": logs.container_insights(SCOPE),
    "cluster-autoscaler": scaling.cluster_autoscaler(SCOPE),
    "ebs-csi": storage.ebs_csi(SCOPE, key("volumes")),
    "external-secrets": secret.external_secrets([SECRET], key("secrets"), REGION),
    "ingress-controller": network.ingress_controller(SCOPE),
    "karpenter": scaling.karpenter(SCOPE, QUEUE, NODES, key("volumes")),
    "load-balancer-controller": network.load_balancer_controller(SCOPE),
    "loki": logs.kept(LOGS),
    "promotion": promotion(SCOPE, MODELS, STATE, []),
    "vpc-cni": network.vpc_cni(SCOPE),
}

SERVICES: Final = (
    "acm", "autoscaling", "backup", "budgets", "cloudtrail", "cloudwatch", "ec2", "ecr", "efs",
    "eks", "elbv2", "events", "iam", "kms", "logs", "s3", "secretsmanager", "sns", "sqs", "ssm",
    "sts",
)  # fmt: skip


def managed(name: str) -> dict[str, Any]:
    """A policy of AWS's own, as moto has it."""
    found: dict[str, Any] = json.loads(aws_managed_policies_data)[name]["Document"]
    return found


@cache
def actions() -> frozenset[str]:
    """What AWS's own policies name, and what its client calls; in lower case, as IAM compares."""
    session = botocore.session.get_session()
    called = {
        f"{model.signing_name}:{operation}"
        for model in map(session.get_service_model, SERVICES)
        for operation in model.operation_names
    }
    named = {
        action
        for policy in json.loads(aws_managed_policies_data).values()
        for statement in _listed(policy["Document"]["Statement"])
        for action in _listed(statement.get("Action", []))
    }
    return frozenset(action.lower() for action in called | named if "*" not in action)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
