"""A real Envoy on the documents of `serving.gateway`."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import httpx

from serving.contract.model import ModelContract
from serving.gateway.bootstrap import bootstrap
from serving.gateway.clusters import clusters
from serving.gateway.documents import BOOTSTRAP, CLUSTERS, LISTENERS, ROUTES, Document
from serving.gateway.listeners import listeners
from serving.gateway.routes import routes
from serving.gateway.table import Gateway, Served
from serving.inference import Sample, parse_metrics
from serving.observability.edges import histogram_edges
from serving.settings import Release
from serving.stacks.local.issuer import AUDIENCE, ISSUER, Issuer
from serving.tenancy import Quota, Tenant
from serving.toolchain import locate
from tests.live.upstreams import Upstream
from tests.unit.serving.contract.contracts import DIGITS, sound, with_change

INFER = "/v2/models/{}/infer"
SERVICE = "/inference.GRPCInferenceService"
SECONDS = 15.0

Headers = Mapping[str, str] | Sequence[tuple[str, str]]


def tenant(name: str, per_second: float = 100_000) -> Tenant:
    return Tenant(
        name=name, team=name, contacts=("a@example.com",), monthly_budget_usd=1,
        quota=Quota(models=9, cpu=1000, memory=1 << 40), requests_per_second=per_second,
    )  # fmt: skip


def model(name: str = "digits", tenant: str = "vision", **rollout: Any) -> ModelContract:
    text = DIGITS.replace("tenant: vision", f"tenant: {tenant}").replace("digits", name)
    return sound(with_change(text, "slo:", f"rollout: {json.dumps(rollout)}\nslo:"))


def served(contract: ModelContract, upstreams: Iterable[Upstream], **release: Any) -> Served:
    """Upstreams are called `<model>-<version>-<replica>`."""
    servers: dict[int, list[Any]] = {}
    for one in upstreams:
        name, version, _ = one.name.rsplit("-", 2)
        if name == contract.name:
            servers.setdefault(int(version), []).append(one.server)
    return Served(contract=contract, release=Release(**release), servers=servers)


class Envoy:
    def __init__(self, gateway: Gateway, issuer: Issuer) -> None:
        self.folder, self.gateway, self.issuer = Path(gateway.folder), gateway, issuer
        self.admin = f"http://127.0.0.1:{gateway.admin_port}"
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{gateway.port}", timeout=SECONDS)
        self._asked = httpx.Client(base_url=self.admin)
        self._channels: dict[str, Any] = {}
        self._tokens: dict[tuple[str, bool], str] = {}

    def write(self, name: str, document: Document | str) -> None:
        text = document if isinstance(document, str) else json.dumps(document)
        aside = self.folder / f".{name}.aside"
        aside.write_text(text)
        aside.rename(self.folder / name)

    def write_all(self) -> None:
        self.write(BOOTSTRAP, bootstrap(self.gateway))
        self.write(LISTENERS, listeners(self.gateway))
        self.write(CLUSTERS, clusters(self.gateway))
        self.write(ROUTES, routes(self.gateway))

    def put(self, new: Served) -> None:
        """In force when it returns."""
        models = [new if one.name == new.name else one for one in self.gateway.served]
        self.gateway = replace(self.gateway, served=models)
        self.settle(CLUSTERS, clusters(self.gateway), "cluster_manager.cds")
        self.settle(ROUTES, routes(self.gateway), "http.gateway.rds.gateway")

    def settle(self, name: str, document: Document, api: str) -> None:
        self.write(name, document)
        version = f'{api}.version_text: "{document["version_info"]}"'

        def in_force() -> bool:
            said = self._asked.get("/stats", params={"filter": r"version_text"}).text
            return version in said.splitlines() and not self.stat("cluster_manager.warming_.*")

        until(in_force)

    def stat(self, pattern: str) -> int:
        """The sum of counters and gauges."""
        text = self._asked.get("/stats", params={"filter": f"^{pattern}$"}).text
        return sum(int(line.rpartition(": ")[2]) for line in text.splitlines())

    def metrics(self, model: str) -> list[Sample]:
        """Of the model's clusters."""
        only = {"filter": rf"^cluster\.{model}-"}
        return parse_metrics(self._asked.get("/stats/prometheus", params=only).text)

    def token(self, tenant: str = "vision", *, pin: bool = False) -> str:
        """The same one again."""
        key = (tenant, pin)
        if key not in self._tokens:
            self._tokens[key] = self.issuer.issue(tenant, "a caller", 3600, pin=pin)
        return self._tokens[key]

    def post(
        self,
        model: str = "digits",
        *,
        path: str | None = None,
        token: str | None = None,
        headers: Headers = (),
        method: str = "POST",
        content: bytes | Iterator[bytes] = b"{}",
    ) -> httpx.Response:
        more = list(headers.items() if isinstance(headers, Mapping) else headers)
        bearer = self.token() if token is None else token
        mine = [("host", f"{model}.localhost"), ("authorization", f"Bearer {bearer}")]
        return self.http.request(
            method, path or INFER.format(model), headers=[*mine, *more], content=content
        )

    def call(
        self,
        model: str = "digits",
        method: str = "ModelInfer",
        *,
        token: str | None = None,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> Any:
        """The call, ended."""
        bearer = self.token() if token is None else token
        rpc = self.channel(model).unary_unary(f"{SERVICE}/{method}")
        given = [("authorization", f"Bearer {bearer}"), *metadata]
        ended = rpc.future(b"{}", metadata=given, timeout=SECONDS)
        ended.code()
        return ended

    def channel(self, model: str) -> Any:
        if model not in self._channels:
            options = [("grpc.default_authority", f"{model}.localhost")]
            address = f"127.0.0.1:{self.gateway.port}"
            self._channels[model] = grpc.insecure_channel(address, options)
        return self._channels[model]

    def raw(self, *lines: str, body: bytes = b"") -> int:
        """The status that a request gets which no client library would send; 0: none."""
        head = "\r\n".join([*lines, "connection: close", "", ""]).encode("latin-1")
        with socket.create_connection(("127.0.0.1", self.gateway.port), timeout=SECONDS) as one:
            one.sendall(head + body)
            answer = b""
            while b"\r\n" not in answer and (part := one.recv(4096)):
                answer += part
        return int(answer.split()[1]) if answer else 0

    def close(self) -> None:
        self.http.close()
        self._asked.close()
        for channel in self._channels.values():
            channel.close()


def version_of(answer: Any) -> str | None:
    """Of an HTTP answer or an ended call: what the gateway says served it."""
    if isinstance(answer, httpx.Response):
        return answer.headers.get("x-served-version")
    return dict(answer.initial_metadata()).get("x-served-version")


def until(done: Callable[[], bool], seconds: float = SECONDS) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def running(
    folder: Path, models: Sequence[Served], *tenants: Tenant, **changes: Any
) -> Iterator[Envoy]:
    """Of the gateway itself, `changes` say what is otherwise."""
    issuer = Issuer(folder / "keys")
    gateway = Gateway(
        port=free_port(), admin_port=free_port(), served=models,
        tenants={one.name: one for one in tenants}, issuer=ISSUER, audience=AUDIENCE,
        jwks=issuer.jwks, edges=histogram_edges(one.contract for one in models),
        folder=str(folder), access_log=str(folder / "access.log"),
    )  # fmt: skip
    envoy = Envoy(replace(gateway, **changes), issuer)
    envoy.write_all()
    command = locate("envoy").command(
        "-c", str(folder / BOOTSTRAP), "--concurrency", "1", "--use-dynamic-base-id",
        "--log-level", "warning", "--file-flush-interval-msec", "50",
    )  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until(lambda: process.poll() is not None or _ready(envoy))
        assert process.poll() is None, (folder / "log").read_text()
        yield envoy
    finally:
        process.terminate()
        process.wait(10)
        envoy.close()


def _ready(envoy: Envoy) -> bool:
    try:
        if httpx.get(f"{envoy.admin}/ready").status_code != 200:
            return False
        with socket.create_connection(("127.0.0.1", envoy.gateway.port)):
            return True
    except (httpx.HTTPError, OSError):
        return False
