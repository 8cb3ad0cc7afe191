"""An engine that dies in the middle of an update of the whole stack."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pulumi import automation as auto

from serving.promotion.unfinished import settle
from tests.engine.conftest import Engine, Steps, state_of
from tests.engine.double import JOURNAL

pytestmark = pytest.mark.engine

AMID = [
    "aws:eks/nodeGroup:NodeGroup::gpu-vllm-us-east-1a",
    "kubernetes:helm.sh/v3:Release::mesh-control-istiod",
]
"""In whose creation engines die, one after the other."""


@dataclass(frozen=True)
class World:
    """What the providers' doubles have done: the cloud, as it were."""

    folder: Path

    def done(self, what: str) -> Counter[str]:
        file = self.folder / "done"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        split = [line.split(" ", 1) for line in lines]
        return Counter(urn for verb, urn in split if verb == what)

    def there(self) -> Counter[str]:
        found = self.done("create")
        found.subtract(self.done("delete"))
        return +found

    def find(self, resource: Mapping[str, Any]) -> str | None:
        urn = str(resource["urn"])
        return urn.rpartition("::")[2] if urn in self.there() else None

    @contextmanager
    def holding(self, resource: str) -> Iterator[None]:
        held = self.folder / "held"
        held.write_text(resource, encoding="utf-8")
        yield
        held.unlink()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    folder = tmp_path / "world"
    folder.mkdir()
    monkeypatch.setenv(JOURNAL, str(folder))
    return World(folder)


def die(engine: Engine, stack: auto.Stack, world: World, amid: str) -> None:
    """Its engine does, once the resource is there and it does not know yet."""
    with world.holding(amid), ThreadPoolExecutor() as pool:
        update = pool.submit(stack.up)
        before = None
        # until nothing else is under way: a file backend's state is lost if its writer dies
        while not any(urn.endswith(amid) for urn in world.there()) or world.there() != before:
            assert not update.done(), update.exception()
            before = world.there()
            time.sleep(1)
        (lock,) = engine.folder.joinpath("state").rglob("locks/**/*.json")
        os.kill(json.loads(lock.read_bytes())["pid"], signal.SIGKILL)
        assert isinstance(update.exception(), Exception)
        time.sleep(1)  # the doubles look every half second whether their engine still lives


def test_after_each_death_it_goes_on_and_makes_nothing_twice_and_loses_nothing(
    engine: Engine, world: World
) -> None:
    stack = engine.stack("dev", written_once=False)
    for amid in AMID:
        die(engine, stack, world, amid)
        stack.cancel()  # the dead one's lock
        known = {each["urn"] for each in state_of(stack)}
        assert any(urn.endswith(amid) for urn in world.there() if urn not in known)
        settle(stack, stack.export_stack(), world.find)

    stack = engine.stack("dev")
    stack.up()
    there = world.there()
    assert set(there.values()) == {1}
    made = {
        each["urn"]
        for each in state_of(stack)
        if each["custom"] and not each["type"].startswith("pulumi:providers:")
    }
    assert there.keys() == made
    again = Steps()
    stack.up(on_event=again)
    assert again.changes() == {}

    stack.destroy()
    assert world.there() == Counter()
    assert set(world.done("delete").values()) == {1}
