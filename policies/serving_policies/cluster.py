"""The control plane of EKS: who reaches it, what it writes down, what its secrets lie under."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any, Final

from serving_policies.rule import Context, Finding, Level, Rule, differing, missing
from serving_policies.values import ABSENT, UNKNOWN, Props, at, items, named

CLUSTER: Final = "aws:eks/cluster:Cluster"
LOG_TYPES: Final = ("api", "audit", "authenticator", "controllerManager", "scheduler")
PUBLIC: Final = "vpcConfig.endpointPublicAccess"
CIDRS: Final = "vpcConfig.publicAccessCidrs"
NARROW: Final = {4: 24, 6: 48}
"""The widest that one place may be, by version of IP."""


def _not_public(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    return differing(props, PUBLIC, False, "false (EKS's own default is true)")


def _bounded(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    public = at(props, PUBLIC)
    if public is False:
        return
    must_be = "CIDRs, none wider than a /24 (absent is the whole Internet)"
    value = at(props, CIDRS)
    if value is UNKNOWN or not items(value):
        # what is not known of a door that may be closed is no violation yet
        yield Finding(path=CIDRS, value=UNKNOWN if public is UNKNOWN else value, must_be=must_be)
    for path, cidr in named(props, CIDRS):
        if cidr is UNKNOWN or not _narrow(cidr):
            known = UNKNOWN if public is UNKNOWN else cidr
            yield Finding(path=path, value=known, must_be=must_be)


def _narrow(cidr: Any) -> bool:
    try:
        network = ipaddress.ip_network(str(cidr), strict=False)
    except ValueError:
        return False
    return network.prefixlen >= NARROW[network.version]


def _logs(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    return missing(props, "enabledClusterLogTypes", LOG_TYPES)


def _secrets(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    yield from missing(props, "encryptionConfig.resources", ["secrets"])
    key = at(props, "encryptionConfig.provider.keyArn")
    # a key that is made in the same update is one
    if key is ABSENT or key == "":
        path, must_be = "encryptionConfig.provider.keyArn", "the arn of a key of ours"
        yield Finding(path=path, value=key, must_be=must_be)


RULES: Final = (
    Rule(
        id="eks-endpoint-not-public",
        level=Level.IN_PRODUCTION,
        kinds=(CLUSTER,),
        holds="The API of the cluster cannot be reached from the Internet.",
        risk="Whoever has a stolen token or the next hole of the API server is in.",
        fix="set endpointPublicAccess to false and deploy from inside of the VPC",
        source="EKS.1, CIS-EKS 5.4.2, CKV_AWS_39",
        check=_not_public,
    ),
    Rule(
        id="eks-public-cidrs-bounded",
        level=Level.EVERYWHERE,
        kinds=(CLUSTER,),
        holds="Where the API of the cluster is public, only networks that are named reach it.",
        risk="The same, in every environment: a list that was forgotten is the whole Internet.",
        fix="name the networks in cluster.public_access_cidrs, or leave them all out",
        source="CIS-EKS 5.4.1, CKV_AWS_38",
        check=_bounded,
    ),
    Rule(
        id="eks-control-plane-logs",
        level=Level.EVERYWHERE,
        kinds=(CLUSTER,),
        holds="The control plane writes all of its logs.",
        risk="Nobody can tell afterwards who did what; what was not written never comes back.",
        fix="enable all five types",
        source="EKS.8, CIS-EKS 2.1, CKV_AWS_37",
        check=_logs,
    ),
    Rule(
        id="eks-secrets-cmk",
        level=Level.EVERYWHERE,
        kinds=(CLUSTER,),
        holds="Secrets of the cluster are encrypted with a key of ours.",
        risk="It cannot be turned off again, and what lies in a backup lies there readable.",
        fix="set encryptionConfig with a KMS key",
        source="EKS.3, CIS-EKS 5.3.1, CKV_AWS_58",
        check=_secrets,
    ),
)
