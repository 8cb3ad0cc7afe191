"""Objects of a bucket below a prefix, and the key that they are encrypted with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from serving.identity.document import Statement, allow


@dataclass(frozen=True, kw_only=True)
class Bucket:
    arn: str
    key_arn: str

    def listed(self, *prefixes: str) -> Statement:
        """Names below these prefixes; of the whole bucket where there is none."""
        if not prefixes:
            return allow(["s3:ListBucket"], self.arn)
        return allow(["s3:ListBucket"], self.arn, {"StringLike": {"s3:prefix": list(prefixes)}})

    def objects(self, actions: Sequence[str], *prefixes: str) -> Statement:
        return allow(actions, [f"{self.arn}/{prefix}" for prefix in prefixes])

    def key(self, *actions: str) -> Statement:
        return allow(actions, self.key_arn)
