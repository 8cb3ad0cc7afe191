"""The order of files, and weights that were changed directly; Envoy itself is in the live tier."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from components.local import gateway_documents, held, xds


def documents(folder: Path, weight: int = 5, clusters: tuple[str, ...] = ("a",)) -> dict[str, Any]:
    choice = [{"name": "m-1", "weight": 100 - weight}, {"name": "m-2", "weight": weight}]
    over_grpc = [{**one, "name": f"{one['name']}-grpc"} for one in choice]
    routes = [
        {"route": {"weighted_clusters": {"clusters": clusters}}} for clusters in (choice, over_grpc)
    ]
    table = {
        "name": "gateway",
        "virtual_hosts": [{"name": "m", "routes": [*routes, {"direct_response": {}}]}],
    }
    return {
        "folder": str(folder),
        "admin": "http://127.0.0.1:9",
        "log": str(folder / "log"),
        "listeners": held.versioned([]),
        "clusters": held.versioned([{"name": name} for name in clusters]),
        "routes": held.versioned([table]),
    }


def weights(folder: Path) -> list[list[int]]:
    (table,) = json.loads((folder / xds.ROUTES).read_text())["resources"]
    return [
        [cluster["weight"] for cluster in route["route"]["weighted_clusters"]["clusters"]]
        for route in table["virtual_hosts"][0]["routes"]
        if "route" in route
    ]


def test_files_are_there_before_envoy_is(tmp_path: Path) -> None:
    wanted = documents(tmp_path)
    gateway_documents.create(wanted)
    assert gateway_documents.exists(wanted)
    assert weights(tmp_path) == [[95, 5], [95, 5]]


def test_a_direct_change_outlives_an_update_that_still_has_the_old_weight(tmp_path: Path) -> None:
    gateway_documents.create(documents(tmp_path, weight=25))
    (tmp_path / held.HELD).write_text(json.dumps({"m": {"m-1": 100, "m-2": 0}}))
    gateway_documents.update({}, documents(tmp_path, weight=25))
    assert weights(tmp_path) == [[100, 0], [100, 0]]
    assert gateway_documents.exists(documents(tmp_path, weight=25))


def test_a_direct_change_is_over_when_the_configuration_agrees(tmp_path: Path) -> None:
    gateway_documents.create(documents(tmp_path, weight=25))
    (tmp_path / held.HELD).write_text(json.dumps({"m": {"m-1": 100, "m-2": 0}}))
    gateway_documents.update({}, documents(tmp_path, weight=0))
    assert not (tmp_path / held.HELD).exists()
    gateway_documents.update({}, documents(tmp_path, weight=5))
    assert weights(tmp_path) == [[95, 5], [95, 5]]


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    wanted = documents(tmp_path)
    gateway_documents.create(wanted)
    gateway_documents.delete(wanted)
    assert list(tmp_path.iterdir()) == []


NAMES = st.sets(st.sampled_from("abcdefgh"), min_size=0)


@given(old=NAMES, new=NAMES)
def test_while_routes_change_all_old_and_new_clusters_are_there(
    old: set[str], new: set[str]
) -> None:
    def of(names: set[str], version: int) -> str:
        return held.versioned([{"name": name, "version": version} for name in sorted(names)])

    both = json.loads(xds._both(of(old, 1), of(new, 2)))["resources"]
    assert {one["name"] for one in both} == old | new
    assert all(one["version"] == 2 for one in both if one["name"] in new)


def test_a_direct_change_ends_with_the_versions_that_it_was_about(tmp_path: Path) -> None:
    gateway_documents.create(documents(tmp_path, weight=25))
    (tmp_path / held.HELD).write_text(json.dumps({"m": {"m-1": 100, "m-3": 0}}))
    gateway_documents.update({}, documents(tmp_path, weight=10))
    assert weights(tmp_path) == [[90, 10], [90, 10]]
    assert not (tmp_path / held.HELD).exists()
