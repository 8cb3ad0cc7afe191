"""Alloy's configuration: which lines it takes, what they are known by, what is struck out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

STRUCK_OUT: Final = "[redacted]"

_LABELS: Final[Mapping[str, str]] = {
    "namespace": "__meta_kubernetes_namespace",
    "pod": "__meta_kubernetes_pod_name",
    "container": "__meta_kubernetes_pod_container_name",
    "app": "__meta_kubernetes_pod_label_app_kubernetes_io_name",
    "model": "__meta_kubernetes_pod_label_model",
    "version": "__meta_kubernetes_pod_label_version",
}


def pod_logs(url: str, tenant: str, redactions: Mapping[str, str]) -> str:
    """Of the pods on its own node, from the files that the container runtime writes."""
    rules = "\n".join(_rule(source, label) for label, source in _LABELS.items())
    return f"""\
logging {{
  level  = "info"
  format = "json"
}}

discovery.kubernetes "pods" {{
  role = "pod"
  selectors {{
    role  = "pod"
    field = "spec.nodeName=" + sys.env("HOSTNAME")
  }}
}}

discovery.relabel "pods" {{
  targets = discovery.kubernetes.pods.targets
{rules}
  rule {{
    source_labels = ["__meta_kubernetes_pod_uid", "__meta_kubernetes_pod_container_name"]
    separator     = "/"
    target_label  = "__path__"
    replacement   = "/var/log/pods/*$1/*.log"
  }}
}}

local.file_match "pods" {{
  path_targets = discovery.relabel.pods.output
}}

loki.source.file "pods" {{
  targets    = local.file_match.pods.targets
  forward_to = [loki.process.lines.receiver]
}}

loki.process "lines" {{
  forward_to = [loki.write.loki.receiver]

  stage.cri {{ }}

  stage.json {{
    expressions = {{ level = "level" }}
  }}

  stage.labels {{
    values = {{ level = "" }}
  }}
{_redaction(redactions)}
}}

{_write(url, tenant)}"""


def events(url: str, tenant: str, redactions: Mapping[str, str]) -> str:
    return f"""\
logging {{
  level  = "info"
  format = "json"
}}

loki.source.kubernetes_events "cluster" {{
  log_format = "json"
  forward_to = [loki.process.lines.receiver]
}}

loki.process "lines" {{
  forward_to = [loki.write.loki.receiver]
{_redaction(redactions)}
}}

{_write(url, tenant)}"""


def _rule(source: str, label: str) -> str:
    return f"""\
  rule {{
    source_labels = ["{source}"]
    target_label  = "{label}"
  }}"""


def _redaction(redactions: Mapping[str, str]) -> str:
    return "".join(
        f"""
  // {name}
  stage.replace {{
    expression = {json.dumps(expression)}
    replace    = {json.dumps(STRUCK_OUT)}
  }}
"""
        for name, expression in redactions.items()
    ).rstrip()


def _write(url: str, tenant: str) -> str:
    return f"""\
loki.write "loki" {{
  endpoint {{
    url       = "{url}/loki/api/v1/push"
    tenant_id = "{tenant}"
  }}
}}
"""
