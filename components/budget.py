"""What a month may cost, and who hears of it when it costs more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import pulumi
import pulumi_aws as aws

MOST_EMAILS: Final = 10

WARNINGS: Final[Sequence[tuple[Literal["ACTUAL", "FORECASTED"], int]]] = (
    ("ACTUAL", 80),
    ("FORECASTED", 100),
    ("ACTUAL", 100),
)
"""Percent of the budget that is spent, or will be when the month ends."""


@dataclass(frozen=True, kw_only=True)
class BudgetArgs:
    budget_name: str
    """What the mails say."""
    monthly_usd: int
    tags: Mapping[str, str]
    """What is counted bears all of these. They count once they are activated as cost allocation
    tags, and not backwards."""
    emails: Sequence[str]

    def __post_init__(self) -> None:
        if not self.tags:
            raise ValueError("tags must name at least one")
        if not 1 <= len(self.emails) <= MOST_EMAILS:
            raise ValueError(f"emails must be 1 to {MOST_EMAILS}, got {len(self.emails)}")


class Budget(pulumi.ComponentResource):
    budget_name: pulumi.Output[str]

    def __init__(
        self, name: str, args: BudgetArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:Budget", name, None, opts)

        budget = aws.budgets.Budget(
            name,
            name=args.budget_name,
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(args.monthly_usd),
            limit_unit="USD",
            metrics="UnblendedCost",
            filter_expression=tagged(args.tags),
            notifications=[
                {
                    "notification_type": kind,
                    "comparison_operator": "GREATER_THAN",
                    "threshold": percent,
                    "threshold_type": "PERCENTAGE",
                    "subscriber_email_addresses": list(args.emails),
                }
                for kind, percent in WARNINGS
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )

        self.budget_name = budget.name
        self.register_outputs({"budget_name": self.budget_name})


def tagged(tags: Mapping[str, str]) -> aws.budgets.BudgetFilterExpressionArgsDict:
    """AWS takes an `and` of two or more only."""
    first, *others = sorted(tags.items())
    if not others:
        key, value = first
        return {"tags": {"key": key, "values": [value]}}
    return {"ands": [{"tags": {"key": k, "values": [v]}} for k, v in [first, *others]]}
