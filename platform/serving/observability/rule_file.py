"""The rules of many models as one Prometheus rule file."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

from ruamel.yaml import YAML

from serving.contract.model import ModelContract
from serving.observability.alerts import alerts
from serving.observability.dialect import Dialect
from serving.observability.rules import recording_rules


def rule_file(contracts: Iterable[ModelContract], dialect: Dialect) -> dict[str, Any]:
    """One group per model, so that its alerts see what was just recorded."""
    return {
        "groups": [
            {
                "name": f"serving-{contract.name}",
                "rules": [*recording_rules(contract, dialect), *alerts(contract)],
            }
            for contract in sorted(contracts, key=lambda contract: contract.name)
        ]
    }


def as_yaml(rules: dict[str, Any]) -> str:
    yaml = YAML()
    yaml.width = 10_000
    out = io.StringIO()
    yaml.dump(rules, out)
    return out.getvalue()
