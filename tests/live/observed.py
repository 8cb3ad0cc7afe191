"""A local stack under a load whose every request is known, and what its Prometheus makes of it."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx

from serving.demo.sending import sending
from serving.load import Load, read
from serving.observability.edges import histogram_edges
from serving.observability.versions import PENDING
from serving.stacks.local.issuer import Issuer
from serving.stacks.local.place import GATEWAY
from serving.stacks.local.status import addresses
from tests.live.stacks import LocalStack

PATIENCE_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.5
SETTLED_SECONDS: Final = 3.0
"""After a request Envoy has flushed it and Prometheus has scraped it."""

_SELECTOR: Final = re.compile(r"[a-zA-Z_:][\w:]*\{[^{}]*\}|\{[^{}]*\}")


class Measured(NamedTuple):
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Metrics:
    """Of the stack's own Prometheus."""

    url: str

    @classmethod
    def of(cls, stack: LocalStack) -> Metrics:
        return cls(addresses(stack.place).prometheus)

    def found(self, query: str) -> list[Measured]:
        answer = self._got("query", query=query)
        return [Measured(one["metric"], float(one["value"][1])) for one in answer["result"]]

    def value(self, query: str) -> float:
        (one,) = self.found(query)
        return one.value

    def by_version(self, name: str, model: str) -> Mapping[int, float]:
        found = self.found(f'{name}{{model="{model}"}}')
        return {int(one.labels["version"]): one.value for one in found}

    def rules(self) -> list[Mapping[str, Any]]:
        """As they were loaded: recording rules and alerts."""
        return [rule for group in self._got("rules")["groups"] for rule in group["rules"]]

    def exists(self, selector: str) -> bool:
        return bool(self._got("series", **{"match[]": selector}))

    def firing(self, model: str) -> set[str]:
        found = self.found(f'ALERTS{{alertstate="firing",model="{model}"}}')
        return {one.labels["alertname"] for one in found}

    def recorded_after(self, at: float, model: str) -> None:
        """Waits until the rules have been evaluated on what was scraped by then."""
        last = f'timestamp({PENDING}{{model="{model}"}})'  # in the order of the file

        def reached() -> bool:
            return min((one.value for one in self.found(last)), default=0.0) > at

        until(reached, "no rule is evaluated any more")

    def _got(self, what: str, **parameters: str) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{what}", params=parameters).json()
        assert answer["status"] == "success", answer
        return answer["data"]


def until(reached: Callable[[], bool], otherwise: str, seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, otherwise
        time.sleep(POLL_SECONDS)


def selectors(expressions: Iterable[str]) -> set[str]:
    return {selector for one in expressions for selector in _SELECTOR.findall(one)}


def publish(
    stack: LocalStack, source: Path, folder: Path, version: int, *,
    model: str, faults: Mapping[str, Any] | None = None, more: str = "",
) -> None:  # fmt: skip
    """A copy of `source` with other faults, and with more at the end of its program."""
    to = folder / "versions" / model / str(version)
    shutil.copytree(source, to)
    if faults:
        (to / "faults.json").write_text(json.dumps(faults))
    for program in to.rglob("model.py"):
        program.write_text(f"{program.read_text()}\n{more}\n")
    stack.publish(model, to.parents[1], version)


def token(stack: LocalStack, tenant: str) -> str:
    return Issuer(stack.place.keys).issue(tenant, "tests", 3600)


@contextmanager
def loaded(
    stack: LocalStack, built: Path, to: Path, rates: Mapping[str, float], tenants: Mapping[str, str]
) -> Iterator[None]:
    """Half over HTTP, half over gRPC; the record is whole when it is over."""
    tokens = {model: token(stack, tenants[model]) for model in rates}
    with sending(addresses(stack.place).gateway, rates, tokens, built, to):
        yield


def load(
    stack: LocalStack, built: Path, to: Path, rates: Mapping[str, float],
    tenants: Mapping[str, str], seconds: float,
) -> Load:  # fmt: skip
    """For so many seconds; it is over, scraped and recorded when this returns."""
    with loaded(stack, built, to, rates, tenants):
        time.sleep(seconds)
    metrics, ended = Metrics.of(stack), time.time()
    for model in rates:
        metrics.recorded_after(ended + SETTLED_SECONDS, model)
    return read(to)


def access_log(stack: LocalStack) -> list[Mapping[str, Any]]:
    """As far as Envoy has written it, which it does each ten seconds."""
    lines = stack.place.log(GATEWAY).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def triples(lines: Sequence[Mapping[str, Any]]) -> Counter[tuple[str, str, str]]:
    """Inferences by model, version and tenant."""
    return Counter(
        (line["model"], line["version"], line["tenant"])
        for line in lines
        if line["call"] in ("infer", "ModelInfer")
    )


@dataclass(frozen=True)
class Buckets:
    """Of every latency histogram of the gateway."""

    edges: Sequence[float]

    @classmethod
    def of(cls, stack: LocalStack) -> Buckets:
        return cls(histogram_edges(stack.project.catalog().models.values()))

    def below(self, ms: float) -> float:
        return max((edge for edge in self.edges if edge < ms), default=0.0)

    def above(self, ms: float) -> float:
        return min((edge for edge in self.edges if edge >= ms), default=inf)
