"""Prometheus on this machine: what it scrapes, and what it makes of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from components.local.document import DocumentArgs
from components.local.process import Probe, ProcessArgs
from components.local.prometheus import LocalPrometheusArgs
from serving.observability.dialect import ENVOY
from serving.observability.rule_file import as_yaml, rule_file
from serving.stacks.local.place import ADDRESS, PROMETHEUS, Place
from serving.stacks.local.triton import Model, Replica
from serving.toolchain import locate

SCRAPE_SECONDS: Final = 1
RETENTION: Final = "2d"


def args(models: Sequence[Model], admin_port: int, port: int, place: Place) -> LocalPrometheusArgs:
    folder, url = place.prometheus, f"http://{ADDRESS}:{port}"
    rules, configuration = folder / "rules.yaml", folder / "prometheus.json"
    contracts = [model.contract for model in models]
    command = locate(PROMETHEUS).command(
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--storage.tsdb.retention.time={RETENTION}",
        f"--web.listen-address={ADDRESS}:{port}",
        "--web.enable-lifecycle",
    )
    return LocalPrometheusArgs(
        rules=DocumentArgs(path=str(rules), content=as_yaml(rule_file(contracts, ENVOY))),
        configuration=DocumentArgs(
            path=str(configuration),
            content=json.dumps(_configuration(models, admin_port, str(rules)), indent=1),
            reload=f"{url}/-/reload",
        ),
        process=ProcessArgs(
            kind=PROMETHEUS,
            command=command,
            records=str(place.records),
            log=str(place.log(PROMETHEUS)),
            folder=str(place.root),
            ports={"http": port},
            ready=[Probe(url=f"{url}/-/ready")],
            alive=Probe(url=f"{url}/-/healthy"),
        ),
    )


def _configuration(models: Sequence[Model], admin_port: int, rules: str) -> dict[str, Any]:
    """JSON is YAML too."""
    replicas = [replica for model in models for replica in model.replicas]
    gateway = {
        "job_name": "gateway",
        "metrics_path": "/stats/prometheus",
        "static_configs": [
            {"targets": [f"{ADDRESS}:{admin_port}"], "labels": {"instance": "gateway"}}
        ],
        # the promotion counts by server, whoever exports the series
        "metric_relabel_configs": [
            {
                "source_labels": ["envoy_endpoint_hostname"],
                "regex": "(.+)",
                "target_label": "pod",
            }
        ],
    }
    return {
        "global": {
            "scrape_interval": f"{SCRAPE_SECONDS}s",
            "scrape_timeout": f"{SCRAPE_SECONDS}s",
            "evaluation_interval": "5s",
        },
        "rule_files": [rules],
        "scrape_configs": [gateway, *([_triton(replicas)] if replicas else [])],
    }


def _triton(replicas: Sequence[Replica]) -> dict[str, Any]:
    return {
        "job_name": "triton",
        "static_configs": [
            {
                "targets": [f"{ADDRESS}:{replica.server.metrics_port}"],
                "labels": {"instance": replica.process, "pod": replica.process},
            }
            for replica in replicas
        ],
    }
