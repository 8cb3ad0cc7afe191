from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.errors import ServingError
from serving.gateway.routes import routes
from serving.gateway.shares import shares_of, with_shares
from serving.gateway.table import Served
from tests.contracts import contract
from tests.unit.serving.gateway.gateways import any_served, gateway, served

SCAN = routes(gateway(served(contract("scan"), stable=1, canary=2, weight=10)))


@given(any_served())
def test_the_shares_of_a_release_are_read_back(one: Served) -> None:
    release = one.release
    given_ = {release.stable: 100 - release.weight, release.canary: release.weight}
    wanted = {v: share for v, share in given_.items() if v is not None and share}
    document = routes(gateway(one))
    assert shares_of(document, one.name) == ({} if release.stable is None else wanted)
    assert shares_of(document["resources"][0], one.name) == shares_of(document, one.name)


@given(st.integers(0, 100))
def test_shares_that_were_changed_are_read_back(weight: int) -> None:
    changed = with_shares(SCAN, "scan", {1: 100 - weight, 2: weight})
    wanted = {version: share for version, share in ((1, 100 - weight), (2, weight)) if share}
    assert shares_of(changed, "scan") == wanted


def test_nothing_but_the_weights_changes() -> None:
    there = with_shares(SCAN, "scan", {1: 100})
    assert there["version_info"] != SCAN["version_info"]
    assert with_shares(there, "scan", {1: 90, 2: 10}) == SCAN


def test_other_models_keep_theirs() -> None:
    both = routes(
        gateway(*(served(contract(n), stable=1, canary=2, weight=7) for n in ("scan", "forms")))
    )
    assert shares_of(with_shares(both, "scan", {2: 100}), "forms") == {1: 93, 2: 7}


def test_a_version_that_answers_gets_no_copies() -> None:
    shadowed = routes(gateway(served(contract("scan"), stable=1, canary=2)))
    assert "scan-2-mirror" in str(shadowed)
    assert "scan-2-mirror" not in str(with_shares(shadowed, "scan", {1: 95, 2: 5}))
    assert "scan-2-mirror" in str(with_shares(shadowed, "scan", {1: 100}))


@pytest.mark.parametrize("shares", [{}, {1: 0}, {1: 50}, {1: 101}, {1: 120, 2: -20}])
def test_shares_that_are_none_are_refused(shares: dict[int, int]) -> None:
    with pytest.raises(ServingError, match="expected shares that add up to 100"):
        with_shares(SCAN, "scan", shares)


def test_a_model_without_weights_cannot_be_changed() -> None:
    with pytest.raises(ServingError, match="model other: has no route whose weights"):
        with_shares(SCAN, "other", {1: 100})


def test_weights_that_do_not_agree_cannot_be_told() -> None:
    half = with_shares(SCAN, "scan", {1: 50, 2: 50})
    whole = SCAN["resources"][0]["virtual_hosts"][0]["routes"]
    part = half["resources"][0]["virtual_hosts"][0]["routes"]
    mixed = {"virtual_hosts": [{"name": "scan", "routes": [*whole, *part]}]}
    with pytest.raises(ServingError, match="model scan: its routes do not agree"):
        shares_of(mixed, "scan")


def test_weights_of_something_else_cannot_be_told() -> None:
    split = {"weighted_clusters": {"clusters": [{"name": "elsewhere", "weight": 100}]}}
    document = {"virtual_hosts": [{"name": "scan", "routes": [{"route": split}]}]}
    with pytest.raises(ServingError, match="elsewhere is no cluster of a version"):
        shares_of(document, "scan")
    split["weighted_clusters"]["clusters"][0] |= {"name": "scan-1", "weight": 99}
    with pytest.raises(ServingError, match="expected weights that add up to 100"):
        shares_of(document, "scan")
