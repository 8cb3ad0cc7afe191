"""Three times what a slow model can do: what is recorded, what scales, and what is refused.

The contract offers two ways to refuse a backlog: a limit of the tenant at the gateway, which keeps
the promise to those it lets in, and a limit of Triton's queue, which only bounds how many wait.
Without either all do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from serving.contract.model import ModelContract
from serving.contract.scaling import scaling_plan
from serving.load import Load, Request
from serving.load.tally import quantile
from serving.observability.rules import REQUESTS
from serving.observability.versions import PENDING, QUEUE
from tests.live.observed import Metrics, load, publish, until
from tests.live.stacks import ROOT, LocalStack, local_stack

pytestmark = [pytest.mark.live, pytest.mark.full]

LIMITED, RATIONED, OPEN = "digits", "tickets", "biopsy"
"""By the queue, by the tenant's limit, by nothing."""
TENANTS: Final = {LIMITED: "vision", RATIONED: "language", OPEN: "clinic"}
DELAY_MS: Final = 100
HELD: Final = 1000 / DELAY_MS
"""Requests a second that one server can answer."""
RATE_PER_MODEL: Final = 3 * HELD
QUEUE_SIZE: Final = 10
"""While a queue is full and the processors are busy, Triton takes its time to see that the model is
free; a short queue then costs most of what it could do."""
RATION: Final = 5
"""Requests a second. They may come at once, and then queue."""
SECONDS: Final = 40.0
SOME: Final = 0.25
"""Of what is possible: other work may share the processors."""
SLO: Final = {"p50_ms": 500, "p99_ms": 2500, "queue_ms": 1000}
STRICT: Final = SLO | {"queue_ms": 50}
SCALING: Final = {"min_replicas": 1, "max_replicas": 8, "replica_rps": HELD}


def contract(model: str, slo: Mapping[str, float], **batching: Any) -> Mapping[str, Any]:
    document = yaml.safe_load((ROOT / "platform" / "models" / f"{model}.yaml").read_text())
    described = document["runtime"]["models"][model]
    described |= {"max_batch_size": 1, "instances": {"count": 1}}
    described["batching"] = {"max_queue_delay_ms": 0, **batching}
    return {"runtime": document["runtime"], "slo": slo, "scaling": SCALING}


CONTRACTS: Final = {
    LIMITED: contract(LIMITED, STRICT, max_queue_size=QUEUE_SIZE),
    RATIONED: contract(RATIONED, SLO),
    OPEN: contract(OPEN, STRICT),
    TENANTS[RATIONED]: {"requests_per_second": RATION},
    TENANTS[OPEN]: {"requests_per_second": 1000},
}


@dataclass(frozen=True)
class Overload:
    stack: LocalStack
    load: Load
    queue: Mapping[str, float]
    """Mean milliseconds in the queue, as recorded, by model."""
    rate: Mapping[str, float]
    """Requests a second of that time, as recorded."""
    firing: Mapping[str, set[str]]

    def of(self, model: str, *outcomes: str) -> list[Request]:
        return [one for one in self.load.requests if one.model == model and one.outcome in outcomes]

    def accepted(self, model: str) -> list[Request]:
        return self.of(model, "right", "wrong")

    def p99(self, model: str) -> float:
        found = quantile([one.ms for one in self.accepted(model)], 0.99)
        assert found is not None
        return found

    def most_pending(self, model: str) -> float:
        """Of all that was recorded in the meantime."""
        return Metrics.of(self.stack).value(f'max_over_time({PENDING}{{model="{model}"}}[5m])')

    def contract(self, model: str) -> ModelContract:
        return self.stack.project.catalog().models[model]


@pytest.fixture(scope="module")
def overload(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Iterator[Overload]:
    folder = tmp_path_factory.mktemp("overload")
    with (
        pytest.MonkeyPatch.context() as environment,
        local_stack(folder, contracts=CONTRACTS) as stack,
    ):
        environment.setenv("SERVING_STATE", str(folder))
        for model in TENANTS:
            faults = {"delay_ms": DELAY_MS}
            publish(stack, built / model / "1", folder, 1, model=model, faults=faults)
        stack.configure(releases={model: {"stable": 1} for model in TENANTS})
        stack.up()
        metrics = Metrics.of(stack)
        until(lambda: metrics.found(PENDING) != [], "nothing is recorded")
        assert {one.value for one in metrics.found(PENDING)} == {0.0}
        rates = dict.fromkeys(TENANTS, RATE_PER_MODEL)
        sent = load(stack, built, folder / "load.jsonl", rates, TENANTS, SECONDS)
        yield Overload(
            stack=stack,
            load=sent,
            queue={model: metrics.by_version(QUEUE, model)[1] for model in TENANTS},
            rate={
                model: metrics.value(f'{REQUESTS}5m{{model="{model}"}}') / SECONDS
                for model in TENANTS
            },
            firing={model: metrics.firing(model) for model in TENANTS},
        )


def test_without_a_limit_all_wait_and_the_alert_says_so(overload: Overload) -> None:
    """OBS-7."""
    assert overload.p99(OPEN) > SLO["p99_ms"]
    assert overload.queue[OPEN] > 10 * STRICT["queue_ms"]
    assert overload.most_pending(OPEN) > HELD
    assert "QueueTooLong" in overload.firing[OPEN]


def test_a_limit_of_the_queue_bounds_the_backlog(overload: Overload) -> None:
    """Not the time: see QUEUE_SIZE."""
    assert overload.p99(LIMITED) < overload.p99(OPEN)
    assert 0 < overload.most_pending(LIMITED) <= QUEUE_SIZE + 1
    assert "QueueTooLong" in overload.firing[LIMITED]


def test_no_more_is_refused_than_has_to_be(overload: Overload) -> None:
    refused = overload.of(LIMITED, "error", "lost", "refused")
    assert refused
    assert all("maximum queue size" in one.problem for one in refused)
    assert {one.status or one.grpc for one in refused} == {503, 14}
    assert len(overload.accepted(LIMITED)) > SOME * HELD * SECONDS


def test_a_limit_of_the_tenant_keeps_the_promise_to_those_it_lets_in(overload: Overload) -> None:
    """FM-6."""
    refused = overload.of(RATIONED, "refused")
    assert refused
    assert {one.status or one.grpc for one in refused} == {429, 8}
    assert len(overload.accepted(RATIONED)) <= RATION * (SECONDS + 2)
    assert len(overload.accepted(RATIONED)) > SOME * RATION * SECONDS
    assert overload.p99(RATIONED) <= SLO["p99_ms"]
    assert "QueueTooLong" not in overload.firing[RATIONED]


@pytest.mark.parametrize("model", [LIMITED, OPEN])
def test_more_replicas_are_wanted(overload: Overload, model: str) -> None:
    """ASC-2: by the rate that is recorded."""
    plan = scaling_plan(overload.contract(model), "prod")
    assert plan.replicas(0) == 1
    assert plan.replicas(overload.rate[model]) >= 2


def test_what_the_tenant_may_not_ask_wants_no_replicas(overload: Overload) -> None:
    plan = scaling_plan(overload.contract(RATIONED), "prod")
    assert plan.replicas(overload.rate[RATIONED]) == 1
