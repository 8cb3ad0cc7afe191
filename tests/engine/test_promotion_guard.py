from __future__ import annotations

import os
from pathlib import Path

import pytest
from pulumi import automation as auto

from tests.engine import small
from tests.engine.conftest import Engine

pytestmark = pytest.mark.engine


@pytest.fixture
def place(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> small.Place:
    plugins = tmp_path / "folder-plugin"
    monkeypatch.setenv("PATH", f"{plugins}{os.pathsep}{os.environ['PATH']}")
    return small.place(tmp_path, plugins)


def release(revision: int, **changes: int) -> dict[str, int]:
    return {"stable": 1, "revision": revision, **changes}


def test_a_stale_checkout_cannot_bring_an_old_weight_back(place: small.Place) -> None:
    mine = place.checkout("mine", {"digits": release(1)})
    place.stack(mine).up()
    stale = place.checkout("stale", {"digits": release(1)})
    place.configure(mine, {"digits": release(2, canary=2, weight=10)})
    place.stack(mine).up()
    with pytest.raises(auto.CommandError) as refused:
        place.stack(stale).preview()
    assert "serving:releases.digits: has revision 1, older than the deployed 2" in str(
        refused.value
    )
    assert "Traceback" not in str(refused.value)
    with pytest.raises(auto.CommandError):
        place.stack(stale).up()
    assert place.weight("digits") == 10
    with pytest.raises(auto.CommandError):  # a refused update has not lost what is deployed
        place.stack(stale).up()


def test_a_checkout_from_before_a_model_cannot_take_it_out_of_service(place: small.Place) -> None:
    place.stack(place.checkout("mine", {"digits": release(1)})).up()
    with pytest.raises(auto.CommandError, match="digits: is missing, though deployed with rev"):
        place.stack(place.checkout("before")).up()
    assert "digits-1" in place.found()


def test_a_weight_set_by_hand_is_taken(place: small.Place) -> None:
    mine = place.checkout("mine", {"digits": release(3, canary=2, weight=10)})
    place.stack(mine).up()
    place.stack(mine).set_config(
        "serving:releases.digits.weight", auto.ConfigValue("25"), path=True
    )
    place.stack(mine).up()
    assert place.weight("digits") == 25
