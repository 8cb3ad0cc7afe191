"""Each rule by itself: what it refuses, what it lets be, what it cannot tell, how it says so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from serving_policies import RULES
from serving_policies.rule import Context, Finding, Level, Resource, Verdict
from serving_policies.values import ABSENT, UNKNOWN
from tests.unit.policies.examples import BY_ID, EXAMPLES, Case

FORM: Final = re.compile(
    r"(?P<id>[a-z0-9-]+): (?P<undecided>undecided: )?resource 'own' \((?P<kind>[^ ]+)\): .+ is .+, "
    r"must be .+; fix: .+; source: .+",
    re.DOTALL,
)


def cases(which: str) -> list[Any]:
    return [
        pytest.param(rule, case, id=f"{rule}-{number}")
        for rule, examples in EXAMPLES.items()
        for number, case in enumerate(getattr(examples, which))
    ]


def verdicts(case: Case, rule: str, **changes: Any) -> set[Verdict]:
    return {message.verdict for message in case.judged(BY_ID[rule], **changes)}


def test_every_rule_has_examples_of_both_kinds() -> None:
    assert EXAMPLES.keys() == BY_ID.keys()
    assert len(RULES) == len(BY_ID) == 25
    assert all(each.violate and each.comply for each in EXAMPLES.values())
    blind = {rule for rule, each in EXAMPLES.items() if not each.undecided}
    assert blind == {"stateful-protected"}


@pytest.mark.parametrize(("rule", "case"), cases("violate"))
def test_what_violates_is_found(rule: str, case: Case) -> None:
    assert verdicts(case, rule) == {Verdict.VIOLATION}


@pytest.mark.parametrize(("rule", "case"), cases("comply"))
def test_what_complies_is_let_be(rule: str, case: Case) -> None:
    assert case.judged(BY_ID[rule]) == []


@pytest.mark.parametrize(("rule", "case"), cases("undecided"))
def test_what_is_not_known_is_undecided(rule: str, case: Case) -> None:
    assert verdicts(case, rule) == {Verdict.UNDECIDED}


@pytest.mark.parametrize(("rule", "case"), [*cases("violate"), *cases("undecided")])
def test_a_message_says_what_where_and_what_to_do(rule: str, case: Case) -> None:
    for message in case.judged(BY_ID[rule]):
        said = FORM.fullmatch(message.text)
        assert said, message.text
        assert (said["id"], said["kind"]) == (rule, case.kind)
        assert bool(said["undecided"]) == (message.verdict is Verdict.UNDECIDED)
        assert message.urn == "own"


@pytest.mark.parametrize(("rule", "case"), cases("comply"))
def test_nothing_that_becomes_unknown_turns_good_into_bad(rule: str, case: Case) -> None:
    for changed in mutated(case, [UNKNOWN]):
        assert Verdict.VIOLATION not in verdicts(changed, rule), changed


@pytest.mark.parametrize(
    ("rule", "case"), [*cases("violate"), *cases("comply"), *cases("undecided")]
)
def test_no_rule_breaks_over_junk(rule: str, case: Case) -> None:
    junk = [UNKNOWN, None, [], {}, "", "junk", 7, True, [None], [{}], ["junk"], {"junk": "junk"}]
    for changed in [replace(case, props={}, around=()), *mutated(case, junk)]:
        for message in changed.judged(BY_ID[rule]):
            assert "the rule itself failed" not in message.text, changed


def mutated(case: Case, values: list[Any]) -> Iterator[Case]:
    """With each part of the properties replaced, at every depth; those of neighbours as well."""
    for props in replaced(case.props, values):
        yield replace(case, props=props)
    for index, neighbour in enumerate(case.around):
        for props in replaced(neighbour.props, values):
            around: list[Resource] = list(case.around)
            around[index] = replace(neighbour, props=props)
            yield replace(case, around=around)


def replaced(value: Any, values: list[Any]) -> Iterator[Any]:
    keys: Any = value if isinstance(value, Mapping) else ()
    if isinstance(value, list):
        keys = range(len(value))
    for key in keys:
        for other in [*values, *replaced(value[key], values)]:
            copy: Any = dict(value) if isinstance(value, Mapping) else list(value)
            copy[key] = other
            yield copy


def test_a_rule_is_not_asked_about_what_it_is_not_about() -> None:
    for rule in RULES:
        assert rule("aws:sns/topic:Topic", {}, Context()) == []


def test_a_rule_that_breaks_has_proved_nothing() -> None:
    def broken(kind: str, props: Any, ctx: Context) -> Iterator[Finding]:
        raise KeyError("surprise")
        yield

    rule = replace(RULES[0], check=broken)
    (message,) = rule(rule.kinds[0], {}, Context(name="own", urn="own"))
    assert message.verdict is Verdict.VIOLATION
    assert message.text.startswith(f"{rule.id}: resource 'own' ({rule.kinds[0]}): the rule itself")


@pytest.mark.parametrize(
    ("level", "environment", "binds"),
    [
        (Level.EVERYWHERE, "dev", True),
        (Level.EVERYWHERE, "prod", True),
        (Level.EVERYWHERE, None, True),
        (Level.IN_PRODUCTION, "dev", False),
        (Level.IN_PRODUCTION, "prod", True),
        (Level.IN_PRODUCTION, None, True),  # an environment that does not say what it is
    ],
)
def test_a_level_binds_where_it_says(level: Level, environment: str | None, binds: bool) -> None:
    assert level.binds(environment) is binds


def test_every_rule_says_all_of_itself_and_no_two_have_one_name() -> None:
    for rule in RULES:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule.id)
        assert rule.holds.endswith(".")
        assert rule.risk.endswith(".")
        assert rule.fix
        assert rule.source
        assert rule.kinds
        assert len(set(rule.kinds)) == len(rule.kinds)


def test_what_is_absent_or_unknown_is_never_taken_for_a_truth_value() -> None:
    for nothing in (ABSENT, UNKNOWN):
        with pytest.raises(TypeError, match="neither true nor false"):
            bool(nothing)


def test_a_long_value_is_cut_in_a_message() -> None:
    case = EXAMPLES["sg-no-world-ingress"].violate[0]
    (message,) = replace(case, props={"cidrIpv4": "x" * 500}).judged(BY_ID["sg-no-world-ingress"])
    assert len(message.text) < 500
