from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from components.images import PYTHON
from components.model_server import deployment_spec, scaled_object, service_spec
from components.model_server_args import Claim, ModelServerArgs
from components.model_server_pod import template
from components.tenant import INFERENCE_PORTS, METRICS_PORT
from serving import catalog
from serving.contract.fields import parse_memory
from serving.contract.model import (
    EfsRepository,
    Environment,
    ModelContract,
    OciRepository,
    Replicas,
    S3Repository,
    Version,
    contract_digest,
)
from serving.contract.runtime import TritonRuntime
from serving.errors import InputError
from serving.gateway.limits import timeouts
from serving.observability.dialect import ISTIO
from serving.observability.rules import recording_rules
from serving.stacks.server_scaling import PROMETHEUS
from serving.stacks.servers import CLOSED, START, Where, server
from tests import crds
from tests.contracts import contract

FOLDER = catalog.PLATFORM.parent / "tests" / "fixtures"
DIGEST = f"sha256:{'ab' * 32}"
MODELS = sorted(catalog.load("prod").models)
FIXTURES = ("forms", "scan", "writer")
WHERE = Where(
    environment="prod",
    region="eu-central-1",
    digests={},
    namespace="tenant-of-tests",
    service_account="of-tests",
    claim="model-cache",
)


def published(model: ModelContract, version: int = 3) -> ModelContract:
    """With one version, as the contract is today."""
    known = Version(digest=DIGEST, contract=contract_digest(model, version), source="trained")
    return model.model_copy(update={"versions": {version: known}})


def model(name: str, **changes: Any) -> ModelContract:
    found = contract(name) if name in FIXTURES else catalog.load("prod").models[name]
    if isinstance(found.repository, OciRepository):
        found = found.model_copy(update={"repository": EfsRepository(kind="efs")})
    return published(found.model_copy(update=changes))


def built(name: str, environment: Environment = "prod", **changes: Any) -> ModelServerArgs:
    return server(model(name, **changes), 3, replace(WHERE, environment=environment))


def flags(args: ModelServerArgs) -> dict[str, str]:
    pairs = (each.partition("=") for each in args.args if each.startswith("--"))
    return {name: value for name, _, value in pairs}


def queries(args: ModelServerArgs) -> dict[str, str]:
    return {name: trigger.query for name, trigger in args.scaling.triggers.items()}


@pytest.mark.parametrize("environment", ["dev", "prod"])
@pytest.mark.parametrize("name", [*MODELS, *FIXTURES])
def test_kubernetes_and_keda_take_what_every_contract_makes(
    name: str, environment: Environment
) -> None:
    args = built(name, environment)
    metadata = {"name": args.workload, "namespace": "tenant-of-tests"}
    for api_version, kind, spec in (
        ("apps/v1", "Deployment", deployment_spec(args, "question")),
        ("v1", "Service", service_spec(args)),
    ):
        described = {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}
        kubernetes_validate.validate(described, "1.35", strict=True)
    if args.scaling.triggers:
        scaled = {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "metadata": metadata,
            "spec": scaled_object(args.workload, args.scaling),
        }
        assert crds.errors(scaled) == []


def test_it_is_called_after_model_and_version_and_says_whose_it_is() -> None:
    args = built("digits")
    assert args.workload == "digits-3"
    assert args.selector == {
        "app.kubernetes.io/name": "digits",
        "app.kubernetes.io/version": "3",
    }
    assert args.labels == {"component": "inference", "tenant": "vision"}
    assert args.annotations == {"model.sha256": "ab" * 32}


@pytest.mark.parametrize("name", [*MODELS, *FIXTURES])
def test_servers_listen_where_the_network_lets_others_reach_them(name: str) -> None:
    args = built(name)
    reached = {port for key, port in args.ports.items() if key != "metrics"}
    assert reached <= set(INFERENCE_PORTS)
    assert args.ports.get("metrics", METRICS_PORT) == METRICS_PORT


def test_a_server_that_no_route_leads_to_is_refused() -> None:
    forest = published(contract("forest"))
    with pytest.raises(InputError, match=r"forest: a custom runtime has no route .* do: serve the"):
        server(forest, 3, WHERE)


def test_triton_serves_the_folder_of_one_version_that_nobody_writes_to() -> None:
    args = built("digits")
    assert args.files == Claim(name="model-cache", folder="digits/3", image=PYTHON.name)
    assert flags(args)["--model-repository"] == "/models/digits/3"
    assert flags(args)["--model-control-mode"] == "explicit"
    assert flags(args)["--load-model"] == "digits"


def test_triton_reads_a_bucket_itself_in_its_region() -> None:
    args = built("scan")
    assert args.files is None
    assert flags(args)["--model-repository"] == "s3://scans/models/scan/3"
    assert args.env["AWS_DEFAULT_REGION"] == "eu-central-1"
    assert parse_memory(args.storage) > 2 * parse_memory("500Mi")


def test_files_that_another_version_could_change_are_refused() -> None:
    """One image is named for all versions, and nothing that was published says which."""
    writer = published(contract("writer"))
    with pytest.raises(InputError, match=r"writer: repository: an image holds all .* do: set"):
        server(writer, 3, WHERE)


def test_the_entry_point_of_tritons_image_is_kept() -> None:
    """It makes the image's libraries fit the driver of the node."""
    args = built("digits")
    assert args.command == ()
    assert args.args[:4] == ("/bin/sh", "-c", START, "tritonserver")


def test_triton_closes_what_callers_have_no_business_with(tmp_path: Path) -> None:
    """With a key that it draws when it starts; nobody else knows one."""
    server = tmp_path / "tritonserver"
    server.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    server.chmod(0o755)
    started = [
        subprocess.run(
            ["/bin/sh", "-c", START, str(server), "--exit-on-error=true"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for _ in range(2)
    ]
    keys = set()
    for first, http, grpc in started:
        assert first == "--exit-on-error=true"
        uuid = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
        assert re.fullmatch(f"--http-restricted-api={CLOSED}:serving-admin={uuid}", http)
        assert grpc == http.replace("http-restricted-api", "grpc-restricted-protocol")
        keys.add(http)
    assert len(keys) == 2
    assert "inference" not in CLOSED.split(",")


def test_triton_knows_each_of_its_flags() -> None:
    """Releases up to 26.07; one that is not known keeps the server from starting."""
    known = yaml.safe_load((FOLDER / "tritonserver-flags.yaml").read_text(encoding="utf-8"))
    given = {each.removeprefix("--") for each in flags(built("mailroom"))}
    given |= set(re.findall(r"--([a-z-]+)=", START))
    assert {"http-restricted-api", "allow-sagemaker", "model-repository"} <= given
    assert given <= known.keys()


def test_kubernetes_replaces_nothing_in_what_the_shell_is_told() -> None:
    """It would take `$(…)` for a variable of its own."""
    for name in (*MODELS, *FIXTURES):
        args = built(name)
        assert "$(" not in "".join((*args.command, *args.args)), name


def test_triton_ends_what_it_has_begun_before_it_is_killed() -> None:
    args = built("digits")
    assert int(flags(args)["--exit-timeout-secs"]) == args.longest_request_seconds
    assert args.longest_request_seconds >= timeouts(model("digits")).whole
    pod = template(args, None)["spec"]
    assert pod["terminationGracePeriodSeconds"] > args.longest_request_seconds + args.drain_seconds


def test_vllm_serves_what_was_published_and_asks_nobody_for_more() -> None:
    args = built("assistant")
    assert args.command[:2] == ("/bin/sh", "-c")
    assert args.command[3:6] == ("vllm", "serve", "/models/assistant/3/assistant/3")
    assert "--served-model-name=assistant" in args.command
    assert args.env["HF_HUB_OFFLINE"] == "1"
    assert (args.container, args.metrics_port, args.ports) == ("vllm", 8000, {"http": 8000})


def test_vllm_without_adapters_needs_no_shell() -> None:
    runtime = model("assistant").runtime.model_copy(update={"lora": None})
    assert built("assistant", runtime=runtime).command[:2] == ("vllm", "serve")


def test_adapters_are_fetched_into_the_folder_that_the_start_script_reads() -> None:
    args = built("writer")
    assert args.fetched == {"adapters": "registry.example/adapters:1"}
    assert "adapters=/adapters" in args.command[2]
    assert built("assistant").fetched == {}


def test_vllm_on_a_bucket_is_refused() -> None:
    bucket = S3Repository(kind="s3", uri="s3://models")
    with pytest.raises(InputError, match=r"assistant: vLLM reads no version from a bucket, do:"):
        built("assistant", repository=bucket)


@pytest.mark.parametrize("name", [*MODELS, *FIXTURES])
def test_resources_are_those_of_the_contract(name: str) -> None:
    args, known = built(name), model(name).resources
    assert parse_memory(args.memory) == known.memory
    assert parse_memory(args.shared_memory) <= known.memory / 2


def test_a_slice_of_a_gpu_is_asked_for_by_its_name() -> None:
    args = built("scan")
    assert args.accelerators == {"nvidia.com/mig-1g.5gb": 1}
    assert args.node_labels == {"workload": "gpu-mig"}
    assert args.instance_types == ("p4d.24xlarge",)
    assert [each.key for each in args.tolerations] == ["nvidia.com/gpu"]


def test_a_server_on_cpus_asks_for_no_gpu() -> None:
    args = built("digits")
    assert args.accelerators == {}
    assert args.node_labels == {"workload": "cpu-compute"}


@pytest.mark.parametrize(("name", "spare"), [("digits", True), ("scan", False), ("writer", False)])
def test_only_cpus_have_room_for_a_pod_more(name: str, spare: bool) -> None:
    assert built(name).spare is spare


@pytest.mark.parametrize(
    ("name", "environment", "spread"),
    [
        ("digits", "dev", True),  # latency-critical
        ("tickets", "prod", True),
        ("tickets", "dev", False),  # one server
    ],
)
def test_servers_are_spread_where_one_lost_node_would_be_felt(
    name: str, environment: Environment, spread: bool
) -> None:
    assert built(name, environment).spread is spread


def test_each_model_of_a_bundle_must_be_ready_in_this_version() -> None:
    assert built("mailroom").probes.ready_paths == (
        "/v2/models/mailroom-image/versions/3/ready",
        "/v2/models/mailroom-text/versions/3/ready",
    )


def test_triton_is_asked_for_an_answer_that_is_known() -> None:
    question = built("digits").probes.question
    assert question is not None
    assert question.path == "/v2/models/digits/versions/3/infer"
    assert '"inputs"' in question.body
    assert built("assistant").probes.question is None


def test_an_answer_that_is_too_large_to_ask_for_is_not() -> None:
    runtime = model("tickets").runtime
    assert isinstance(runtime, TritonRuntime)
    text = runtime.models["tickets"]
    golden = text.golden[0].model_copy(update={"inputs": {"text": ["x" * (600 << 10)]}})
    long = text.model_copy(update={"golden": (golden,)})
    changed = runtime.model_copy(update={"models": {"tickets": long}})
    assert built("tickets", runtime=changed).probes.question is None


def test_a_server_may_start_as_slowly_as_its_contract_says() -> None:
    assert built("assistant").probes.startup_seconds >= 330


def test_images_go_by_their_digests_where_they_are_known() -> None:
    name = catalog.load("prod").models["digits"].runtime.image
    where = replace(WHERE, digests={name: DIGEST, PYTHON.name: DIGEST})
    args = server(model("digits"), 3, where)
    assert args.image == f"{name}@{DIGEST}"
    assert isinstance(args.files, Claim)
    assert args.files.image == f"{PYTHON.name}@{DIGEST}"


def test_a_version_whose_contract_is_not_what_was_published_is_refused() -> None:
    stale = model("digits")
    runtime = stale.runtime.model_copy(update={"image": "registry.example/other:1"})
    changed = stale.model_copy(update={"runtime": runtime})
    with pytest.raises(InputError, match=r"digits: version 3 was published with another .* do: "):
        server(changed, 3, WHERE)


def test_a_version_is_served_with_its_own_overrides() -> None:
    digits = catalog.load("prod").models["digits"]
    overrides: Any = {"models": {"digits": {"max_batch_size": 4}}}
    before = digits.model_copy(update={"versions": {3: Version(overrides=overrides)}})
    known = Version(
        digest=DIGEST, contract=contract_digest(before, 3), source="trained", overrides=overrides
    )
    args = server(digits.model_copy(update={"versions": {3: known}}), 3, WHERE)
    assert args.scaling.triggers["waiting"].threshold == 4


def test_servers_follow_the_traffic_of_their_own_version() -> None:
    """40 requests a second hold; the ramp of two minutes' start asks for two servers more."""
    args = built("scan")
    own = 'sum(serving:version_requests:rate1m{model="scan",version="3"})'
    assert args.scaling.triggers["requests"].threshold == 40
    assert queries(args)["requests"] == (
        f"({own} + 80 * ({own} / "
        '(sum(serving:version_requests:rate1m{model="scan"}) > 0) or vector(0))) '
        'or 0 * sum(up{namespace="tenant-radiology",pod=~"scan-3-[a-z0-9]+-[a-z0-9]+"} == 1)'
    )
    assert args.scaling.prometheus == PROMETHEUS


def test_in_dev_nothing_is_kept_for_growth() -> None:
    query = queries(built("scan", "dev"))["requests"]
    assert "80 *" not in query


def test_no_more_may_wait_than_a_server_computes_at_once() -> None:
    args = built("scan")  # two instances of 16 on one slice
    assert args.scaling.triggers["waiting"].threshold == 32
    assert queries(args)["waiting"] == (
        'sum(serving:version_pending:sum{model="scan",version="3"})'
    )


def test_vllm_tells_itself_how_many_wait() -> None:
    assert queries(built("assistant")) == {
        "waiting": "sum(vllm:num_requests_waiting"
        '{namespace="tenant-language",pod=~"assistant-3-[a-z0-9]+-[a-z0-9]+"})'
    }
    names = (FOLDER / "metric-names.txt").read_text(encoding="utf-8").splitlines()
    assert "vllm:num_requests_waiting" in names


def test_what_is_asked_is_recorded() -> None:
    recorded = {rule["record"] for rule in recording_rules(model("scan"), ISTIO)}
    for environment in ("dev", "prod"):
        asked = " ".join(queries(built("scan", environment, scaling=SLEEPS)).values())
        found = set(re.findall(r"serving:\w+:\w+", asked))
        assert found
        assert found <= recorded


SLEEPS = contract("scan").scaling.model_copy(
    update={"dev": Replicas(min_replicas=0, max_replicas=1)}
)


def test_a_model_that_sleeps_wakes_when_its_requests_become_more() -> None:
    """The first one that a gateway counts makes the counter; the next one adds to it."""
    args = built("assistant", "dev")
    assert (args.scaling.min_replicas, args.scaling.max_replicas) == (0, 1)
    assert queries(args)["awake"] == (
        'clamp_max(sum(serving:requests:increase5m{model="assistant"}), 1) or vector(0)'
    )
    assert args.scaling.triggers["awake"].threshold == 1


def test_no_model_sleeps_where_nothing_would_wake_it() -> None:
    alone = replace(WHERE, environment="dev", meshed=False)
    with pytest.raises(InputError, match=r"assistant: scaling\.dev\.min_replicas: .* do: set it"):
        server(model("assistant"), 3, alone)
    awake = server(model("digits"), 3, alone).scaling
    assert awake.min_replicas == 1
    assert "awake" not in awake.triggers


def test_only_of_a_model_that_may_sleep_is_silence_a_zero() -> None:
    for query in queries(built("scan", "dev", scaling=SLEEPS)).values():
        assert query.endswith(" or vector(0)")
    for query in queries(built("scan")).values():
        assert not query.endswith("vector(0)")


def test_a_server_goes_no_sooner_than_another_could_come() -> None:
    assert built("writer").scaling.scale_down_delay_seconds == 960
    assert built("digits").scaling.scale_down_delay_seconds == 300


def test_an_update_waits_for_no_version_without_traffic() -> None:
    assert server(model("digits"), 3, WHERE, waited_for=False).waited_for is False
    assert built("digits").waited_for is True
