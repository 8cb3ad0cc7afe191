"""The values of Grafana: who gets in, and where it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from components.pods import resources
from components.surroundings import Surroundings

PASSWORD: Final = "grafana-admin"  # noqa: S105  the name of a Secret


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where Grafana reads what is no metric."""

    type: str
    url: str
    namespace: str
    port: int
    """Of its pods, which is not always the one that its Service answers at."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """In every question."""


def grafana(
    around: Surroundings, sources: Mapping[str, Source], *, has_password: bool
) -> dict[str, Any]:
    return {
        **({"admin": {"existingSecret": PASSWORD}} if has_password else {}),
        "nodeSelector": dict(around.node_labels),
        "resources": resources("50m", "512Mi"),
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "sidecar": {"resources": resources("10m", "128Mi")},
        "testFramework": {"enabled": False},
        "defaultDashboardsEditable": False,
        "grafana.ini": {
            "analytics": {"check_for_updates": False, "reporting_enabled": False},
            "auth.anonymous": {"enabled": False},
            "users": {"allow_sign_up": False},
        },
        "additionalDataSources": [_data_source(name, source) for name, source in sources.items()],
    }


def _data_source(name: str, source: Source) -> dict[str, Any]:
    headers = list(enumerate(source.headers.items(), start=1))
    return {
        "name": name.capitalize(),
        "uid": name,
        "type": source.type,
        "url": source.url,
        "access": "proxy",
        "jsonData": {f"httpHeaderName{number}": header for number, (header, _) in headers},
        "secureJsonData": {f"httpHeaderValue{number}": value for number, (_, value) in headers},
    }
