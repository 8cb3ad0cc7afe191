"""Which requests a real Envoy traces, and what its servers hear of that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import grpc
import pytest

from serving.settings.local import Traces
from tests.live.collector import Collector, Span, collecting
from tests.live.envoys import Envoy, model, running, served, tenant, until
from tests.live.upstreams import Upstream, upstreams

pytestmark = pytest.mark.live

PERCENT = 25
CALLER = "00f067aa0ba902b7"
OTHERS = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture(scope="module")
def server() -> Iterator[Upstream]:
    with upstreams("digits-1-0") as running:
        yield running["digits-1-0"]


@pytest.fixture(scope="module")
def envoy(
    server: Upstream, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Envoy]:
    models = [served(model(), [server], stable=1)]
    traces = Traces(endpoint=collector.endpoint, sampling_percent=PERCENT)
    folder = tmp_path_factory.mktemp("envoy")
    with running(folder, models, tenant("vision"), traces=traces) as found:
        yield found


def ask(envoy: Envoy, protocol: str, **headers: str) -> None:
    if protocol == "http":
        assert envoy.post(headers=headers).status_code == 200
    else:
        assert envoy.call(metadata=tuple(headers.items())).code() == grpc.StatusCode.OK


def parent(trace: str, flag: str = "01") -> str:
    return f"00-{trace}-{CALLER}-{flag}"


def told(envoy: Envoy, collector: Collector, trace: str) -> Sequence[Span]:
    """Both spans of a request, the outer one first. Envoy sends five at once, or waits 5 s."""

    def there() -> bool:
        ask(envoy, "http", traceparent=parent(OTHERS))
        return len(collector.of(trace)) == 2

    until(there)
    return sorted(collector.of(trace), key=lambda span: span.parent != CALLER)


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_what_the_caller_traces_goes_on_as_his_trace(
    envoy: Envoy, server: Upstream, collector: Collector, protocol: str
) -> None:
    traces = {
        "http": "4bf92f3577b34da6a3ce929d0e0e4736", "grpc": "80f198ee56343ba864fe8b2a57d3eff7",
    }  # fmt: skip
    trace = traces[protocol]
    ask(envoy, protocol, traceparent=parent(trace), tracestate="a=b")
    seen = server.requests[-1].headers
    assert seen["tracestate"] == "a=b"
    outer, inner = told(envoy, collector, trace)
    assert (outer.service, inner.service) == ("gateway", "gateway")
    assert (outer.parent, inner.parent) == (CALLER, outer.id)
    assert seen["traceparent"] == f"00-{trace}-{inner.id}-01"


@pytest.mark.parametrize("protocol", ["http", "grpc"])
@pytest.mark.parametrize("given", [parent("4bf92f3577b34da6a3ce929d0e0e4737", "00"), "nonsense"])
def test_what_the_caller_does_not_trace_reaches_a_server_without_a_trace(
    envoy: Envoy, server: Upstream, protocol: str, given: str
) -> None:
    """A server would trace it."""
    ask(envoy, protocol, traceparent=given, tracestate="a=b")
    assert not {"traceparent", "tracestate"} & server.requests[-1].headers.keys()


def test_of_all_others_the_share_is_traced_and_told(
    envoy: Envoy, server: Upstream, collector: Collector
) -> None:
    """Chance alone misses this once in a million times."""
    before = len(server.requests)
    for _ in range(600):
        ask(envoy, "http")
    seen = [request.headers.get("traceparent") for request in server.requests[before:]]
    traces = {each.split("-")[1] for each in seen if each}
    assert 96 <= len(traces) <= 204
    until(lambda: traces <= {span.trace for span in collector.spans})


def test_neither_query_nor_token_is_told(envoy: Envoy, collector: Collector) -> None:
    trace = "5bf92f3577b34da6a3ce929d0e0e4738"
    path, headers = "/v2/models/digits/infer?name=Ada", {"traceparent": parent(trace)}
    assert envoy.post(path=path, headers=headers).status_code == 200
    spans = told(envoy, collector, trace)
    values = [value for span in spans for value in span.attributes.values()]
    assert "/v2/models/digits/infer" in values
    assert not any("Ada" in value or envoy.token() in value for value in values)


def test_a_collector_that_cannot_be_reached_harms_no_request(
    envoy: Envoy, collector: Collector
) -> None:
    collector.stop()
    for number in range(100):
        ask(envoy, "http", traceparent=parent(f"{number + 1:032x}"))
    assert envoy.stat(r"cluster\.traces\.upstream_cx_connect_fail") > 0
