"""IAM: what is allowed to whom, and who may become whom."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from serving_policies.documents import Statement, anyone, covers, everything, principals, read
from serving_policies.rule import Context, Finding, Level, Rule
from serving_policies.values import UNKNOWN, Props, at, named

ROLE: Final = "aws:iam/role:Role"
DOCUMENTS: Final[Mapping[str, str]] = {
    "aws:iam/policy:Policy": "policy",
    "aws:iam/rolePolicy:RolePolicy": "policy",
    "aws:iam/userPolicy:UserPolicy": "policy",
    "aws:iam/groupPolicy:GroupPolicy": "policy",
}
ATTACHMENTS: Final = (
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
)

POWERS: Final = (
    "iam:AddUserToGroup", "iam:AttachGroupPolicy", "iam:AttachRolePolicy", "iam:AttachUserPolicy",
    "iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:CreatePolicyVersion",
    "iam:DeleteRolePermissionsBoundary", "iam:PassRole", "iam:PutGroupPolicy",
    "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy", "iam:PutUserPolicy",
    "iam:SetDefaultPolicyVersion", "iam:UpdateAssumeRolePolicy", "iam:UpdateLoginProfile",
    "sts:AssumeRole",
)  # fmt: skip
"""With any of these, on a role of one's choice, one is whoever one likes."""

ADMINISTRATORS: Final = ("AdministratorAccess", "IAMFullAccess")

GITHUB: Final = "token.actions.githubusercontent.com"
CLUSTERS: Final = re.compile(r"oidc-provider/(oidc\.eks\..+)")
AUDIENCE: Final = "sts.amazonaws.com"
ACCOUNT: Final = re.compile(r"(\d{12}|arn:aws[a-z-]*:iam::(\d{12}|[*?]+):root)")
SERVICE_ACCOUNT: Final = re.compile(r"system:serviceaccount:[a-z0-9-]+:[a-z0-9.-]+")
JOB: Final = re.compile(
    r"repo:(?P<owner>[\w.-]+)(@\d+)?/(?P<name>[\w.-]+)(@\d+)?:"
    r"(?P<job>environment:[\w.-]+|pull_request)"
)
"""GitHub's `sub` for one kind of job of one repository, in either of its forms."""


def _permissions(kind: str, props: Props) -> tuple[Sequence[Statement], Sequence[Finding]]:
    """Of a policy, or of those that a role carries within."""
    if kind != ROLE:
        return read(props, DOCUMENTS[kind])
    found: list[Statement] = []
    wrong: list[Finding] = []
    for path, inline in named(props, "inlinePolicies"):
        if inline is UNKNOWN:
            wrong.append(Finding(path=path, value=UNKNOWN, must_be="a policy of what is needed"))
            continue
        statements, unreadable = read(inline, "policy")
        found += [Statement(f"{path}.{each.path}", each.said) for each in statements]
        wrong += [
            Finding(path=f"{path}.{each.path}", value=each.value, must_be=each.must_be)
            for each in unreadable
        ]
    return found, wrong


def _no_star_action(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    found, wrong = _permissions(kind, props)
    yield from wrong
    for statement in found:
        if not statement.allows:
            continue
        if "NotAction" in statement.said:
            yield Finding(
                path=f"{statement.path}.NotAction",
                value=statement.said["NotAction"],
                must_be="absent: it allows all that it does not name",
            )
        for action in statement.values("Action"):
            if _star(str(action)):
                path, must_be = f"{statement.path}.Action", "the actions that are called"
                yield Finding(path=path, value=action, must_be=must_be)


def _star(action: str) -> bool:
    """Whether it names no action of its service, or no service."""
    return set(action.partition(":")[2]) <= set("*?")


def _no_escalation(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    found, wrong = _permissions(kind, props)
    yield from wrong
    for statement in found:
        wide = [each for each in statement.values("Resource") if everything(str(each))]
        if "NotResource" in statement.said:
            wide.append(f"all but {statement.said['NotResource']}")
        if not (statement.allows and wide):
            continue
        for action in _powers(statement):
            value = f"{wide[0]} for {action}"
            must_be = "the roles that it is needed for"
            yield Finding(path=f"{statement.path}.Resource", value=value, must_be=must_be)


def _powers(statement: Statement) -> Sequence[str]:
    """Those that a statement gives, whatever pattern gives them."""
    if "NotAction" in statement.said:
        spared = statement.values("NotAction")
        return [p for p in POWERS if not any(covers(str(each), p) for each in spared)]
    given = statement.values("Action")
    return [p for p in POWERS if any(covers(str(each), p) for each in given)]


def _no_managed_admin(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    path = "managedPolicyArns" if kind == ROLE else "policyArn"
    if at(props, path) is UNKNOWN:
        yield Finding(path=path, value=UNKNOWN, must_be="a policy of what is needed")
        return
    for where, arn in named(props, path):
        if arn is UNKNOWN or str(arn).rpartition("/")[2] in ADMINISTRATORS:
            yield Finding(path=where, value=arn, must_be="a policy of what is needed")


def _trust(props: Props) -> tuple[Sequence[Statement], Sequence[Finding]]:
    found, wrong = read(props, "assumeRolePolicy")
    return [each for each in found if each.allows], wrong


def _bounded(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    found, wrong = _trust(props)
    yield from wrong
    for statement in found:
        named_ = principals(statement.said.get("Principal"))
        whole = [each for each in named_ if ACCOUNT.fullmatch(each)]
        if anyone(statement) or whole:
            value = whole or statement.said.get("Principal", "everybody but some")
            must_be = "a service, a role or an identity provider"
            yield Finding(path=f"{statement.path}.Principal", value=value, must_be=must_be)


def _federated(statement: Statement) -> Sequence[str]:
    principal = statement.said.get("Principal")
    return principals(principal.get("Federated")) if isinstance(principal, Mapping) else []


def _one_service_account(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    found, wrong = _trust(props)
    yield from wrong
    for statement in found:
        for provider in _federated(statement):
            if cluster := CLUSTERS.search(provider):
                issuer = cluster[1]
                yield from _asked(statement, f"{issuer}:aud", [AUDIENCE])
                subjects = statement.asks("StringEquals", f"{issuer}:sub")
                if len(subjects) != 1 or not SERVICE_ACCOUNT.fullmatch(str(subjects[0])):
                    yield _condition(statement, f"{issuer}:sub", "one service account, exactly")


def _pinned_jobs(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    found, wrong = _trust(props)
    yield from wrong
    for statement in found:
        if any(GITHUB in provider for provider in _federated(statement)):
            jobs = [JOB.fullmatch(str(e)) for e in statement.asks("StringEquals", f"{GITHUB}:sub")]
            known = {(j["owner"], j["name"], j["job"]) for j in jobs if j}
            if not all(jobs) or len(known) != 1:
                must_be = "one environment of one repository, or its pull requests, exactly"
                yield _condition(statement, f"{GITHUB}:sub", must_be)


def _asked(statement: Statement, key: str, wanted: Sequence[str]) -> Iterator[Finding]:
    if statement.asks("StringEquals", key) != wanted:
        yield _condition(statement, key, f"StringEquals {', '.join(wanted)}")


def _condition(statement: Statement, key: str, must_be: str) -> Finding:
    value = [
        f"{operator} {', '.join(map(str, values))}"
        for operator, asked, values in statement.conditions
        if asked.lower() == key.lower()
    ]
    path = f"{statement.path}.Condition {key.rpartition(':')[2]}"
    return Finding(path=path, value=value, must_be=must_be)


RULES: Final = (
    Rule(
        id="iam-no-star-action",
        level=Level.EVERYWHERE,
        kinds=(*DOCUMENTS, ROLE),
        holds="Policies name the actions that they allow.",
        risk="A pod that is taken over may do all that a service can, next year's actions too.",
        fix="list the actions that are called",
        source="IAM.1, IAM.21, CKV_AWS_62, CKV_AWS_63",
        check=_no_star_action,
    ),
    Rule(
        id="iam-no-escalation",
        level=Level.EVERYWHERE,
        kinds=(*DOCUMENTS, ROLE),
        holds="Nobody can give himself more than he has.",
        risk="Whoever may hand on or change any role is an administrator by a detour.",
        fix="name the roles, and for iam:PassRole the service with iam:PassedToService",
        source="CKV_AWS_286",
        check=_no_escalation,
    ),
    Rule(
        id="iam-no-managed-admin",
        level=Level.EVERYWHERE,
        kinds=(*ATTACHMENTS, ROLE),
        holds="Nothing of the stack is an administrator of the account.",
        risk="One leaked credential is the account.",
        fix="attach a policy of what is needed",
        source="CKV_AWS_274, CKV2_AWS_56",
        check=_no_managed_admin,
    ),
    Rule(
        id="iam-trust-bounded",
        level=Level.EVERYWHERE,
        kinds=(ROLE,),
        holds="Roles say who may assume them.",
        risk="Everybody of an account, or of every account, becomes the role.",
        fix="name the service, the role or the identity provider",
        source="CKV_AWS_60, CKV_AWS_61",
        check=_bounded,
    ),
    Rule(
        id="irsa-trust-exact",
        level=Level.EVERYWHERE,
        kinds=(ROLE,),
        holds="A role for pods can be assumed by one service account.",
        risk="A tenant that may name service accounts gets the role of a controller.",
        fix="ask by StringEquals for one sub and for the audience sts.amazonaws.com",
        source="CIS-EKS 5.2.1, EKS best practices: IAM",
        check=_one_service_account,
    ),
    Rule(
        id="gha-sub-pinned",
        level=Level.EVERYWHERE,
        kinds=(ROLE,),
        holds="A role for GitHub can be assumed by one kind of job of one repository.",
        risk="Anybody's workflow, in a fork or in a repository of his own, deploys to production.",
        fix="ask by StringEquals for sub with owner, repository and environment",
        source="CKV_AWS_358, GitHub: security hardening with OpenID Connect",
        check=_pinned_jobs,
    ),
)
