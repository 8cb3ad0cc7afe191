"""What a changed setting touches in the real engine: the table, each setting by itself."""

from __future__ import annotations

import pytest

from tests.engine.changes import Change, Trial, table
from tests.engine.test_changes import trial

pytestmark = [pytest.mark.engine, pytest.mark.full]

__all__ = ["trial"]


@pytest.mark.parametrize("change", table().changes, ids=lambda change: change.setting)
def test_a_changed_setting_touches_what_is_its_own(trial: Trial, change: Change) -> None:
    assert sorted(trial.touched([change])) == sorted(change.touched)
