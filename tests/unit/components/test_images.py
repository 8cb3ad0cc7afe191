from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from components import charts
from components.charts import Chart
from components.images import AWS_CLI, IMAGES, PYTHON, Image, pinned, unpinned
from tests.charts import ChartFacts, facts, published, unknown_keys

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
CASES = [(chart, image) for chart, images in IMAGES.items() for image in images]


def known(chart: Chart) -> ChartFacts:
    return published()[(chart.name, chart.version)]


def below(values: Mapping[str, Any], key: tuple[str, ...]) -> Any:
    for name in key:
        values = values[name]
    return values


def described(chart: Chart, image: Image) -> Mapping[str, Any]:
    """The part of the chart's defaults that is about the image."""
    told = known(chart)
    key = image.key[:-1]
    if key and key[0] in told.subcharts:
        told, key = facts(told.subcharts[key[0]]), key[1:]
    part: Mapping[str, Any] = below(told.defaults, key)
    return part


@pytest.mark.parametrize(("chart", "image"), CASES, ids=lambda each: getattr(each, "name", ""))
def test_a_digest_is_put_where_the_chart_takes_it(chart: Chart, image: Image) -> None:
    values = pinned(chart, {}, {image.name: DIGEST})
    assert DIGEST.removeprefix("sha256:") in below(values, image.key)
    assert unknown_keys(known(chart), values) == []


@pytest.mark.parametrize(("chart", "image"), CASES, ids=lambda each: getattr(each, "name", ""))
def test_every_image_is_the_one_that_the_chart_itself_names(chart: Chart, image: Image) -> None:
    part = described(chart, image)
    name, _, tag = image.name.rpartition(":")
    last = name.rpartition("/")[2]
    names = " ".join(str(part.get(key, "")) for key in ("repository", "image", "name"))
    assert last in names
    said = part.get("tag") or part.get("version")
    if said and said != "latest" and "karpenter" not in name:  # git has a development tag
        assert str(said) == tag
    else:
        versions = {known(chart).app_version, chart.version, f"v{chart.version}"}
        versions |= {f"v{facts(each).app_version}" for each in known(chart).subcharts.values()}
        versions |= {facts(each).app_version for each in known(chart).subcharts.values()}
        assert re.sub("-distroless$", "", tag) in versions


def test_a_value_that_is_there_stays_beside_the_digest() -> None:
    values = {"image": {"pullPolicy": "Always"}, "replicaCount": 2}
    image = IMAGES[charts.LOAD_BALANCER_CONTROLLER][0]
    result = pinned(charts.LOAD_BALANCER_CONTROLLER, values, {image.name: DIGEST})
    assert result == {
        "image": {"pullPolicy": "Always", "tag": f"v3.5.0@{DIGEST}"},
        "replicaCount": 2,
    }
    assert values == {"image": {"pullPolicy": "Always"}, "replicaCount": 2}


def test_without_a_digest_the_chart_decides() -> None:
    assert pinned(charts.KEDA, {"a": 1}, {"ghcr.io/other:1": DIGEST}) == {"a": 1}


def test_what_goes_by_its_tag_is_told() -> None:
    (image,) = IMAGES[charts.LOKI]
    used = [charts.LOKI, charts.TEMPO]
    others = ["docker.io/grafana/tempo:2.10.8", AWS_CLI.name, PYTHON.name]
    assert unpinned(used, {}) == ["docker.io/grafana/loki:3.7.6", *others]
    assert unpinned(used, {image.name: DIGEST}) == others


def test_every_chart_that_runs_something_says_what() -> None:
    silent = {charts.ISTIO_BASE, charts.ISTIO_GATEWAY, charts.KARPENTER_CRDS}
    every = {each for each in vars(charts).values() if isinstance(each, Chart)}
    assert IMAGES.keys() == every - silent
