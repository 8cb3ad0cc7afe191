"""Who gets in at a real Envoy, and with what: nothing else reaches a server."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pytest

from tests.live.envoys import SERVICE, Envoy, model, running, served, tenant
from tests.live.forgeries import FORGERIES, signed
from tests.live.upstreams import Upstream, upstreams

pytestmark = pytest.mark.live

LIMIT = 20
"""Requests a second."""
PIN_CLAIM = {"x-pin": "true", "x-jwt-pin": "true", "x-claim-pin": "true"}


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Upstream]]:
    with upstreams("digits-1-0", "digits-2-0", "offers-1-0", "busy-1-0", "calm-1-0") as running:
        yield running


@pytest.fixture(scope="module")
def envoy(
    servers: dict[str, Upstream], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Envoy]:
    models = [
        served(model(), servers.values(), stable=1, canary=2),
        served(model("offers", "shop"), servers.values(), stable=1),
        served(model("busy", "loud"), servers.values(), stable=1),
        served(model("calm", "quiet"), servers.values(), stable=1),
    ]
    tenants = [tenant("vision"), tenant("shop"), tenant("loud", LIMIT), tenant("quiet", LIMIT)]
    with running(tmp_path_factory.mktemp("envoy"), models, *tenants) as found:
        yield found


@pytest.fixture
def untouched(servers: dict[str, Upstream]) -> Iterator[None]:
    """No server sees anything of what the test does."""
    before = {name: len(server.requests) for name, server in servers.items()}
    yield
    time.sleep(0.02)
    assert {name: len(server.requests) for name, server in servers.items()} == before


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("kind", FORGERIES)
def test_a_token_that_is_not_ours_reaches_nobody(envoy: Envoy, kind: str) -> None:
    forged = FORGERIES[kind](envoy.issuer._key)
    answer = envoy.post(token=forged)
    assert answer.status_code == 401
    assert answer.json()["error"].endswith("send a valid token: authorization: Bearer <token>")
    assert envoy.call(token=forged).code() == grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.usefixtures("untouched")
def test_a_token_in_another_place_is_none(envoy: Envoy) -> None:
    token, host = envoy.token(), {"host": "digits.localhost"}
    for headers, query in (
        ({}, f"?access_token={token}"),
        ({"cookie": f"access_token={token}"}, ""),
        ({"authorization": f"Basic {token}"}, ""),
        ({"x-authorization": f"Bearer {token}"}, ""),
        ({"proxy-authorization": f"Bearer {token}"}, ""),
    ):
        answer = envoy.http.post(f"/v2/models/digits/infer{query}", headers=host | headers)
        assert answer.status_code == 401


@pytest.mark.usefixtures("untouched")
def test_a_token_that_has_expired_is_refused_although_it_was_known(envoy: Envoy) -> None:
    token = signed(envoy.issuer._key, exp=int(time.time()) - 8)  # clocks may differ by 10 s
    assert envoy.post(path="/v2/none", token=token).status_code == 404
    time.sleep(3)
    assert envoy.post(path="/v2/none", token=token).status_code == 401


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("claim", [None, "", "shop", "VISION", "vision ", ["vision"], 1, True])
def test_another_tenant_may_not_ask_the_model(envoy: Envoy, claim: Any) -> None:
    token = signed(envoy.issuer._key, tenant=claim)
    answer = envoy.post(token=token)
    assert answer.status_code == 403
    assert answer.json() == {"error": "the tenant of this token may not ask this model"}
    call = envoy.call(token=token)
    assert call.code() == grpc.StatusCode.PERMISSION_DENIED
    assert call.details() == "the tenant of this token may not ask this model"


SPELLINGS: list[tuple[str, ...]] = [
    ("x-tenant: shop",),
    ("X-Tenant: shop",),
    ("X-TENANT: shop",),
    ("x-tenant: vision", "x-tenant: shop"),
    ("x-tenant:shop",),
    ("x-tenant: shop, vision",),
    ("x-tenant-id: shop",),
    ("X-Tenant-Name: shop",),
    ("x-tenants: shop",),
    ("x_tenant: shop",),
    ("X_TENANT: shop",),
    ("x-tenant : shop",),
    (" x-tenant: shop",),
    ("connection: x-tenant", "x-tenant: shop"),
    ("x-forwarded-tenant: shop",),
    ("x-envoy-original-path: /", "x-envoy-tenant: shop"),
]


@pytest.mark.parametrize("spelled", SPELLINGS, ids=" | ".join)
def test_a_forged_tenant_has_no_effect(
    envoy: Envoy, servers: dict[str, Upstream], spelled: tuple[str, ...]
) -> None:
    """Neither at the server, nor for what the caller may ask."""
    server = servers["digits-1-0"]
    before = len(server.requests)
    mine = (f"authorization: Bearer {envoy.token()}", "content-length: 0", *spelled)
    status = envoy.raw("POST /v2/models/digits/infer HTTP/1.1", "host: digits.localhost", *mine)
    other = envoy.raw("POST /v2/models/offers/infer HTTP/1.1", "host: offers.localhost", *mine)
    assert (status, other) in {(200, 403), (400, 400)}
    for seen in server.requests[before:]:
        told = {key: value for key, value in seen.headers.items() if "tenant" in key}
        assert told == {"x-tenant": "vision"}
    assert not servers["offers-1-0"].requests


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_only_the_token_lets_a_caller_choose(envoy: Envoy, protocol: str) -> None:
    forged = {"x-model-version": "2", **PIN_CLAIM}
    answer: Any
    if protocol == "http":
        answer = envoy.post(headers=forged)
        assert answer.json() == {"from": "digits-1-0"}
    else:
        assert envoy.call(metadata=tuple(forged.items())).result() == b"digits-1-0"


def test_headers_that_steer_a_gateway_are_a_callers_no_more(
    envoy: Envoy, servers: dict[str, Upstream]
) -> None:
    steering = {
        "x-envoy-upstream-rq-timeout-ms": "1", "x-envoy-retry-on": "5xx",
        "x-envoy-max-retries": "9", "x-envoy-upstream-alt-stat-name": "b",
        "x-forwarded-host": "offers.localhost", "x-forwarded-proto": "https",
        "triton-grpc-protocol-admin-key": "k", "x-served-version": "7", "forwarded": "for=1.2.3.4",
    }  # fmt: skip
    servers["digits-1-0"].delay = 0.05
    answer = envoy.post(headers=steering)
    servers["digits-1-0"].delay = 0.0
    assert (answer.status_code, answer.headers.get_list("x-served-version")) == (200, ["1"])
    headers = servers["digits-1-0"].requests[-1].headers
    assert steering.keys() & headers.keys() == {"x-forwarded-proto"}
    assert headers["x-forwarded-proto"] == "http"


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "line",
    [
        "GET /v2", "GET /v2/health/live", "GET /v2/health/ready", "GET /metrics", "GET /",
        "GET /v2/models/digits/config", "GET /v2/models/digits/stats", "GET /v2/models/stats",
        "POST /v2/repository/index", "POST /v2/repository/models/digits/load",
        "POST /v2/repository/models/digits/unload", "POST /v2/trace/setting", "POST /v2/logging",
        "POST /v2/systemsharedmemory/region/a/register", "GET /v2/cudasharedmemory/status",
        "POST /v2/models/digits/versions/2/infer", "GET /v2/models/digits/versions/2/ready",
        "POST /v2/models/offers/infer", "POST /v2/models/digits/generate",
        "GET /v2/models/digits/infer", "PUT /v2/models/digits/infer", "DELETE /v2/models/digits",
        "OPTIONS /v2/models/digits/infer", "OPTIONS *", "TRACE /v2/models/digits/infer",
        "POST /V2/models/digits/infer", "POST /v2/models/DIGITS/infer",
        "POST /v2/models/digits/infer/", "POST /v2/models/digits/infer;a=b",
        "POST /v2/models/digits/infer%00", "POST /v2/models/digits/infer%20",
        "POST /v2%2fmodels/digits/infer", "POST /v2/models%5cdigits/infer",
        "POST /v2/models/digits/..%2f..%2frepository/index",
        "POST /v2/models/digits/../../repository/index",
        "POST /v2/models/digits/infer/../../../repository/models/digits/unload",
        "POST /v2/./repository/./index", "POST //v2//repository//index",
        "POST /v2/models/digits/%2e%2e/%2e%2e/repository/index",
        "POST /v2/models/digits/infer/..;/../repository/index",
        "CONNECT digits.localhost:80", "POST /inference.GRPCInferenceService/ModelInfer",
        "POST /inference.GRPCInferenceService/RepositoryIndex",
    ],
)  # fmt: skip
def test_no_path_but_the_offered_ones_reaches_a_server(envoy: Envoy, line: str) -> None:
    status = envoy.raw(
        f"{line} HTTP/1.1", "host: digits.localhost", "content-length: 0",
        f"authorization: Bearer {envoy.token()}",
    )  # fmt: skip
    assert status in (400, 403, 404)


@pytest.mark.parametrize(
    "path",
    [
        "//v2//models/digits//infer", "/v2/./models/digits/infer", "/v2/models/x/../digits/infer",
        "/v2/models/digits/%69nfer", "/v2/models/digits/infer?a=b", "/v2/models/%2e/digits/infer",
    ],
)  # fmt: skip
def test_what_reaches_a_server_is_the_path_that_was_meant(
    envoy: Envoy, servers: dict[str, Upstream], path: str
) -> None:
    lines = ("host: digits.localhost:1234", f"authorization: Bearer {envoy.token()}")
    assert envoy.raw(f"POST {path} HTTP/1.1", *lines, "content-length: 0") == 200
    assert servers["digits-1-0"].requests[-1].path.partition("?")[0] == "/v2/models/digits/infer"


def test_a_version_in_the_path_is_refused_with_what_to_do(envoy: Envoy) -> None:
    answer = envoy.post(path="/v2/models/digits/versions/2/infer")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(
        "the gateway chooses the version of digits: ask without /versions/…"
    )


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "method",
    ["RepositoryIndex", "RepositoryModelLoad", "ModelConfig", "ModelStatistics", "TraceSetting",
     "LogSettings", "SystemSharedMemoryRegister", "ServerMetadata", "modelinfer"],
)  # fmt: skip
def test_no_grpc_method_but_the_offered_ones_reaches_a_server(envoy: Envoy, method: str) -> None:
    assert envoy.call(method=method).code() == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.usefixtures("untouched")
def test_other_hosts_are_no_models(envoy: Envoy) -> None:
    for host in ("other", "digits.localhost.evil", "digits", "digits-1", "", "*"):
        answer = envoy.http.post(
            "/v2/models/digits/infer",
            headers={"host": host, "authorization": f"Bearer {envoy.token()}"},
        )
        assert answer.status_code in (400, 404)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip", "GZIP"])
def test_compressed_requests_are_refused(envoy: Envoy, encoding: str) -> None:
    answer = envoy.post(headers={"content-encoding": encoding})
    assert answer.status_code == 415
    assert answer.json()["error"] == (
        "compressed requests are not taken: send it without content-encoding"
    )


@pytest.mark.usefixtures("untouched")
def test_compressed_calls_are_refused(envoy: Envoy) -> None:
    rpc = envoy.channel("digits").unary_unary(f"{SERVICE}/ModelInfer")
    call = rpc.future(
        b"{}" * 1000, metadata=[("authorization", f"Bearer {envoy.token()}")], timeout=5,
        compression=grpc.Compression.Gzip,
    )  # fmt: skip
    assert call.code() == grpc.StatusCode.UNKNOWN
    assert call.details() == "compressed requests are not taken: send it without grpc-encoding"


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_above_the_limit_is_refused(envoy: Envoy, chunked: bool) -> None:
    body = b"x" * (2 << 20)
    answer = envoy.post(content=iter([body]) if chunked else body)
    assert answer.status_code == 413
    assert answer.json() == {"error": "Payload Too Large"}


def test_a_body_below_the_limit_arrives_whole(envoy: Envoy, servers: dict[str, Upstream]) -> None:
    body = bytes(range(256)) * 4000
    assert envoy.post(content=body).status_code == 200
    assert servers["digits-1-0"].requests[-1].body == body


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("lines", "statuses"),
    [
        ([f"x-{number}: a" for number in range(200)], {431}),
        (["x-large: " + "a" * 100_000], {431}),
        (["transfer-encoding: chunked", "content-length: 3"], {400}),
        (["content-length: -1"], {400}),
        (["content-length: 1", "content-length: 2"], {400}),
        (["transfer-encoding: gzip"], {501, 400}),
        (["x-nul: a\0b"], {400}),
        (["no colon"], {400}),
        (["host: offers.localhost"], {400, 404}),
    ],
    ids=["many", "large", "two lengths", "negative", "unequal", "gzip", "nul", "no colon", "hosts"],
)
def test_malformed_requests_are_refused(envoy: Envoy, lines: list[str], statuses: set[int]) -> None:
    status = envoy.raw(
        "POST /v2/models/digits/infer HTTP/1.1", "host: digits.localhost",
        f"authorization: Bearer {envoy.token()}", *lines,
    )  # fmt: skip
    assert status in statuses


def test_only_the_tenant_above_its_limit_is_refused(envoy: Envoy) -> None:
    loud, quiet = envoy.token("loud"), envoy.token("quiet")
    answers: list[httpx.Response] = []
    others = Counter[int]()
    began = time.monotonic()
    for number in range(8 * LIMIT):
        answers.append(envoy.post("busy", token=loud))
        if number % 16 == 0:
            others[envoy.post("calm", token=quiet).status_code] += 1
    refilled = LIMIT * (time.monotonic() - began)
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses[429] + statuses[200] == 8 * LIMIT
    assert LIMIT <= statuses[200] <= 2 * LIMIT + refilled
    assert others == {200: 10}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["x-ratelimit-limit"].startswith(str(LIMIT))
    assert "too many requests of this tenant" in refused.json()["error"]
    codes = {envoy.call("busy", token=loud).code() for _ in range(3 * LIMIT)}
    assert grpc.StatusCode.RESOURCE_EXHAUSTED in codes
    time.sleep(1.1)
    assert envoy.post("busy", token=loud).status_code == 200


def test_what_is_refused_counts_too(envoy: Envoy) -> None:
    time.sleep(1.1)
    loud = envoy.token("loud")
    spent = [envoy.post("busy", path="/v2", token=loud).status_code for _ in range(3 * LIMIT)]
    assert set(spent) == {404, 429}
    assert 429 in {envoy.post("busy", token=loud).status_code for _ in range(3 * LIMIT)}
