"""The pods of one version's servers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pulumi

from components.model_server_args import ModelServerArgs
from components.model_server_files import QUESTION, helpers, mounts, volumes
from components.pods import RESTRICTED_CONTAINER, RESTRICTED_POD, spread

USER: Final = 1000
"""Triton's own in its images."""
GRACE_SECONDS: Final = 10
"""For the proxy beside it, and for what a server does after its last answer."""
PROBE_SECONDS: Final = 5
PERIOD_SECONDS: Final = 10
ANSWER_SECONDS: Final = 10
ANSWER_FAILURES: Final = 6
"""A minute: a long queue is no reason to start anew, which would only make it longer."""


def template(args: ModelServerArgs, question: pulumi.Input[str] | None) -> dict[str, Any]:
    """`question`: the ConfigMap that holds the body of `probes.question`."""
    metadata: dict[str, Any] = {"labels": {**args.labels, **args.selector}}
    if annotations := {**args.annotations, **_scraped(args)}:
        metadata["annotations"] = annotations
    return {"metadata": metadata, "spec": _spec(args, question)}


def _scraped(args: ModelServerArgs) -> dict[str, str]:
    """The proxy beside it reads them, and adds these metrics to its own."""
    if args.metrics_port is None:
        return {}
    told = {"scrape": "true", "port": str(args.metrics_port), "path": "/metrics"}
    return {f"prometheus.io/{key}": value for key, value in told.items()}


def _spec(args: ModelServerArgs, question: pulumi.Input[str] | None) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "serviceAccountName": args.service_account,
        # Of the API server. A role's token is mounted beside it, by whoever gives roles.
        "automountServiceAccountToken": False,
        # As variables, Services would overwrite settings of servers that are called alike.
        "enableServiceLinks": False,
        "securityContext": {**RESTRICTED_POD, "runAsUser": USER, "runAsGroup": USER},
        "terminationGracePeriodSeconds": (
            args.drain_seconds + args.longest_request_seconds + GRACE_SECONDS
        ),
        "nodeSelector": dict(args.node_labels),
        "tolerations": [
            {"key": each.key, "operator": "Exists", "effect": "NoSchedule"}
            if each.value is None
            else {"key": each.key, "value": each.value, "effect": "NoSchedule"}
            for each in args.tolerations
        ],
        "containers": [_server(args)],
        "volumes": volumes(args, question),
    }
    if before := helpers(args):
        spec["initContainers"] = before
    if args.instance_types:
        spec["affinity"] = _on(args.instance_types)
    if args.spread:
        spec["topologySpreadConstraints"] = spread(args.selector)
    return spec


def _on(instance_types: Sequence[str]) -> dict[str, Any]:
    known = {
        "key": "node.kubernetes.io/instance-type",
        "operator": "In",
        "values": list(instance_types),
    }
    terms = [{"matchExpressions": [known]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    return {"nodeAffinity": required}


def _server(args: ModelServerArgs) -> dict[str, Any]:
    probes = args.probes
    ready = _ask(args.ports["http"], *probes.ready_paths)
    requested = {"cpu": args.cpu, "memory": args.memory, "ephemeral-storage": args.storage}
    extended = {name: str(count) for name, count in args.accelerators.items()}
    container: dict[str, Any] = {
        "name": args.container,
        "image": args.image,
        "env": [{"name": key, "value": value} for key, value in args.env.items()],
        "ports": [{"name": name, "containerPort": port} for name, port in args.ports.items()],
        "startupProbe": {
            **ready,
            "initialDelaySeconds": probes.startup_delay_seconds,
            "periodSeconds": probes.startup_period_seconds,
            "failureThreshold": probes.startup_failures,
            "timeoutSeconds": PROBE_SECONDS,
        },
        "readinessProbe": {
            **ready,
            "periodSeconds": PERIOD_SECONDS,
            "failureThreshold": 2,
            "timeoutSeconds": PROBE_SECONDS,
        },
        "livenessProbe": {
            **_alive(args),
            "periodSeconds": PERIOD_SECONDS,
            "failureThreshold": ANSWER_FAILURES,
            "timeoutSeconds": ANSWER_SECONDS,
        },
        # On a signal a server closes its ports at once, whoever still sends to it.
        "lifecycle": {"preStop": {"sleep": {"seconds": args.drain_seconds}}},
        # No limit on CPU: it would only slow it down while the node has some to spare.
        "resources": {
            "requests": {**requested, **extended},
            "limits": {key: value for key, value in requested.items() if key != "cpu"} | extended,
        },
        "securityContext": dict(RESTRICTED_CONTAINER),
        "volumeMounts": mounts(args),
    }
    for key, value in (("command", args.command), ("args", args.args)):
        if value:
            container[key] = list(value)
    return container


def _ask(port: int, *paths: str) -> dict[str, Any]:
    if len(paths) == 1:
        return {"httpGet": {"path": paths[0], "port": "http"}}
    asked = [f"http://127.0.0.1:{port}{path}" for path in paths]
    return {"exec": {"command": ["curl", "--silent", "--fail", "--fail-early", *asked]}}


def _alive(args: ModelServerArgs) -> dict[str, Any]:
    question = args.probes.question
    if question is None:
        return _ask(args.ports["http"], args.probes.live_path)
    url = f"http://127.0.0.1:{args.ports['http']}{question.path}"
    given = [
        "--header",
        "Content-Type: application/json",
        "--data-binary",
        f"@/question/{QUESTION}",
    ]
    quiet = ["--silent", "--fail", "--output", "/dev/null"]
    return {"exec": {"command": ["curl", *quiet, *given, url]}}
