"""What no request needs any more is taken away, and nothing else."""

from __future__ import annotations

import pytest

from serving.errors import InputError
from serving.promotion.lease import Busy
from serving.promotion.promoting import promote
from serving.promotion.ready import Wish
from serving.promotion.retiring import retire, retire_model
from serving.settings import Release
from tests.unit.serving.promotion.scripted import Town, town

__all__ = ["town"]


def release(town: Town) -> Release | None:
    found = town.table.get("digits")
    return found.model_copy(update={"revision": 0}) if found else None


def test_the_previous_version_is_drained_and_goes(town: Town) -> None:
    town.apply({"digits": Release(stable=2, previous=1)}, 0)
    assert retire(town.setting, "digits") == 1
    assert release(town) == Release(stable=2)
    assert town.drained == [("digits", 1, 0)]


@pytest.mark.parametrize(
    ("deployed", "version", "said"),
    [
        (Release(stable=2, previous=1), 2, "is stable and has traffic"),
        (Release(stable=1, canary=2, weight=10), 2, "is the canary, at 10 %"),
        (Release(stable=2), 1, "version 1 is not deployed"),
        (Release(stable=2), None, "keeps no previous version"),
    ],
)
def test_what_has_traffic_or_is_not_there_is_refused(
    town: Town, deployed: Release, version: int | None, said: str
) -> None:
    town.apply({"digits": deployed}, 0)
    with pytest.raises(InputError, match=said):
        retire(town.setting, "digits", version)
    assert release(town) == deployed


def test_a_model_with_requests_stays(town: Town) -> None:
    with pytest.raises(InputError, match=r"version 1 got 540 requests in the last 9 s"):
        retire_model(town.setting, "digits")
    assert release(town) == Release(stable=1)


def test_a_model_without_requests_loses_its_route_before_its_servers(town: Town) -> None:
    town.rps = 0
    town.updates.clear()
    retire_model(town.setting, "digits")
    assert release(town) is None
    assert [each["digits"] for each in town.updates] == [Release(canary=1), None]
    assert town.drained == [("digits", 1, 0)]


def test_a_model_whose_promotion_is_unfinished_stays(town: Town) -> None:
    town.rps = 0
    town.apply({"digits": Release(stable=1, canary=2)}, 0)
    with pytest.raises(InputError, match="is the canary"):
        retire_model(town.setting, "digits")


def test_a_model_whose_promotion_was_stopped_on_the_way_stays(town: Town) -> None:
    town.rps = 0
    town.at_window = lambda model, number: town.stop.set()
    promote(town.setting, [Wish(model="digits", version=2, waive="new", anyway="no traffic")])
    with pytest.raises(InputError, match="version 2 is unfinished; abort it first"):
        retire_model(town.setting, "digits")
    assert town.table["digits"].canary == 2


def test_a_first_canary_that_nobody_promoted_goes(town: Town) -> None:
    town.table = {"digits": Release(canary=1)}
    retire_model(town.setting, "digits")
    assert release(town) is None


def test_while_a_promotion_runs_nothing_is_retired(town: Town) -> None:
    town.apply({"digits": Release(stable=2, previous=1)}, 0)
    with town.setting.lease("digits", "promoting"), pytest.raises(Busy, match="promoting"):
        retire(town.setting, "digits")
    with pytest.raises(InputError, match="is not deployed"):
        retire(town.setting, "cats")
