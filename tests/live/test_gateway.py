"""What a real Envoy counts, read as the promotion reads it: each failure once, at the right arm."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from serving.inference import parse_metrics
from serving.observability.dialect import GRPC_FAILURES
from serving.promotion.arm import Side, measured
from serving.promotion.gateway import envoy
from serving.promotion.increments import Raw
from serving.promotion.measurement import Arm
from serving.promotion.scrape import Scrape
from serving.toolchain import locate
from tests.exporters import Exporters
from tests.unit.serving.contract.contracts import DIGITS, sound

pytestmark = pytest.mark.live


class Codes(BaseHTTPRequestHandler):
    """Answers with the status that the path names; `?slow` after 400 ms."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path, _, slow = self.path.partition("?")
        time.sleep(0.4 if slow else 0)
        self.send_response(int(path.rsplit("/", 1)[1]))
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Good(Codes):
    def do_GET(self) -> None:
        self.path = "/200"
        super().do_GET()


class Statuses(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """Ends with the status that the method names."""

    def service(self, details: Any) -> Any:
        code = int(details.method.rsplit("/", 1)[1])

        def answer(_: bytes, context: Any) -> bytes:
            if code:
                context.abort({each.value[0]: each for each in grpc.StatusCode}[code], "so asked")
            return b""

        return grpc.unary_unary_rpc_method_handler(answer)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def cluster(name: str, *ports: int, grpc_too: bool = False) -> dict[str, Any]:
    endpoints = [
        {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}}
        for port in ports
    ]
    found: dict[str, Any] = {
        "name": f"{name}-grpc" if grpc_too else name,
        "alt_stat_name": name,
        "connect_timeout": "1s",
        "track_cluster_stats": {"per_endpoint_stats": True},
        "circuit_breakers": {"thresholds": [{"max_retries": 200}]},
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
    }
    if grpc_too:
        kind = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
        found["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": kind, "explicit_http_config": {"http2_protocol_options": {}},
            }
        }  # fmt: skip
    return found


def arm(name: str, *members: str, suffix: str = "") -> dict[str, Any]:
    kind = "type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig"
    return {
        "name": name + suffix,
        "alt_stat_name": name,
        "connect_timeout": "1s",
        "lb_policy": "CLUSTER_PROVIDED",
        "circuit_breakers": {"thresholds": [{"max_retries": 200}]},
        "cluster_type": {
            "name": "envoy.clusters.aggregate",
            "typed_config": {"@type": kind, "clusters": [each + suffix for each in members]},
        },
    }


def config(admin: int, port: int, http: int, good: int, grpc_port: int) -> dict[str, Any]:
    extension = "type.googleapis.com/envoy.extensions"
    previous = f"{extension}.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig"
    retry = {
        "retry_on": "5xx",
        "num_retries": 1,
        "retry_priority": {
            "name": "envoy.retry_priorities.previous_priorities",
            "typed_config": {"@type": previous, "update_frequency": 1},
        },
    }
    mirror = [{"cluster": "mirrored-2-mirror"}]
    routes = [
        {"match": {"prefix": "/grpc"}, "route": {"cluster": "digits-2-grpc"}},
        {"match": {"prefix": "/dead"}, "route": {"cluster": "dead-2", "retry_policy": retry}},
        {"match": {"prefix": "/none"}, "route": {"cluster": "none-2"}},
        {"match": {"prefix": "/away"}, "route": {"cluster": "away-2"}},
        {
            "match": {"prefix": "/mirrored"},
            "route": {"cluster": "mirrored-1", "request_mirror_policies": mirror},
        },
        {"match": {"prefix": "/plain"}, "route": {"cluster": "digits-2"}},
        {"match": {"prefix": "/"}, "route": {"cluster": "digits-2", "retry_policy": retry}},
    ]
    manager = {
        "@type": f"{extension}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "gateway",
        "route_config": {"virtual_hosts": [{"name": "digits", "domains": ["*"], "routes": routes}]},
        "http_filters": [
            {
                "name": "grpc_stats",
                "typed_config": {"@type": f"{extension}.filters.http.grpc_stats.v3.FilterConfig"},
            },
            {
                "name": "router",
                "typed_config": {"@type": f"{extension}.filters.http.router.v3.Router"},
            },
        ],
    }

    def address(number: int) -> dict[str, Any]:
        return {"address": {"socket_address": {"address": "127.0.0.1", "port_value": number}}}

    return {
        "stats_flush_interval": "1s",
        "admin": address(admin),
        "static_resources": {
            "listeners": [
                {
                    **address(port),
                    "filter_chains": [
                        {"filters": [{"name": "manager", "typed_config": manager}]}
                    ],
                }
            ],
            "clusters": [
                cluster("digits-2-pods", http), cluster("digits-2-failover", good),
                arm("digits-2", "digits-2-pods", "digits-2-failover"),
                cluster("digits-2-pods", grpc_port, grpc_too=True),
                arm("digits-2", "digits-2-pods", suffix="-grpc"),
                cluster("dead-2-pods", 1), cluster("dead-2-failover", good),
                arm("dead-2", "dead-2-pods", "dead-2-failover"),
                cluster("none-2-pods"), arm("none-2", "none-2-pods"),
                cluster("away-2-pods"), cluster("away-2-failover", good),
                arm("away-2", "away-2-pods", "away-2-failover"),
                cluster("mirrored-1-pods", good), arm("mirrored-1", "mirrored-1-pods"),
                cluster("mirrored-2-mirror", http),
            ],
        },
    }  # fmt: skip


class Gateway:
    def __init__(self, admin: int, port: int) -> None:
        self.admin, self.port = admin, port
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10)
        self.grpc = grpc.insecure_channel(f"127.0.0.1:{port}")

    def get(self, path: str, times: int = 1) -> list[int]:
        return [self.http.get(path).status_code for _ in range(times)]

    def call(self, code: int) -> None:
        ended = self.grpc.unary_unary(f"/grpc/{code}").future(b"", timeout=10)
        assert ended.code().value[0] == code

    def samples(self, into: Exporters, at: float) -> None:
        text = httpx.get(f"http://127.0.0.1:{self.admin}/stats/prometheus").text
        for name, labels, value in parse_metrics(text):
            pod = {"pod": labels["envoy_endpoint_address"]} if "endpoint" in name else {}
            into.gauge(name, value, job="envoy", instance="gateway", **labels, **pod)
        into.scrape(at)

    def arm(self, model: str, act: Any, *, mirrored: bool = False) -> Arm:
        """What the arm's counters say about what `act` did."""
        contract = sound(DIGITS).model_copy(update={"name": model})
        side = Side.of(contract, 2, envoy, mirrored=mirrored)
        found = Exporters()
        self.samples(found, 0.0)
        act()
        time.sleep(0.1)  # Envoy counts after it has answered
        self.samples(found, 15.0)
        series: dict[str, tuple[Raw, ...]] = {s: found.select(s, 0, 15) for s in side.selectors}
        return measured(side, Scrape(series=series, since=0.0, until=15.0, interval=15.0))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("envoy")
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), kind) for kind in (Codes, Good)]
    threads = [threading.Thread(target=each.serve_forever, args=(0.05,)) for each in servers]
    for server, thread in zip(servers, threads, strict=True):
        server.daemon_threads = True
        thread.start()
    rpc = grpc.server(futures.ThreadPoolExecutor(2), handlers=[Statuses()])
    grpc_port = rpc.add_insecure_port("127.0.0.1:0")
    rpc.start()
    admin, port = free_port(), free_port()
    written = config(admin, port, servers[0].server_port, servers[1].server_port, grpc_port)
    (folder / "envoy.json").write_text(json.dumps(written))
    command = locate("envoy").command(
        "-c", str(folder / "envoy.json"), "--concurrency", "1", "--use-dynamic-base-id",
        "--log-level", "error",
    )  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        for _ in range(100):
            try:
                if httpx.get(f"http://127.0.0.1:{admin}/ready").status_code == 200:
                    break
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        else:
            raise AssertionError((folder / "log").read_text())
        found = Gateway(admin, port)
        with found.http, found.grpc:
            yield found
    finally:
        process.terminate()
        process.wait(10)
        rpc.stop(0)
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


def seen(arm: Arm) -> tuple[int, int]:
    return arm.counts.requests, arm.counts.errors


def test_a_failure_made_good_by_another_version_counts_once(gateway: Gateway) -> None:
    arm = gateway.arm("digits", lambda: gateway.get("/503", 5) + gateway.get("/200", 10))
    assert seen(arm) == (15, 5)
    (pod,) = (counts for counts in arm.pods.values() if counts.requests)
    assert (pod.requests, pod.errors) == (15, 5)


def test_a_failure_that_reaches_its_caller_counts_once(gateway: Gateway) -> None:
    assert seen(gateway.arm("digits", lambda: gateway.get("/plain/500", 4))) == (4, 4)


def test_what_callers_did_wrong_is_no_error(gateway: Gateway) -> None:
    wrong = ("/400", "/404", "/429")
    assert seen(gateway.arm("digits", lambda: [gateway.get(each) for each in wrong])) == (3, 0)


def test_a_server_that_is_gone_fails_every_request(gateway: Gateway) -> None:
    assert seen(gateway.arm("dead", lambda: gateway.get("/dead", 5))) == (5, 5)


@pytest.mark.parametrize("model", ["none", "away"])
def test_a_version_without_servers_fails_every_request(gateway: Gateway, model: str) -> None:
    assert seen(gateway.arm(model, lambda: gateway.get(f"/{model}", 5))) == (5, 5)


@pytest.mark.parametrize("code", range(17))
def test_each_grpc_status_counts_for_whom_it_blames(gateway: Gateway, code: int) -> None:
    assert seen(gateway.arm("digits", lambda: gateway.call(code))) == (
        1,
        int(code in GRPC_FAILURES),
    )


def test_mirrored_requests_count_only_where_they_are_asked_for(gateway: Gateway) -> None:
    def mirrored() -> None:
        gateway.get("/mirrored/500", 3)
        gateway.get("/mirrored/200", 4)

    assert seen(gateway.arm("mirrored", mirrored, mirrored=True)) == (7, 3)
    assert seen(gateway.arm("mirrored", mirrored)) == (0, 0)


def test_latency_is_counted_at_the_next_flush(gateway: Gateway) -> None:
    def slow() -> None:
        gateway.get("/200?slow", 3)
        gateway.get("/200", 10)
        time.sleep(1.5)

    arm = gateway.arm("digits", slow)
    edges = sound(DIGITS).observability.latency_edges_ms
    slower = dict(zip(edges, arm.counts.slower, strict=True))
    assert (slower[250.0], slower[1000.0]) == (3, 0)
