from __future__ import annotations

import re

import pytest

from serving.observability.dialect import ENVOY, ISTIO, Dialect
from tests.contracts import contract

DIALECTS = pytest.mark.parametrize("dialect", [ISTIO, ENVOY], ids=lambda dialect: dialect.name)


def test_a_selector_names_one_model() -> None:
    assert ENVOY.latency.of(contract("scan"), "_bucket", le="250|250\\.0") == (
        'envoy_vhost_route_upstream_rq_time_bucket{envoy_virtual_host="scan",le=~"250|250\\\\.0"}'
    )
    assert 'destination_service_namespace="tenant-radiology"' in ISTIO.requests[0].of(
        contract("scan")
    )


def test_the_versions_of_one_model_are_not_those_of_another() -> None:
    (service,) = re.findall(r'service_name=~"(.*?)"', ISTIO.requests[0].of(contract("scan")))
    assert re.fullmatch(service, "scan-12")
    assert not re.fullmatch(service, "scan-two-1")
    assert not re.fullmatch(service, "xscan-1")


@DIALECTS
def test_what_fails_is_among_what_is_asked(dialect: Dialect) -> None:
    (requests,) = dialect.requests
    counted = [series for series in dialect.errors if series.name == requests.name]
    assert counted
    assert all(requests.labels.items() <= series.labels.items() for series in counted)
