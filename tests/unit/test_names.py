from __future__ import annotations

import pytest

from tests.unit import golden, stacks


@pytest.mark.parametrize("stack", stacks.STACKS)
def test_every_name_in_the_state_is_the_agreed_one(stack: str) -> None:
    """A name that changes replaces what bears it. If that is meant: `make golden`."""
    agreed = golden.file(stack).read_text(encoding="utf-8").splitlines()
    assert stacks.graph(stack).names().splitlines() == agreed
