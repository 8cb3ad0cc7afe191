from __future__ import annotations

from typing import Any, Final

import pytest

from components.budget import Budget, BudgetArgs, tagged
from tests.conftest import Synth

BUDGET: Final = "aws:budgets/budget:Budget"


def args(**changes: Any) -> BudgetArgs:
    plain: dict[str, Any] = {
        "budget_name": "serving-test",
        "monthly_usd": 1000,
        "tags": {"Env": "test"},
        "emails": ("a@example.com",),
    }
    return BudgetArgs(**plain | changes)


def test_it_is_what_a_month_may_cost(synth: Synth) -> None:
    budget = synth(lambda: Budget("budget", args())).one(BUDGET).inputs
    assert (budget["limitAmount"], budget["limitUnit"], budget["timeUnit"]) == (
        "1000", "USD", "MONTHLY",
    )  # fmt: skip
    assert (budget["name"], budget["budgetType"]) == ("serving-test", "COST")


def test_everybody_hears_before_it_is_spent_when_it_will_be_and_when_it_is(synth: Synth) -> None:
    emails = ("a@example.com", "b@example.com")
    budget = synth(lambda: Budget("budget", args(emails=emails))).one(BUDGET).inputs
    heard = [
        (each["notificationType"], each["threshold"], each["thresholdType"])
        for each in budget["notifications"]
    ]
    assert heard == [
        ("ACTUAL", 80, "PERCENTAGE"),
        ("FORECASTED", 100, "PERCENTAGE"),
        ("ACTUAL", 100, "PERCENTAGE"),
    ]
    for each in budget["notifications"]:
        assert each["subscriberEmailAddresses"] == list(emails)
        assert each["comparisonOperator"] == "GREATER_THAN"


def test_it_counts_what_bears_all_of_the_tags() -> None:
    assert tagged({"Env": "test"}) == {"tags": {"key": "Env", "values": ["test"]}}
    assert tagged({"Tenant": "vision", "Env": "test"}) == {
        "ands": [
            {"tags": {"key": "Env", "values": ["test"]}},
            {"tags": {"key": "Tenant", "values": ["vision"]}},
        ]
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tags": {}}, "tags must name at least one"),
        ({"emails": ()}, "emails must be 1 to 10, got 0"),
        ({"emails": tuple(f"{n}@example.com" for n in range(11))}, "got 11"),
    ],
)
def test_what_aws_would_refuse_is_refused_here(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        args(**changes)
