"""What must hold between the fields of one contract. Each rule is one function in a table."""

from __future__ import annotations

from serving.contract.model import Environment
from serving.contract.rules import models, resources, service
from serving.contract.rules.finding import Finding, Rule

__all__ = ["Finding", "Rule", "rules_for"]


def rules_for(environment: Environment) -> tuple[Rule, ...]:
    rules = service.RULES + resources.RULES + models.RULES
    prod = service.PROD_RULES + models.PROD_RULES
    return rules + prod if environment == "prod" else rules
