from __future__ import annotations

import contextvars

import pulumi
import pytest

from serving.errors import InputError
from serving.settings import Settings
from serving.stacks import config

VALUES = {
    "serving:target": "aws",
    "serving:environment": "dev",
    "serving:region": "us-east-1",
    "serving:owner": "platform",
    "serving:contacts": '["platform@example.com"]',
    "serving:cost_center": "4711",
    "serving:retain": "false",
    "serving:network": '{"cidr": "10.0.0.0/16", "zones": ["a", "b"], "nat": "single"}',
    "serving:cluster": '{"version": "1.35", "administrators": {"deploy": "deploy"}}',
    "serving:pools": (
        '{"system": {"kind": "system", "instance_types": ["m7i.xlarge"],'
        ' "nodes_per_zone": {"min": 1, "max": 2}}}'
    ),
    "serving:gateway": '{"domain": "models.example.com"}',
    "serving:logs": '{"retention_days": 30}',
    "serving:audit": '{"retention_days": 30}',
    "serving:budget": '{"monthly_usd": 1000}',
    "aws:region": "eu-west-1",
}


def read(values: dict[str, str]) -> Settings:
    def inside() -> Settings:
        pulumi.runtime.set_all_config(values)
        return config.read()

    return contextvars.copy_context().run(inside)


def test_text_stays_text_and_the_rest_becomes_what_it_is() -> None:
    settings = read(VALUES)
    assert settings.cost_center == "4711"
    assert settings.retain is False
    assert settings.zones == ("us-east-1a", "us-east-1b")


def test_a_mistyped_key_is_refused_with_its_name_its_file_and_those_there_are() -> None:
    with pytest.raises(InputError) as refused:
        read({**VALUES, "serving:netwrok": "{}"})
    message = str(refused.value)
    assert message.startswith(f"Pulumi.{pulumi.get_stack()}.yaml: serving:netwrok: ")
    assert "cluster, contacts, cost_center, " in message


def test_config_of_others_is_let_be() -> None:
    assert read({**VALUES, "aws:skipRegionValidation": "true"}).region == "us-east-1"
