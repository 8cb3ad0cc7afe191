"""IAM for pods: a role that exactly one Kubernetes service account may assume."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

AUDIENCE: Final = "sts.amazonaws.com"
ANNOTATION: Final = "eks.amazonaws.com/role-arn"


@dataclass(frozen=True, kw_only=True)
class Irsa:
    """Pods show a token that the cluster signed; nothing runs beside them."""

    oidc_provider_arn: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class PodIdentity:
    """EKS hands credentials to pods through an agent on each node, which is an add-on."""

    cluster_name: pulumi.Input[str]
    cluster_arn: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class ServiceAccountRoleArgs:
    identity: Irsa | PodIdentity
    namespace: str
    service_account: str
    policies: Mapping[str, pulumi.Input[str]]
    """Policy documents. The key names the policy, so it never changes."""

    def __post_init__(self) -> None:
        if not self.policies:
            raise ValueError("policies must hold at least one document")
        for field, value in (("namespace", self.namespace), ("account", self.service_account)):
            if not value or set(value) & set("*?:"):
                raise ValueError(f"{field} must be one exact name, got {value!r}")


class ServiceAccountRole(pulumi.ComponentResource):
    arn: pulumi.Output[str]
    """Known once the role has its policies, and EKS knows whose it is: whoever is given it begins
    with all that it may do, and is gone before any of that is taken away."""
    annotations: pulumi.Output[Mapping[str, str]]
    """All that the service account carries; with Pod Identity nothing, for EKS knows the role.
    Known as `arn` is, also where it is nothing."""

    def __init__(
        self, name: str, args: ServiceAccountRoleArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:ServiceAccountRole", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)

        role = aws.iam.Role(name, assume_role_policy=_trust(args), opts=within)
        given: list[pulumi.CustomResource] = [
            aws.iam.RolePolicy(f"{name}-{key}", role=role.name, policy=document, opts=within)
            for key, document in args.policies.items()
        ]
        if isinstance(args.identity, PodIdentity):
            association = aws.eks.PodIdentityAssociation(
                name,
                cluster_name=args.identity.cluster_name,
                namespace=args.namespace,
                service_account=args.service_account,
                role_arn=role.arn,
                opts=within,
            )
            given.append(association)

        annotated = isinstance(args.identity, Irsa)
        ready = pulumi.Output.all(role.arn, *(each.id for each in given))
        self.arn = ready.apply(lambda known: str(known[0]))
        self.annotations = self.arn.apply(lambda arn: {ANNOTATION: arn} if annotated else {})
        self.register_outputs({"arn": self.arn, "annotations": self.annotations})


def _trust(args: ServiceAccountRoleArgs) -> pulumi.Output[str]:
    match args.identity:
        case Irsa(oidc_provider_arn=provider):
            return pulumi.Output.from_input(provider).apply(
                lambda arn: json.dumps(irsa_trust(arn, args.namespace, args.service_account))
            )
        case PodIdentity(cluster_arn=cluster):
            return pulumi.Output.from_input(cluster).apply(
                lambda arn: json.dumps(
                    pod_identity_trust(arn, args.namespace, args.service_account)
                )
            )


def irsa_trust(provider_arn: str, namespace: str, service_account: str) -> dict[str, object]:
    issuer = provider_arn.partition("oidc-provider/")[2]
    subject = f"system:serviceaccount:{namespace}:{service_account}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{issuer}:aud": AUDIENCE, f"{issuer}:sub": subject}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def pod_identity_trust(cluster_arn: str, namespace: str, service_account: str) -> dict[str, object]:
    """EKS tags every session with where the pod runs; a pod cannot choose these tags."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {
            "StringEquals": {
                "aws:RequestTag/eks-cluster-arn": cluster_arn,
                "aws:RequestTag/kubernetes-namespace": namespace,
                "aws:RequestTag/kubernetes-service-account": service_account,
            }
        },
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
