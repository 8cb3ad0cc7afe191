"""The rules of the pack. `policies/__main__.py` hands them to the engine."""

from __future__ import annotations

from typing import Final

from serving_policies import cluster, iam, network, nodes, storage
from serving_policies.rule import Rule

RULES: Final[tuple[Rule, ...]] = (
    *cluster.RULES,
    *nodes.RULES,
    *network.RULES,
    *storage.RULES,
    *iam.RULES,
)
