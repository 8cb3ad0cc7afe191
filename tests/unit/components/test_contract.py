"""Every component there is keeps the promises of `promises.py`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

import pulumi
import pytest

import components
from tests.unit.components.examples import EXAMPLES
from tests.unit.components.promises import PROMISES, Case

CASES = {component: Case(component, args) for component, args in EXAMPLES.items()}


def found() -> set[type[Any]]:
    names = [module.name for module in pkgutil.walk_packages(components.__path__, "components.")]
    return {
        each
        for name in names
        for each in vars(importlib.import_module(name)).values()
        if inspect.isclass(each)
        and issubclass(each, pulumi.ComponentResource)
        and each.__module__ == name
    }


def test_every_component_has_an_example() -> None:
    assert found() == EXAMPLES.keys()


@pytest.mark.parametrize("promise", PROMISES)
@pytest.mark.parametrize("component", EXAMPLES, ids=lambda component: component.__name__)
def test_a_component(component: type[Any], promise: str) -> None:
    PROMISES[promise](CASES[component])
