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
from tests.replay import Replay

ROOT: Final = catalog.PLATFORM.parent
STACKS: Final = ("dev", "prod")


def values(stack: str) -> dict[str, Any]:
    """As its file has them."""
    config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))["config"]
    return {key.removeprefix("serving:"): value for key, value in config.items()}


def settings(stack: str, **changes: Any) -> Settings:
    described = json.loads(json.dumps(values(stack) | changes))
    return parse(described, f"Pulumi.{stack}.yaml")


@cache
def graph(stack: str) -> Graph:
    described = settings(stack)
    known = catalog.load(described.environment)
    return synthesise(lambda: build(described, known), stack=stack)


def replayed(stack: str, **changes: Any) -> tuple[Replay, Graph]:
    """Its AWS inputs on moto, inside `mock_aws`."""
    replay, described = Replay(), settings(stack, **changes)
    known = catalog.load(described.environment)
    return replay, synthesise(lambda: build(described, known), stack=stack, created=replay.created)
