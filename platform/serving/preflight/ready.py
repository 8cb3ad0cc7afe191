"""What people have to have ready: a certificate, and the values of secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from serving.preflight.finding import Finding, failed, passed
from serving.preflight.stack import Stack


@dataclass(frozen=True, kw_only=True)
class Certificate:
    domain: str
    arn: str
    status: str
    type: str


@dataclass(frozen=True, kw_only=True)
class Secret:
    has_value: bool
    deleted: bool
    """Can still come back, and keeps its name until it cannot."""
    tags: Mapping[str, str]


def certificate(stack: Stack, found: Iterable[Certificate]) -> list[Finding]:
    """Those that the program takes: issued by Amazon or brought along, for this very name."""
    wanted = f"*.{stack.settings.gateway.domain}"
    region = stack.settings.region
    named = [each for each in found if each.domain == wanted and each.type != "PRIVATE"]
    if any(each.status == "ISSUED" for each in named):
        return [passed(wanted, f"is issued, in {region}")]
    if waiting := [each for each in named if each.status == "PENDING_VALIDATION"]:
        return [
            failed(
                wanted,
                "waits for its domain to be validated",
                "put the record into DNS that this tells: aws acm describe-certificate --region "
                f"{region} --certificate-arn {waiting[0].arn}",
            )
        ]
    states = ", ".join(each.status.lower() for each in named)
    return [
        failed(
            wanted,
            f"its certificate is {states}" if states else f"ACM has no certificate in {region}",
            f"aws acm request-certificate --region {region} --domain-name '{wanted}' "
            "--validation-method DNS",
        )
    ]


def secret(stack: Stack, key: str, found: Secret | None) -> list[Finding]:
    """None where it is not there."""
    name, region = f"{stack.name}/{key}", stack.settings.region
    put = (
        f"aws secretsmanager put-secret-value --region {region} --secret-id {name} "
        "--secret-string …"
    )
    awaited = key in stack.awaited
    if found is None:
        waits = ", and some twenty minutes later waits for its value" if awaited else ""
        return [passed(name, f"the first update makes it{waits}", f"as soon as it is there: {put}")]
    if found.deleted:
        return [
            failed(
                name,
                "was deleted and keeps its name, so that it cannot be made again",
                f"aws secretsmanager delete-secret --region {region} --secret-id {name} "
                "--force-delete-without-recovery, or restore-secret and `pulumi import`",
            )
        ]
    if not stack.owns(found.tags):
        return [
            failed(
                name,
                "is there and not of this stack, which would make one of that name",
                f"remove it, or `pulumi import` it, or rename secrets.{key}",
            )
        ]
    if found.has_value:
        return [passed(name, "has a value")]
    if awaited:
        return [failed(name, "has no value, and `up` waits for it in vain", put)]
    return [passed(name, "has no value yet", put)]
