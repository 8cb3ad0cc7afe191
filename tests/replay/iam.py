"""Roles and their policies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from moto.iam.aws_managed_policies import aws_managed_policies_data

from tests.replay.account import Account, Inputs, Made

AWS_OWN: Final = "arn:aws:iam::aws:policy/"


@cache
def managed() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(aws_managed_policies_data)
    return found


def role(account: Account, name: str, inputs: Inputs) -> Made:
    made = account.client("iam").create_role(
        RoleName=inputs.get("name", name),
        **inputs.named(
            AssumeRolePolicyDocument="assumeRolePolicy",
            MaxSessionDuration="maxSessionDuration",
            PermissionsBoundary="permissionsBoundary",
        ),
    )["Role"]
    return made["RoleName"], {"name": made["RoleName"], "arn": made["Arn"]}


def role_policy(account: Account, name: str, inputs: Inputs) -> Made:
    account.client("iam").put_role_policy(
        PolicyName=name, **inputs.named(RoleName="role", PolicyDocument="policy")
    )
    return f"{inputs['role']}:{name}", {}


def policy(account: Account, name: str, inputs: Inputs) -> Made:
    made = account.client("iam").create_policy(
        PolicyName=inputs.get("name", name), **inputs.named(PolicyDocument="policy")
    )["Policy"]
    return made["Arn"], {"arn": made["Arn"]}


def attachment(account: Account, name: str, inputs: Inputs) -> Made:
    names = inputs.named(RoleName="role", PolicyArn="policyArn")
    if names["PolicyArn"].startswith(AWS_OWN):
        # moto knows them, but lays them out only in seconds, and anew in every account.
        assert names["PolicyArn"].rpartition("/")[2] in managed(), names["PolicyArn"]
    else:
        account.client("iam").attach_role_policy(**names)
    return f"{inputs['role']}-{name}", {}


def oidc_provider(account: Account, name: str, inputs: Inputs) -> Made:
    made = account.client("iam").create_open_id_connect_provider(
        **inputs.named(Url="url", ClientIDList="clientIdLists")
    )
    arn = made["OpenIDConnectProviderArn"]
    return arn, {"arn": arn}


ENTRIES: Final = {
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": oidc_provider,
    "aws:iam/policy:Policy": policy,
    "aws:iam/role:Role": role,
    "aws:iam/rolePolicy:RolePolicy": role_policy,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": attachment,
}
