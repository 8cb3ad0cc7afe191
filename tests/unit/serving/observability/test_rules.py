from __future__ import annotations

import re

import pytest
from ruamel.yaml import YAML

from serving.observability.alerts import alerts
from serving.observability.dialect import ENVOY, ISTIO, Dialect
from serving.observability.rule_file import as_yaml, rule_file
from serving.observability.rules import recording_rules
from tests.contracts import contract

DIALECTS = pytest.mark.parametrize("dialect", [ISTIO, ENVOY], ids=lambda dialect: dialect.name)
RECORDED = re.compile(r"serving:\w+:\w+")


def test_both_gateways_are_recorded_under_the_same_names() -> None:
    istio, envoy = (recording_rules(contract("scan"), dialect) for dialect in (ISTIO, ENVOY))
    assert [rule["record"] for rule in istio] == [rule["record"] for rule in envoy]
    assert [rule["labels"] for rule in istio] == [rule["labels"] for rule in envoy]
    assert all(RECORDED.fullmatch(rule["record"]) for rule in istio)


@DIALECTS
@pytest.mark.parametrize("model", ["scan", "writer", "forest"])
def test_what_is_read_was_recorded_before_it(dialect: Dialect, model: str) -> None:
    known: set[str] = set()
    for rule in [*recording_rules(contract(model), dialect), *alerts(contract(model))]:
        assert set(RECORDED.findall(rule["expr"])) <= known
        known.add(rule.get("record", ""))


@DIALECTS
def test_nothing_is_decided_on_a_quantile_or_a_ratio(dialect: Dialect) -> None:
    read = {name for alert in alerts(contract("scan")) for name in RECORDED.findall(alert["expr"])}
    rules = {rule["record"]: rule["expr"] for rule in recording_rules(contract("scan"), dialect)}
    counted = [rules[name] for name in read]
    assert counted
    assert not any("quantile" in expression for expression in counted)
    assert not any(re.search(r"/(?! 1000$)", expression) for expression in counted)


@DIALECTS
def test_only_triton_is_asked_what_waits(dialect: Dialect) -> None:
    def asks_triton(model: str) -> bool:
        rules = [*recording_rules(contract(model), dialect), *alerts(contract(model))]
        return any("nv_inference" in rule["expr"] or "waited" in rule["expr"] for rule in rules)

    assert asks_triton("scan")
    assert not asks_triton("writer")
    assert not asks_triton("forest")


@DIALECTS
def test_the_file_holds_one_group_for_each_model(dialect: Dialect) -> None:
    models = [contract("scan"), contract("forms")]
    whole = rule_file(models, dialect)
    assert [group["name"] for group in whole["groups"]] == ["serving-forms", "serving-scan"]
    assert whole == rule_file(reversed(models), dialect)


def test_the_yaml_says_the_same_and_repeats_nothing_by_reference() -> None:
    whole = rule_file([contract("scan")], ISTIO)
    text = as_yaml(whole)
    assert YAML(typ="safe").load(text) == whole
    assert "&id" not in text
