"""What the platform says of its traffic is what callers met: on a whole stack, under load."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import pytest
from tritonclient import grpc
from tritonclient.utils import InferenceServerException

from serving.contract.synthetic import synthetic_request
from serving.load import Load, Tally
from serving.load.tally import quantile, tallied
from serving.observability.versions import (
    ERRORS,
    EXECUTED,
    FAILED,
    QUANTILES,
    QUEUE,
    REQUESTS,
    WAITED,
)
from serving.promotion.arm import Side
from serving.promotion.gateway import envoy
from serving.stacks.local.place import GATEWAY
from serving.stacks.local.status import addresses, processes
from tests.live.observed import (
    Buckets,
    Metrics,
    access_log,
    load,
    publish,
    selectors,
    token,
    triples,
    until,
)
from tests.live.stacks import LocalStack, local_stack

pytestmark = pytest.mark.live

TENANTS: Final = {"digits": "vision", "tickets": "language"}
RATES: Final = {"digits": 60.0, "tickets": 20.0}
SECONDS: Final = 20.0
GOOD, FAILING = 1, 2
DELAY_MS: Final = 70
FAULTS: Final = {GOOD: {"delay_ms": 30}, FAILING: {"delay_ms": DELAY_MS, "failing_share": 0.1}}
"""Of digits."""
RELEASES: Final = {
    "digits": {"stable": FAILING, "canary": GOOD, "weight": 20},
    "tickets": {"stable": 1},
}
COUNTED: Final = {
    (model, version): '{__name__=~"envoy_cluster_endpoint_rq_(success|error)",'
    f'envoy_cluster_name="{model}-{version}-pods"}}'
    for model, version in (("digits", GOOD), ("digits", FAILING), ("tickets", 1))
}
"""Where Envoy counts the requests of a version."""
INTRUDER_ASKS: Final = 5

RANKS: Final = 0.03
"""The log and the histogram are written by different clocks of the gateway."""
ROUNDED_MS: Final = 1.0
INCREASE: Final = 0.05
"""By so much `increase` may be off: it extends what it saw to both ends of its window."""

GATES: Final = "a promotion reads it where there are GPUs, or Kubernetes"
FIRST: Final = "Envoy makes it with the first such answer"
ABSENT: Final[Mapping[str, str]] = {
    "envoy_cluster_grpc_2": FIRST,
    "envoy_cluster_grpc_4": FIRST,
    "envoy_cluster_grpc_8": FIRST,
    "envoy_cluster_grpc_12": FIRST,
    "envoy_cluster_grpc_14": FIRST,
    "envoy_cluster_grpc_15": FIRST,
    "nv_gpu_memory_used_bytes": GATES,
    "nv_gpu_memory_total_bytes": GATES,
    "nv_gpu_utilization": GATES,
    "DCGM_FI_DEV_XID_ERRORS": GATES,
    "kube_pod_container_status_restarts_total": GATES,
    "kube_pod_container_status_last_terminated_reason": GATES,
}
"""What nobody exports here, and why."""
PROMQL: Final = {
    "sum", "max", "by", "on", "or", "and", "unless", "rate", "increase", "vector",
    "histogram_quantile", "label_replace", "version", "le", "part",
}  # fmt: skip
"""All other words of the rules are names of series."""

EMAIL, CARD = "planted.person@example.org", "4012 8888 8888 1881"
TRACE: Final = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
"""Its like is logged, so whoever looks for it finds it."""


@dataclass(frozen=True)
class Observed:
    stack: LocalStack
    folder: Path
    load: Load
    recorded: Mapping[str, Mapping[str, Mapping[int, float]]]
    """By record, model and version, as soon as the load was over."""
    counters: Mapping[tuple[str, int], float]
    """Requests by model and version, as Envoy has counted them."""
    log: Sequence[Mapping[str, Any]]
    """The gateway's access log of that time."""
    firing: Mapping[str, set[str]]

    @property
    def metrics(self) -> Metrics:
        return Metrics.of(self.stack)

    @property
    def tallies(self) -> Mapping[tuple[str, int], Tally]:
        """As the client counted, by model and version."""
        whole = tallied(self.load.requests, float("inf"))
        return {(slot.model, slot.version): whole[slot] for slot in whole if slot.version}

    def at_gateway(self, model: str, version: int) -> list[float]:
        """Milliseconds of each request, as its access log has them."""
        lines = (line for line in self.log if line["model"] == model)
        return [float(line["duration_ms"]) for line in lines if line["version"] == str(version)]


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Iterator[Observed]:
    """The stable version of digits is slow and fails; what takes over for it is itself."""
    folder = tmp_path_factory.mktemp("observed")
    with pytest.MonkeyPatch.context() as environment, local_stack(folder) as stack:
        environment.setenv("SERVING_STATE", str(folder))
        stack.publish("tickets", built, 1)
        for version, faults in FAULTS.items():
            publish(stack, built / "digits" / "2", folder, version, model="digits", faults=faults)
        stack.configure(releases=RELEASES)
        stack.up()
        metrics = Metrics.of(stack)
        until(lambda: all(map(metrics.exists, COUNTED.values())), "nothing is scraped")
        intrude(stack)
        sent = load(stack, built, folder / "load.jsonl", RATES, TENANTS, SECONDS)
        lines = INTRUDER_ASKS + len(sent.requests)
        until(lambda: triples(access_log(stack)).total() >= lines, "the log lacks requests")
        yield Observed(
            stack=stack,
            folder=folder,
            load=sent,
            recorded={
                name: {model: metrics.by_version(name, model) for model in RATES}
                for name in (REQUESTS, FAILED, ERRORS, WAITED, EXECUTED, QUEUE, *QUANTILES)
            },
            counters={of: metrics.value(f"sum({counter})") for of, counter in COUNTED.items()},
            log=access_log(stack),
            firing={model: metrics.firing(model) for model in RATES},
        )


def intrude(stack: LocalStack) -> None:
    """A tenant asks for another one's model."""
    for _ in range(INTRUDER_ASKS):
        assert asked(stack, "tickets", token(stack, "vision")).status_code == 403


def asked(stack: LocalStack, model: str, bearer: str) -> httpx.Response:
    request = synthetic_request(stack.project.catalog().models[model])
    assert request is not None
    return httpx.post(
        f"http://{addresses(stack.place).gateway}{request.path}",
        content=request.body,
        headers={"host": f"{model}.localhost", "authorization": f"Bearer {bearer}"},
        timeout=20,
    )


def test_the_load_met_both_versions_of_one_model(observed: Observed) -> None:
    """Or else nothing below says anything."""
    tallies = observed.tallies
    assert tallies.keys() == COUNTED.keys()
    assert sum(tally.requests for tally in tallies.values()) == len(observed.load.requests)
    assert all(tally.requests > 100 for tally in tallies.values())
    assert 0.05 < errors(tallies["digits", FAILING]) < 0.2
    assert errors(tallies["digits", GOOD]) == errors(tallies["tickets", 1]) == 0


def errors(tally: Tally) -> float:
    return tally.outcomes["error"] / tally.requests


def test_requests_are_counted_by_version(observed: Observed) -> None:
    """OBS-10."""
    for (model, version), tally in observed.tallies.items():
        assert observed.counters[model, version] == tally.requests
        recorded = observed.recorded[REQUESTS][model][version]
        assert recorded == pytest.approx(tally.requests, rel=INCREASE)
        executed = observed.recorded[EXECUTED][model][version]
        assert executed > (1 - INCREASE) * (tally.requests - tally.outcomes["error"])


def test_the_share_of_errors_is_what_callers_got(observed: Observed) -> None:
    """OBS-9."""
    for (model, version), tally in observed.tallies.items():
        recorded = observed.recorded[ERRORS][model][version]
        assert recorded == pytest.approx(errors(tally), abs=0.01)
        failed = observed.recorded[FAILED][model][version]
        assert failed == pytest.approx(tally.outcomes["error"], rel=INCREASE, abs=0.5)


@pytest.mark.parametrize("record", QUANTILES)
def test_a_quantile_is_what_callers_waited_for_as_far_as_buckets_tell(
    observed: Observed, record: str
) -> None:
    """OBS-4, OBS-5."""
    share, buckets = QUANTILES[record], Buckets.of(observed.stack)
    for (model, version), tally in observed.tallies.items():
        recorded = observed.recorded[record][model][version]
        client, at_gateway = tally.answered_ms, observed.at_gateway(model, version)
        assert recorded <= buckets.above(of(client, share))
        # not below what it took at the gateway, or a client that waited for a processor would do
        assert recorded >= buckets.below(of(at_gateway, share - RANKS))


def of(latencies: Sequence[float], share: float) -> float:
    found = quantile(latencies, share)
    assert found is not None
    return found


def test_no_client_waited_less_than_the_gateway_says(observed: Observed) -> None:
    """So that both speak of the same requests."""
    for (model, version), tally in observed.tallies.items():
        pairs = zip(
            sorted(observed.at_gateway(model, version)), sorted(tally.answered_ms), strict=True
        )
        assert all(at_gateway <= client + ROUNDED_MS for at_gateway, client in pairs)


def test_a_slow_version_has_the_longer_queue(observed: Observed) -> None:
    """OBS-7."""
    recorded = observed.recorded
    for (model, version), tally in observed.tallies.items():
        mean = recorded[QUEUE][model][version]
        slowest = tally.ms(1)
        assert slowest is not None
        assert 0 < mean < slowest
        whole = recorded[WAITED][model][version] / recorded[EXECUTED][model][version]
        assert mean == pytest.approx(whole, rel=0.01)
    assert recorded[QUEUE]["digits"][FAILING] > 2 * recorded[QUEUE]["digits"][GOOD]
    # most come while an execution is under way, and wait for half of it on average
    assert recorded[QUEUE]["digits"][FAILING] > DELAY_MS / 4


def test_model_version_and_tenant_are_known_of_every_request(observed: Observed) -> None:
    """OBS-11: in the log by the verified token, in what is recorded by the owner's name."""
    told = Counter(
        {
            (model, str(version), TENANTS[model]): tally.requests
            for (model, version), tally in observed.tallies.items()
        }
    )
    refused = Counter({("tickets", None, "vision"): INTRUDER_ASKS})
    assert triples(observed.log) == told + refused
    found = observed.metrics.found(REQUESTS)
    assert {
        (one.labels["model"], one.labels["version"], one.labels["tenant"]) for one in found
    } == set(told)


def test_alerts_fire_for_the_model_whose_promises_are_broken_and_for_no_other(
    observed: Observed,
) -> None:
    """OBS-6."""
    assert {"ErrorBudgetBurnsFast", "LatencyBudgetBurnsFast"} <= observed.firing["digits"]
    assert not any(name.startswith("Error") for name in observed.firing["tickets"])


@pytest.fixture(scope="module")
def planted(observed: Observed) -> Observed:
    """Requests that name a person: sound ones, and ones that a server refuses and may quote."""
    stack, bearer = observed.stack, token(observed.stack, "language")
    text = f"Please bill {EMAIL}, card {CARD}."
    url = f"http://{addresses(stack.place).gateway}/v2/models/tickets/infer?who={EMAIL}"
    headers = {
        "host": "tickets.localhost", "authorization": f"Bearer {bearer}", "traceparent": TRACE,
        "x-user": EMAIL, "user-agent": EMAIL,
    }  # fmt: skip
    tensor = {"name": "text", "datatype": "BYTES", "shape": [1, 1], "data": [text]}
    statuses = [
        httpx.post(url, json={"inputs": [tensor | change]}, headers=headers, timeout=20).status_code
        for change in ({}, {"shape": [1, 2]}, {"datatype": "INT64"}, {"name": text}, {"data": text})
    ]
    statuses.append(httpx.post(url, content=text, headers=headers, timeout=20).status_code)
    assert statuses[0] == 200
    assert 400 in statuses
    assert 200 not in statuses[1:]
    options = [("grpc.default_authority", "tickets.localhost")]
    metadata = {name: headers[name] for name in ("authorization", "traceparent", "x-user")}
    with grpc.InferenceServerClient(addresses(stack.place).gateway, channel_args=options) as client:

        def infer(name: str) -> grpc.InferResult:
            values = grpc.InferInput(name, [1, 1], "BYTES")
            values.set_data_from_numpy(np.array([[text]], dtype=np.object_))
            return client.infer("tickets", [values], headers=metadata)

        assert infer("text").as_numpy("label").size == 1
        with pytest.raises(InferenceServerException, match="INVALID_ARGUMENT"):
            infer(text)
    return observed


def test_what_a_person_wrote_is_in_no_file_of_the_stack(planted: Observed) -> None:
    """FM-9, SEC-11."""
    place = planted.stack.place
    logged = {place.log(GATEWAY)}  # by then all others have written too
    until(lambda: holding(place.root, TRACE) == logged, "the gateway logs nothing any more")
    for person in (EMAIL, "planted.person", CARD, CARD.replace(" ", ""), CARD[:9]):
        assert holding(place.root, person) == set()


def holding(folder: Path, text: str) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and text.encode() in content(path)}


def content(path: Path) -> bytes:
    with suppress(FileNotFoundError):  # Prometheus and the engine replace theirs
        return path.read_bytes()
    return b""


def test_whatever_a_rule_reads_is_scraped(planted: Observed) -> None:
    metrics = planted.metrics
    expressions = [rule["query"] for rule in metrics.rules()]
    of_digits = [one for one in selectors(expressions) if "tickets" not in one]
    assert len(of_digits) > 20
    assert names(one for one in of_digits if not metrics.exists(one)) <= ABSENT.keys()
    assert {
        one for one in names(selectors(expressions)) if not metrics.exists(one)
    } <= ABSENT.keys()


def test_rules_read_nothing_else(planted: Observed) -> None:
    """So that the test above has seen every name."""
    for rule in planted.metrics.rules():
        rest = rule["query"]
        for one in selectors([rest]):
            rest = rest.replace(one, "")
        assert set(re.findall(r"[a-zA-Z_:][\w:]*", re.sub(r'"[^"]*"|\[\w+\]', "", rest))) <= PROMQL


def test_whatever_a_promotion_reads_is_scraped(planted: Observed) -> None:
    contract = planted.stack.project.catalog().models["tickets"]
    read = Side.of(contract, 1, envoy).selectors
    assert len(read) > 20
    assert names(one for one in read if not planted.metrics.exists(one)) <= ABSENT.keys()


def test_a_misspelt_name_would_be_seen(planted: Observed) -> None:
    metrics = planted.metrics
    assert metrics.exists('envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="digits-2"}')
    assert not metrics.exists(
        'envoy_cluster_upstream_rq_tmie_bucket{envoy_cluster_name="digits-2"}'
    )
    assert not metrics.exists('envoy_cluster_upstream_rq_time_bucket{envoy_cluster="digits-2"}')


def names(found: Iterable[str]) -> set[str]:
    return {one.partition("{")[0] for one in found}


@pytest.mark.parametrize(
    ("version", "seconds"), [(3, 5.0), pytest.param(4, 20.0, marks=pytest.mark.full)]
)
def test_a_version_that_loads_slowly_gets_no_request_before_it_is_ready(
    planted: Observed, built: Path, version: int, seconds: float
) -> None:
    """FM-10: whoever brings it up waits, and nobody starts it again meanwhile."""
    stack, name = planted.stack, f"digits-{version}-1"
    publish(
        stack, built / "digits" / "2", planted.folder, version, model="digits",
        more=f"time.sleep({seconds})",
    )  # fmt: skip
    release = {"stable": FAILING, "canary": version, "weight": 50, "revision": version}
    stack.configure(releases=RELEASES | {"digits": release})
    bearer, seen = token(stack, "vision"), []
    command = [sys.executable, "-m", "serving.cli", "local", "up"]
    with subprocess.Popen(command, env=stack.environment, stdout=subprocess.DEVNULL) as up:
        while up.poll() is None:
            seen.append(moment(stack, bearer, name))
    assert up.returncode == 0
    assert all(one.status == 200 for one in seen)
    assert not [one for one in seen if one.version == str(version) and not one.ready]
    loading = [one for one in seen if one.pid and not one.ready]
    assert loading[-1].at - loading[0].at > seconds / 2
    assert len({one.pid for one in seen if one.pid}) == 1
    now = moment(stack, bearer, name)
    assert (now.pid, now.ready) == (loading[0].pid, True)
    answers = [asked(stack, "digits", bearer).headers["x-served-version"] for _ in range(40)]
    assert set(answers) == {str(FAILING), str(version)}


@dataclass(frozen=True, kw_only=True)
class Moment:
    at: float
    status: int
    version: str
    """That answered."""
    ready: bool
    """After the answer."""
    pid: int


def moment(stack: LocalStack, bearer: str, name: str) -> Moment:
    answer = asked(stack, "digits", bearer)
    process = next((one for one in processes(stack.place) if one.name == name), None)
    return Moment(
        at=time.monotonic(),
        status=answer.status_code,
        version=answer.headers["x-served-version"],
        ready=process is not None and is_ready(name, process.ports["http"]),
        pid=process.pid if process else 0,
    )


def is_ready(name: str, port: int) -> bool:
    model, version, _ = name.split("-")
    with suppress(httpx.HTTPError):
        path = f"/v2/models/{model}/versions/{version}/ready"
        return httpx.get(f"http://127.0.0.1:{port}{path}").status_code == 200
    return False
