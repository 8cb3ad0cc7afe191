from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from serving.gateway.clusters import clusters
from serving.gateway.filters import filters
from serving.gateway.listeners import listeners
from serving.gateway.table import Gateway
from serving.settings.local import Traces
from tests.contracts import contract
from tests.unit.serving.gateway.gateways import gateway, served

OFF = gateway(served(contract("scan"), stable=1))
ENDPOINT = "http://collector:4318/v1/traces"


def traced(percent: int = 10) -> Gateway:
    return replace(OFF, traces=Traces(endpoint=ENDPOINT, sampling_percent=percent))


def manager(of: Gateway) -> dict[str, Any]:
    (listener,) = listeners(of)["resources"]
    found: dict[str, Any] = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def test_without_the_setting_nothing_is_traced_and_no_trace_is_touched() -> None:
    assert "tracing" not in manager(OFF)
    text = json.dumps([listeners(OFF), clusters(OFF)])
    assert "traceparent" not in text
    assert "opentelemetry" not in text


def test_spans_go_where_the_setting_says() -> None:
    provider = manager(traced())["tracing"]["provider"]["typed_config"]
    uri = provider["http_service"]["http_uri"]
    assert (uri["uri"], uri["cluster"]) == (ENDPOINT, "traces")
    assert "traces" in {each["name"] for each in clusters(traced())["resources"]}


@pytest.mark.parametrize(
    ("percent", "drawn"), [(0, "0000"), (1, "028f"), (10, "199a"), (50, "8000"), (100, "g")]
)
def test_the_share_is_drawn_by_the_first_digits_of_a_random_number(
    percent: int, drawn: str
) -> None:
    choice = json.dumps(manager(traced(percent))["early_header_mutation_extensions"][1])
    assert f"request.headers['x-draw'] < '{drawn}'" in choice


def test_a_request_is_chosen_after_the_headers_of_the_caller_were_dropped() -> None:
    first, second = manager(traced())["early_header_mutation_extensions"]
    assert "remove_on_match" in json.dumps(first)
    assert "traceparent" in json.dumps(second)


def test_a_context_is_withheld_last_so_that_a_refusal_is_logged_with_it() -> None:
    assert [one["name"].rsplit(".", 1)[1] for one in filters(traced())][-2:] == [
        "header_mutation", "router",
    ]  # fmt: skip
