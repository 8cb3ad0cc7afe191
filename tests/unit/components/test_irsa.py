from __future__ import annotations

import json
from typing import Any

import pytest

from components.irsa import ServiceAccountRole, ServiceAccountRoleArgs, trust_policy
from tests.cloud import ACCOUNT, ISSUER
from tests.conftest import Synth

PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"


def may_assume(policy: dict[str, Any], *, audience: str, subject: str) -> bool:
    """What STS decides from a trust policy of ours; any other form is refused as unknown."""
    (statement,) = policy["Statement"]
    assert statement["Effect"] == "Allow"
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Principal"] == {"Federated": PROVIDER}
    assert statement["Condition"].keys() == {"StringEquals"}
    token = {f"{ISSUER}:aud": audience, f"{ISSUER}:sub": subject}
    return bool(statement["Condition"]["StringEquals"] == token)


@pytest.mark.parametrize(
    ("audience", "subject", "allowed"),
    [
        ("sts.amazonaws.com", "system:serviceaccount:tenant-vision:digits", True),
        ("sts.amazonaws.com", "system:serviceaccount:tenant-vision:other", False),
        ("sts.amazonaws.com", "system:serviceaccount:tenant-text:digits", False),
        ("sts.amazonaws.com", "system:serviceaccount:tenant-vision:digits2", False),
        ("sts.amazonaws.com", "system:serviceaccount:*:*", False),
        ("sts.amazonaws.com", "system:node:digits", False),
        ("other-audience", "system:serviceaccount:tenant-vision:digits", False),
    ],
)
def test_exactly_one_service_account_may_assume_the_role(
    audience: str, subject: str, allowed: bool
) -> None:
    policy = trust_policy(PROVIDER, "tenant-vision", "digits")
    assert may_assume(policy, audience=audience, subject=subject) is allowed


def test_a_role_trusts_the_account_of_its_arguments_and_carries_its_policies(
    synth: Synth,
) -> None:
    args = ServiceAccountRoleArgs(
        oidc_provider_arn=PROVIDER,
        namespace="kube-system",
        service_account="controller",
        policies={"read": "arn:aws:iam::aws:policy/Read", "write": "arn:aws:iam::aws:policy/W"},
    )
    graph = synth(lambda: ServiceAccountRole("controller", args))
    trust = json.loads(graph.one("aws:iam/role:Role").inputs["assumeRolePolicy"])
    assert trust == trust_policy(PROVIDER, "kube-system", "controller")
    attachments = graph.all("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert {each.name: each.inputs["policyArn"] for each in attachments} == {
        "controller-read": "arn:aws:iam::aws:policy/Read",
        "controller-write": "arn:aws:iam::aws:policy/W",
    }
    assert {each.inputs["role"] for each in attachments} == {"controller"}
