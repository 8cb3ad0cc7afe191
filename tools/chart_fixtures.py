"""Take over what the tests know of charts and CRDs: `python tools/chart_fixtures.py FOLDER`.

FOLDER holds `charts/index.yaml`, `charts/<chart>/values.yaml` (and `values.schema.json` where the
chart has one) and `crds/<project>/*.yaml`, as their projects publish them. Comments and
descriptions are left out here: what is left are the keys, their defaults and their types.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

FIXTURES: Final = Path(__file__).parent.parent / "tests" / "fixtures"

CHARTS: Final = (
    "alloy", "argo-cd", "aws-load-balancer-controller", "cert-manager", "cluster-autoscaler",
    "external-secrets", "gpu-operator", "grafana", "istio-base", "istio-cni", "istio-gateway",
    "istiod", "karpenter", "karpenter-crd", "keda", "kube-prometheus-stack", "kube-state-metrics",
    "loki", "node-feature-discovery", "prometheus-node-exporter", "tempo",
)  # fmt: skip

CRDS: Final = (
    "argo-cd/application-crd",
    "argo-cd/appproject-crd",
    "cert-manager/cert-manager.io_certificates",
    "cert-manager/cert-manager.io_issuers",
    "external-secrets/external-secrets.io_clustersecretstores",
    "external-secrets/external-secrets.io_externalsecrets",
    "istio/authorizationpolicies.security.istio.io",
    "istio/destinationrules.networking.istio.io",
    "istio/envoyfilters.networking.istio.io",
    "istio/gateways.networking.istio.io",
    "istio/peerauthentications.security.istio.io",
    "istio/requestauthentications.security.istio.io",
    "istio/serviceentries.networking.istio.io",
    "istio/telemetries.telemetry.istio.io",
    "istio/virtualservices.networking.istio.io",
    "karpenter/karpenter.k8s.aws_ec2nodeclasses",
    "karpenter/karpenter.sh_nodepools",
    "keda/keda.sh_scaledobjects",
    "prometheus-operator/crd-podmonitors",
    "prometheus-operator/crd-prometheusrules",
    "prometheus-operator/crd-servicemonitors",
)


def take_over(source: Path) -> None:
    index = {each["dir"]: each for each in read(source / "charts" / "index.yaml")}
    for name in CHARTS:
        told = {
            key: index[name][key]
            for key in ("chart", "version", "app_version", "helm_source", "source", "values_root")
        } | {
            key: index[name].get(key)
            for key in ("subcharts", "honoured_but_not_in_values", "subcharts_not_included")
        }
        folder = source / "charts" / name
        schema = folder / "values.schema.json"
        if schema.exists():
            told["schema"] = bare(json.loads(schema.read_text(encoding="utf-8")))
        write("charts", name, told | {"values": read(folder / "values.yaml")})
    for path in CRDS:
        definition = read(source / "crds" / f"{path}.yaml")
        spec = definition["spec"]
        versions = {
            each["name"]: bare(each["schema"]["openAPIV3Schema"])
            for each in spec["versions"]
            if each["served"]
        }
        described = {"group": spec["group"], "kind": spec["names"]["kind"], "versions": versions}
        write("crds", definition["metadata"]["name"], described | {"scope": spec["scope"]})


def bare(schema: Any) -> Any:
    """Without the prose; a property may itself be called `description`."""
    if isinstance(schema, Mapping):
        return {
            key: bare(value)
            for key, value in schema.items()
            if not (key == "description" and isinstance(value, str))
        }
    return [bare(each) for each in schema] if isinstance(schema, list) else schema


def read(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)


def write(folder: str, name: str, content: Mapping[str, Any]) -> None:
    path = FIXTURES / folder / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=None, separators=(",", ":"), default=str)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    take_over(Path(sys.argv[1]))
