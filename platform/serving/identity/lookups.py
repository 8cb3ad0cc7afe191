"""What the program asks AWS while it runs, a preview included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from serving.identity.document import ANY, Statement, allow
from serving.identity.scope import PARTITION, Scope

_CERTIFICATE: Final = (
    "acm:DescribeCertificate",
    "acm:GetCertificate",
    "acm:ListTagsForCertificate",
)

_LOAD_BALANCER: Final = (
    "elasticloadbalancing:DescribeLoadBalancerAttributes",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeTags",
)

ASKED: Final[Mapping[str, Sequence[str]]] = {
    "aws:acm/getCertificate:getCertificate": ("acm:ListCertificates", *_CERTIFICATE),
    "aws:iam/getRole:getRole": ("iam:GetRole",),
    "aws:index/getCallerIdentity:getCallerIdentity": (),
    "aws:lb/getLoadBalancer:getLoadBalancer": _LOAD_BALANCER,
}
"""Function of a provider → the actions that it takes."""


def lookups(scope: Scope, role_names: Iterable[str]) -> list[Statement]:
    """Roles are looked up by name, and may have a path before it; a certificate by its domain, a
    load balancer by its tags."""
    roles = f"arn:{PARTITION}:iam::{scope.account}:role"
    arns = [arn for name in sorted(role_names) for arn in (f"{roles}/{name}", f"{roles}/*/{name}")]
    return [
        allow(["iam:GetRole"], arns),
        allow(["acm:ListCertificates", *_LOAD_BALANCER], ANY),
        allow(_CERTIFICATE, scope.arn("acm", "certificate/*")),
    ]
