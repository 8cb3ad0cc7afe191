"""The whole platform as processes of this machine, through the real Pulumi engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from components.local.proc import start_of
from serving.contract.check import load
from serving.contract.synthetic import synthetic_request
from serving.local import control
from serving.stacks.local.issuer import Issuer
from serving.stacks.local.status import addresses, processes
from serving.toolchain import locate
from tests.live.collector import Collector, collecting
from tests.live.envoys import until
from tests.live.key_servers import AUDIENCE, ISSUER, KeyServer, key_server
from tests.live.stacks import ROOT, LocalStack, local_stack

pytestmark = pytest.mark.live

CALLER = "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its name has a space, as homes of people may."""
    return tmp_path_factory.mktemp("local stacks")


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture(scope="module")
def stack(folder: Path, built: Path, collector: Collector) -> Iterator[LocalStack]:
    with (
        pytest.MonkeyPatch.context() as environment,
        local_stack(folder) as made,
    ):
        environment.setenv("SERVING_STATE", str(folder))
        made.publish("digits", built, 1, 2)
        made.publish("tickets", built, 1)
        made.configure(
            releases={"digits": {"stable": 1}, "tickets": {"stable": 1}},
            traces={"endpoint": collector.endpoint},
        )
        made.up()
        yield made


def pids(stack: LocalStack) -> dict[str, int]:
    return {each.name: each.pid for each in processes(stack.place)}


def asked(stack: LocalStack, model: str = "digits", **headers: str) -> httpx.Response:
    request = synthetic_request(load(ROOT / "platform" / "models" / f"{model}.yaml"))
    assert request is not None
    tenant = {"digits": "vision", "tickets": "language"}[model]
    token = Issuer(stack.place.keys).issue(tenant, "tests", 60, pin=True)
    return httpx.post(
        f"http://{addresses(stack.place).gateway}{request.path}",
        content=request.body,
        headers={"host": f"{model}.localhost", "authorization": f"Bearer {token}", **headers},
        timeout=10,
    )


def test_it_serves_each_model_at_one_address(stack: LocalStack) -> None:
    for model in ("digits", "tickets"):
        answer = asked(stack, model)
        assert (answer.status_code, answer.headers["x-served-version"]) == (200, "1")


def test_one_trace_goes_through_the_gateway_and_the_server(
    stack: LocalStack, collector: Collector
) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    assert asked(stack, traceparent=f"00-{trace}-{CALLER}-01").status_code == 200

    def whole() -> bool:
        spans = collector.of(trace)
        known = {CALLER, *(span.id for span in spans)}
        services = {span.service for span in spans}
        return services == {"gateway", "digits"} and {span.parent for span in spans} <= known

    until(whole)


def test_probes_are_not_traced(collector: Collector) -> None:
    def traces(*services: str) -> set[str]:
        return {span.trace for span in collector.spans if span.service in services}

    until(lambda: traces("digits", "tickets") <= traces("gateway"))


def test_a_second_up_changes_nothing(stack: LocalStack) -> None:
    before = pids(stack)
    assert stack.up() == []
    assert pids(stack) == before


def test_what_was_killed_is_told_and_started_again_alone(stack: LocalStack) -> None:
    before = pids(stack)
    os.kill(before["digits-1-1"], signal.SIGKILL)
    status = stack.serving("local", "status")
    assert status.returncode == 1
    assert "digits-1-1: not running, and nobody has stopped it" in status.stderr
    assert stack.up() == ["updated Process digits-1-1"]
    after = pids(stack)
    assert {name for name in after if after[name] != before[name]} == {"digits-1-1"}
    assert asked(stack).status_code == 200


def test_a_server_whose_backend_was_killed_is_started_again_though_it_says_it_is_ready(
    stack: LocalStack,
) -> None:
    server = pids(stack)["tickets-1-1"]
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    assert children
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    time.sleep(0.5)
    assert stack.up() == ["updated Process tickets-1-1"]
    assert asked(stack, "tickets").status_code == 200


def test_the_gateway_comes_back_with_what_it_was_told_last(stack: LocalStack) -> None:
    os.kill(pids(stack)["gateway"], signal.SIGKILL)
    assert stack.up() == ["updated Process gateway"]
    assert asked(stack).status_code == 200


def test_a_version_is_not_changed_by_being_served(stack: LocalStack) -> None:
    files = [path.name for path in stack.place.store.rglob("*") if path.is_file()]
    assert files
    assert [name for name in files if name.endswith(".pyc")] == []


def test_a_canary_is_there_before_requests_come_to_it_and_gone_after_them(
    stack: LocalStack,
) -> None:
    stack.configure(releases={
        "digits": {"stable": 1, "canary": 2, "weight": 50, "revision": 9}, "tickets": {"stable": 1}
    })  # fmt: skip
    told = stack.up()
    assert told[-1] == "updated GatewayDocuments gateway-documents"
    assert "created Process digits-2-1" in told
    versions = [asked(stack).headers["x-served-version"] for _ in range(60)]
    assert set(versions) == {"1", "2"}
    stack.configure(releases={
        "digits": {"stable": 1, "revision": 10}, "tickets": {"stable": 1}
    })  # fmt: skip
    stack.up()
    assert {asked(stack).headers["x-served-version"] for _ in range(20)} == {"1"}
    assert "digits-2-1" not in pids(stack)


def test_prometheus_scrapes_every_server_and_the_gateway(stack: LocalStack) -> None:
    def up() -> dict[str, str]:
        answer = httpx.get(
            f"{addresses(stack.place).prometheus}/api/v1/query", params={"query": "up"}
        ).json()
        return {each["metric"]["instance"]: each["value"][1] for each in answer["data"]["result"]}

    wanted = dict.fromkeys(("gateway", "digits-1-1", "tickets-1-1"), "1")
    until = time.monotonic() + 15
    while up() != wanted and time.monotonic() < until:
        time.sleep(0.5)
    assert up() == wanted


def test_the_rules_derived_from_the_contracts_are_loaded(stack: LocalStack) -> None:
    url = f"{addresses(stack.place).prometheus}/api/v1/rules"
    groups = httpx.get(url).json()["data"]["groups"]
    assert {group["name"] for group in groups} == {"serving-digits", "serving-tickets"}
    assert {rule["health"] for group in groups for rule in group["rules"]} <= {"ok", "unknown"}


def test_a_release_of_a_version_that_is_not_in_the_store_is_refused_and_changes_nothing(
    stack: LocalStack,
) -> None:
    before = pids(stack)
    stack.configure(releases={
        "digits": {"stable": 1, "canary": 7, "weight": 5, "revision": 11},
        "tickets": {"stable": 1},
    })  # fmt: skip
    refused = stack.serving("local", "up")
    assert refused.returncode != 0
    assert "digits: version 7 was never published" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert pids(stack) == before
    stack.configure(releases={"digits": {"stable": 1, "revision": 11}, "tickets": {"stable": 1}})
    stack.up()


def test_pulumis_own_command_builds_the_same(stack: LocalStack) -> None:
    engine, host = locate("pulumi"), locate("pulumi-language-python")
    folders = [str(engine.path.parent), str(host.path.parent), os.environ["PATH"]]
    preview = subprocess.run(
        [str(engine.path), "preview", "--stack", "local", "--json"],
        cwd=stack.project.folder,
        env={
            **stack.environment,
            **control.environment(stack.place),
            "PATH": os.pathsep.join(folders),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert preview.returncode == 0, preview.stdout + preview.stderr
    assert set(json.loads(preview.stdout)["changeSummary"]) == {"same"}


def test_a_second_stack_runs_beside_the_first(stack: LocalStack, folder: Path) -> None:
    with local_stack(folder, "other") as other:
        other.up()
        mine, its = addresses(stack.place), addresses(other.place)
        assert {mine.gateway, mine.gateway_admin} & {its.gateway, its.gateway_admin} == set()
        assert asked(stack).status_code == 200
    assert asked(stack).status_code == 200


@pytest.fixture(scope="module")
def other_issuer(stack: LocalStack) -> Iterator[KeyServer]:
    """Takes the place of the stack's own, and nothing is traced any more."""
    with key_server() as issuer:
        issuer.start()
        trusted = {"issuer": ISSUER, "audience": AUDIENCE, "jwks": issuer.address}
        stack.configure(identity=trusted, traces=None)
        stack.up()
        yield issuer


def test_the_tokens_of_another_issuer_take_the_place_of_its_own(
    stack: LocalStack, other_issuer: KeyServer
) -> None:
    assert asked(stack).status_code == 401
    theirs = asked(stack, authorization=f"Bearer {other_issuer.token()}")
    assert theirs.status_code == 200
    refused = stack.serving("local", "token", "vision")
    assert refused.returncode == 2
    assert f"its gateway takes only tokens of {ISSUER}" in refused.stderr


def test_nobody_can_send_a_span_where_the_setting_is_gone(
    stack: LocalStack, other_issuer: KeyServer, collector: Collector
) -> None:
    trace = {"traceparent": f"00-80f198ee56343ba864fe8b2a57d3eff7-{CALLER}-01"}
    token = {"authorization": f"Bearer {other_issuer.token()}"}
    assert asked(stack, **trace, **token).status_code == 200
    for name in ("digits-1-1", "tickets-1-1"):
        assert b"--trace-config" not in Path(f"/proc/{pids(stack)[name]}/cmdline").read_bytes()
    assert "traces::" not in httpx.get(f"{addresses(stack.place).gateway_admin}/clusters").text
    assert collector.of("80f198ee56343ba864fe8b2a57d3eff7") == []


def test_without_a_home_it_writes_only_into_its_folder_and_leaves_nothing_running(
    folder: Path,
) -> None:
    with local_stack(folder, "short") as short:

        def told(*arguments: str) -> str:
            ran = short.serving_confined("local", *arguments, "--stack", "short")
            assert ran.returncode == 0, ran.stderr
            return ran.stdout

        told("up")
        started = pids(short)
        assert {each["name"] for each in json.loads(told("status", "--json"))} == started.keys()
        told("down")
        assert {name: start_of(pid) for name, pid in started.items()} == dict.fromkeys(started)
        assert processes(short.place) == []
        told("down", "--purge")
        assert not short.place.root.exists()
        checkout: Any = subprocess.run(
            ["git", "status", "--porcelain", "Pulumi.local.yaml", "platform/models"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert " M " not in checkout.stdout
