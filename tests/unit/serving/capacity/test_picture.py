"""The picture is one well-formed file that needs nothing else."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from serving.capacity.picture import picture
from serving.capacity.report import Report
from serving.capacity.table import tables
from tests.unit import stacks
from tests.unit.serving.capacity.test_report import pools, reckoned

SVG = "{http://www.w3.org/2000/svg}"


def drawn(found: Report, stack: str = "prod") -> ElementTree.Element:
    return ElementTree.fromstring(picture(found, stack))


def boxes(svg: ElementTree.Element) -> list[ElementTree.Element]:
    return [each for each in svg.iter(f"{SVG}rect") if "node" in each.get("class", "")]


@pytest.mark.parametrize("stack", stacks.STACKS)
def test_every_node_that_there_may_be_is_drawn_and_those_that_stay_are_thick(stack: str) -> None:
    found = reckoned(stack)
    there = boxes(drawn(found, stack))
    assert len(there) == sum(pool.nodes.most for pool in found.pools.values())
    kept = [each for each in there if "kept" in each.get("class", "")]
    assert len(kept) == sum(pool.nodes.least for pool in found.pools.values())


def test_nodes_are_filled_as_far_as_models_take_them() -> None:
    found = reckoned()
    fills = [
        float(each.get("height", 0)) / 64
        for each in drawn(found).iter(f"{SVG}rect")
        if each.find(f"{SVG}title") is not None
    ]
    wanted = [
        share for pool in found.pools.values() for node in pool.filled for share in node.values()
    ]
    assert sorted(fills) == pytest.approx(sorted(wanted), abs=0.01)


def test_nothing_lies_outside_however_many_nodes_there_are() -> None:
    many = reckoned(pools=pools(gpu={"nodes_per_zone": {"min": 0, "max": 40}}))
    svg = drawn(many)
    _, _, width, height = map(float, svg.get("viewBox", "").split())
    for each in svg.iter(f"{SVG}rect"):
        x, y = float(each.get("x", 0)), float(each.get("y", 0))
        assert x + float(each.get("width", 0)) <= width
        assert y + float(each.get("height", 0)) <= height
    places = {(each.get("x"), each.get("y")) for each in boxes(svg)}
    assert len(places) == len(boxes(svg))


def test_it_says_what_it_shows_to_those_who_cannot_see_it_and_loads_nothing() -> None:
    text = picture(reckoned(), "prod")
    assert "price list of 2026-07-06" in drawn(reckoned()).get("aria-label", "")
    assert "href" not in text
    assert "url(" not in text
    assert text.count("http") == 1  # the name of its language


def test_names_from_files_cannot_become_markup() -> None:
    assert "<b>" not in picture(reckoned(), "<b>prod</b>")


def test_tables_have_a_cell_for_each_heading() -> None:
    for table in tables(reckoned()):
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.header)}
