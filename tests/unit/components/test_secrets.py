from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from components.secrets import Secrets, SecretsArgs
from tests.conftest import Graph, Synth

SECRET: Final = "aws:secretsmanager/secret:Secret"


def secrets(synth: Synth, **changes: Any) -> Graph:
    args = SecretsArgs(
        prefix="serving-test",
        secrets={"grafana": "Grafana's administrator", "hub": "Token of the model hub"},
        key_arn="arn:key",
    )
    return synth(lambda: Secrets("secrets", replace(args, **changes)))


def test_each_has_the_name_that_people_type_and_says_what_it_is(synth: Synth) -> None:
    found = secrets(synth).all(SECRET)
    assert {each.inputs["name"]: each.inputs["description"] for each in found} == {
        "serving-test/grafana": "Grafana's administrator",
        "serving-test/hub": "Token of the model hub",
    }


def test_they_are_encrypted_with_the_key_that_is_given(synth: Synth) -> None:
    assert {each.inputs["kmsKeyId"] for each in secrets(synth).all(SECRET)} == {"arn:key"}


def test_no_value_of_a_secret_ever_comes_into_the_state(synth: Synth) -> None:
    types = {each.type for each in secrets(synth)}
    assert types == {"serving:index:Secrets", SECRET}


def test_who_reads_them_is_told_which_they_are(synth: Synth) -> None:
    outputs = secrets(synth).one("serving:index:Secrets").outputs
    assert outputs is not None
    assert outputs["arns"].keys() == {"grafana", "hub"}


@pytest.mark.parametrize(("retain", "days"), [(True, 30), (False, 0)])
def test_what_may_go_frees_its_name_at_once(synth: Synth, retain: bool, days: int) -> None:
    for each in secrets(synth, retain=retain).all(SECRET):
        assert each.protect is retain
        assert each.inputs["recoveryWindowInDays"] == days
