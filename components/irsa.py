"""IAM for pods: a role that exactly one Kubernetes service account may assume."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class ServiceAccountRoleArgs:
    oidc_provider_arn: pulumi.Input[str]
    namespace: str
    service_account: str
    policies: Mapping[str, pulumi.Input[str]]
    """Managed policy arns. The key names the attachment, so it never changes."""


class ServiceAccountRole(pulumi.ComponentResource):
    arn: pulumi.Output[str]
    """The service account carries this as `eks.amazonaws.com/role-arn`."""

    def __init__(
        self, name: str, args: ServiceAccountRoleArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:ServiceAccountRole", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)

        trust = pulumi.Output.from_input(args.oidc_provider_arn).apply(
            lambda arn: json.dumps(trust_policy(arn, args.namespace, args.service_account))
        )
        role = aws.iam.Role(name, assume_role_policy=trust, opts=within)
        for key, policy_arn in args.policies.items():
            aws.iam.RolePolicyAttachment(
                f"{name}-{key}", role=role.name, policy_arn=policy_arn, opts=within
            )

        self.arn = role.arn
        self.register_outputs({"arn": self.arn})


def trust_policy(provider_arn: str, namespace: str, service_account: str) -> dict[str, object]:
    issuer = provider_arn.partition("oidc-provider/")[2]
    subject = f"system:serviceaccount:{namespace}:{service_account}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": subject}
        },
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
