"""Several models promoted by one process, on the real engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from serving.contract.model import Rollout
from serving.promotion.promoting import promote
from serving.promotion.ready import Wish
from serving.promotion.setting import Setting
from serving.promotion.stack import Changes, PulumiStack, Still, always
from serving.settings import Release
from tests.engine import small
from tests.engine.test_promotion_stack import place, selected
from tests.unit.serving.promotion.scripted import HARMFUL, HEALTHY, Town, town

__all__ = ["place", "town"]

pytestmark = pytest.mark.engine


class Counted:
    """The stack, and what each of its updates was to change."""

    def __init__(self, stack: PulumiStack) -> None:
        self._stack = stack
        self.updates: list[Changes] = []

    def deployed(self) -> Mapping[str, Release]:
        return self._stack.deployed()

    def locked_by(self) -> str:
        return self._stack.locked_by()

    def apply(self, changes: Changes, patience: float, still: Still = always) -> None:
        self.updates.append(changes)
        self._stack.apply(changes, patience, still)


class Route:
    """As the cloud has it."""

    def __init__(self, place: small.Place) -> None:
        self._place = place
        self.drained: list[tuple[str, int]] = []

    def shares(self, model: str) -> Mapping[int, int]:
        route = self._place.found()[f"{model}-route"]
        shares = {route["stable"]: 100 - route["weight"], route.get("canary"): route["weight"]}
        return {int(version): int(share) for version, share in shares.items() if share}

    def change(self, model: str, shares: Mapping[int, int]) -> None:
        """A rollback does not wait for the other promotion's update."""
        route = {"stable": 1, "canary": 2, "weight": shares.get(2, 0)}
        file = self._place.things / f"{model}-route.json"
        file.with_suffix(".part").write_text(json.dumps(route), encoding="utf-8")
        file.with_suffix(".part").rename(file)

    def drain(self, model: str, version: int, seconds: float) -> None:
        assert version not in self.shares(model)
        self.drained.append((model, version))


@pytest.fixture
def stack(place: small.Place) -> Counted:
    return Counted(selected(place))


def setting(town: Town, stack: Counted, route: Route) -> Setting:
    for name, contract in town.models.items():
        rollout = Rollout(
            steps=(5, 50), min_step_seconds=15, gates=contract.rollout.gates - {"p99", "p50"}
        )
        town.models[name] = contract.model_copy(update={"rollout": rollout})
    return replace(town.setting, ground=replace(town.ground, stack=stack, route=route))


def wishes(*models: str) -> list[Wish]:
    return [Wish(model=name, version=2, waive="a test") for name in models]


def test_steps_that_fall_together_are_one_update(
    town: Town, place: small.Place, stack: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.promotion.setting.GATHER_SECONDS", 2.0)  # on a busy machine too
    results = promote(setting(town, stack, Route(place)), wishes("digits", "words"))
    assert [each.ended.outcome for each in results if each.ended] == ["promoted", "promoted"]
    deployed = {name: each.model_copy(update={"revision": 0}) for name, each in
                stack.deployed().items()}  # fmt: skip
    assert deployed == dict.fromkeys(("digits", "words"), Release(stable=2, previous=1))
    together = [changes for changes in stack.updates if len(changes) == 2]
    assert together, "nothing fell together"
    assert len(stack.updates) < 8, "as many as if each had been alone"


def test_one_goes_back_while_the_other_goes_on(
    town: Town, place: small.Place, stack: Counted
) -> None:
    town.traffic = {"digits": HARMFUL, "words": HEALTHY}
    route = Route(place)
    results = promote(setting(town, stack, route), wishes("digits", "words"))
    assert [each.ended.outcome for each in results if each.ended] == ["rolled back", "promoted"]
    assert sorted(place.found()) == [
        *("digits-1", "digits-route", "words-1", "words-2", "words-route")
    ]
    assert route.drained == [("digits", 2)]
