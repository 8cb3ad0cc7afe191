"""Where a stack's roles work: one cluster, in one region of one account."""

from __future__ import annotations

from dataclasses import dataclass

PARTITION = "aws"


@dataclass(frozen=True, kw_only=True)
class Scope:
    region: str
    account: str
    cluster: str
    """Its name, which is the stack's as well."""
    vpc: str
    """Its id."""

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{PARTITION}:{service}:{self.region}:{self.account}:{resource}"

    def ec2(self, *kinds: str) -> list[str]:
        """Every resource of these kinds."""
        return [self.arn("ec2", f"{kind}/*") for kind in kinds]

    @property
    def cluster_arn(self) -> str:
        return self.arn("eks", f"cluster/{self.cluster}")

    @property
    def vpc_arn(self) -> str:
        return self.arn("ec2", f"vpc/{self.vpc}")
