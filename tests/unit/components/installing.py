"""Components that put something into a cluster, built alone with changed arguments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from components.surroundings import Surroundings
from tests.conftest import Graph, synthesise
from tests.unit.components.examples import EXAMPLES, SURROUNDINGS

API_SERVER = "10.20.3.4"
"""One of its addresses in the VPC."""
INTERNET = "198.51.100.7"


def installed(component: type[Any], **changes: Any) -> Graph:
    args: Any = EXAMPLES[component]
    return synthesise(lambda: component("thing", replace(args, **changes)))


def around(**changes: Any) -> Surroundings:
    return replace(SURROUNDINGS, **changes)
