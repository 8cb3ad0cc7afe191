from __future__ import annotations

import re

import pytest

from serving.dashboard.question import ERRORS, P50, P99, QUEUE, REQUESTS, questions


def arm_of(measure: str, name: str) -> str | None:
    """What a query makes of a series' name, as Prometheus does."""
    (pattern,) = set(re.findall(r'"arm", "\$1", "\w+", "([^"]*)"', questions("10s")[measure]))
    match = re.fullmatch(pattern, name)
    return match[1] if match else None


@pytest.mark.parametrize("cluster", ["digits-2", "digits-2-pods", "digits-2-failover"])
def test_all_clusters_of_a_version_are_one_arm(cluster: str) -> None:
    assert arm_of(ERRORS, cluster) == "digits-2"


@pytest.mark.parametrize(
    ("measure", "name", "arm"),
    [
        (REQUESTS, "model-7-12", "model-7-12"),
        (P99, "digits-2", "digits-2"),
        (P99, "digits-2-mirror", None),
        (QUEUE, "digits-2-1", "digits-2"),
    ],
)
def test_a_model_may_have_digits_in_its_name(measure: str, name: str, arm: str | None) -> None:
    assert arm_of(measure, name) == arm


def test_requests_and_errors_are_those_that_promotions_judge() -> None:
    asked = questions("10s")
    assert (
        'rate(envoy_cluster_upstream_rq_completed{envoy_cluster_name=~".+-[0-9]+"}[10s])'
        in (asked[REQUESTS])
    )
    assert "-1 * rate(envoy_cluster_upstream_rq_retry" in asked[ERRORS]
    terms = re.findall(r'"term", "(\d+)"', asked[ERRORS])
    assert terms == [str(number) for number in range(len(terms))]


def test_no_query_speaks_of_one_version() -> None:
    for query in questions("10s").values():
        assert "{model}" not in query
        assert "-0" not in query.replace("[0-9]", "")


def test_quantiles_are_of_the_same_histogram() -> None:
    asked = questions("1m")
    assert asked[P50].replace("0.5", "0.99", 1) == asked[P99]
    assert "sum by (arm, le)" in asked[P50]
