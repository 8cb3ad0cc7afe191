"""A promotion: it moves traffic between versions that are published, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from serving.identity.bucket import Bucket
from serving.identity.document import Document, Statement, allow, document
from serving.identity.scope import Scope
from serving.identity.state import State


def promotion(
    scope: Scope, models: Bucket, state: State | None, lookups: Sequence[Statement]
) -> Document:
    """The whole program runs when a weight changes, so it may look up what the program does; a
    change of anything that AWS holds is refused."""
    kept = [*state.write(), *state.promote()] if state else []
    return document(
        allow(["eks:DescribeCluster"], scope.cluster_arn),
        models.listed(),
        models.objects(["s3:GetObject"], "*"),
        models.key("kms:Decrypt"),
        *lookups,
        *kept,
    )
