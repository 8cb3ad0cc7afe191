"""The stacks of this repository, as their files describe them."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

import yaml

from serving import catalog
from serving.settings import Settings, parse
from serving.stacks.program import build
from tests.conftest import Graph, synthesise

ROOT: Final = catalog.PLATFORM.parent
STACKS: Final = ("dev", "prod")


def settings(stack: str, **changes: Any) -> Settings:
    file = f"Pulumi.{stack}.yaml"
    config = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))["config"]
    values = {key.removeprefix("serving:"): value for key, value in config.items()}
    return parse(json.loads(json.dumps(values | changes)), file)


@cache
def graph(stack: str) -> Graph:
    described = settings(stack)
    known = catalog.load(described.environment)
    return synthesise(lambda: build(described, known), stack=stack)
