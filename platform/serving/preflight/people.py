"""Who builds a stack, who administers it, and which of GitHub's jobs do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from serving.preflight.finding import Finding, failed, passed
from serving.preflight.stack import Stack

GITHUB: Final = "token.actions.githubusercontent.com"


@dataclass(frozen=True, kw_only=True)
class Caller:
    arn: str
    account: str

    @property
    def role(self) -> str | None:
        """None where it is not a role, but a user or the account itself."""
        kind, _, rest = self.arn.rpartition(":")[2].partition("/")
        return rest.partition("/")[0] if kind == "assumed-role" else None


@dataclass(frozen=True, kw_only=True)
class Provider:
    """Of identities, that the account trusts."""

    ours: bool


def credentials(caller: Caller) -> list[Finding]:
    return [passed(f"account {caller.account}", f"the caller is {caller.arn}")]


def administrator(key: str, role: str, exists: bool) -> list[Finding]:
    if exists:
        return [passed(role, "is a role of this account")]
    do = f"make it, or name another under cluster.administrators.{key}"
    return [failed(role, "is no role of this account", do)]


def is_administrator(stack: Stack, caller: Caller) -> list[Finding]:
    """Nobody else may do anything in the cluster, who made it included."""
    settings = stack.settings
    admins = list(settings.cluster.administrators.values())
    if settings.github:
        admins.append(f"{stack.name}-deploy")
    if caller.role in admins:
        return [passed("the caller", f"is an administrator of the cluster: {caller.role}")]
    who = caller.role or caller.arn.rpartition(":")[2]
    return [
        failed(
            "the caller",
            f"{who} is no administrator of the cluster: `up` would make it and then be refused",
            f"assume {' or '.join(admins)}, or name the role under cluster.administrators",
        )
    ]


def github(stack: Stack, found: Provider | None) -> list[Finding]:
    """None where the account has none for GitHub."""
    wanted = stack.settings.github.provider if stack.settings.github else None
    if wanted == "own" and found and not found.ours:
        return [
            failed(
                GITHUB,
                "the account has a provider for GitHub already, and can have only one",
                "write github.provider: shared",
            )
        ]
    if wanted == "shared" and found is None:
        return [
            failed(
                GITHUB,
                "the account has no provider for GitHub to share",
                "write github.provider: own",
            )
        ]
    return [passed(GITHUB, "is there" if found else "will be made")]
