"""The values of Alertmanager: what people hear of, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from components.pods import resources, spread, volume
from components.surroundings import Surroundings

SERVICE_ACCOUNT: Final = "alertmanager"
MESSAGE: Final = """\
{{ range .Alerts }}{{ .Annotations.summary }}
{{ .Annotations.description }}
{{ or .Annotations.runbook .Annotations.runbook_url }}
{{ end }}"""


@dataclass(frozen=True, kw_only=True)
class Notifications:
    """Where Alertmanager sends what people must hear of."""

    topic_arn: pulumi.Input[str]
    region: str
    account_annotations: pulumi.Input[Mapping[str, str]]
    """Of its service account: what gives its pods the role to publish there."""


def alertmanager(around: Surroundings, notifications: Notifications) -> dict[str, Any]:
    topic = {
        "topic_arn": notifications.topic_arn,
        "sigv4": {"region": notifications.region},
        "subject": "{{ .Status | toUpper }}: {{ .CommonLabels.alertname }}",
        "message": MESSAGE,
        "send_resolved": True,
    }
    return {
        "alertmanagerSpec": {
            "replicas": around.replicas,
            "nodeSelector": dict(around.node_labels),
            "topologySpreadConstraints": spread({"app.kubernetes.io/name": "alertmanager"}),
            "resources": resources("20m", "128Mi"),
            "storage": volume(2),
        },
        "podDisruptionBudget": {"enabled": around.replicas > 1},
        "serviceAccount": {
            "name": SERVICE_ACCOUNT,
            "annotations": notifications.account_annotations,
        },
        "config": {
            "route": {
                "receiver": "people",
                "group_by": ["alertname", "namespace", "model"],
                "routes": [
                    # One always fires, the other only silences.
                    {"receiver": "null", "matchers": ['alertname =~ "Watchdog|InfoInhibitor"']},
                    {"receiver": "null", "matchers": ['severity =~ "info|none"']},
                ],
            },
            "receivers": [{"name": "null"}, {"name": "people", "sns_configs": [topic]}],
        },
    }
