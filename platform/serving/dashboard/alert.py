"""The alerts that fire, as Prometheus tells them."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from serving.promotion.prometheus import DEADLINE_SECONDS

LIMIT_BYTES: Final = 4 << 20


@dataclass(frozen=True, kw_only=True)
class Alert:
    name: str
    model: str
    severity: str
    summary: str
    description: str
    since: str
    """UTC."""


@dataclass(frozen=True, kw_only=True)
class Alerts:
    firing: Sequence[Alert] = ()
    problem: str = ""
    """Why nobody knows."""


def alerts(prometheus: str, tls: ssl.SSLContext) -> Alerts:
    try:
        body = _fetched(f"{prometheus.rstrip('/')}/api/v1/alerts", tls)
        found = json.loads(body)["data"]["alerts"]
        firing = [_alert(each) for each in found if each["state"] == "firing"]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Alerts(problem=f"{type(error).__name__}: {error}")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        return Alerts(problem=f"malformed answer: {error!r}"[:200])
    return Alerts(firing=sorted(firing, key=lambda each: (each.severity, each.name, each.model)))


def _fetched(url: str, tls: ssl.SSLContext) -> bytes:
    body = bytearray()
    with httpx.stream("GET", url, verify=tls, timeout=DEADLINE_SECONDS) as answer:
        answer.raise_for_status()
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > LIMIT_BYTES:
                raise ValueError(f"longer than {LIMIT_BYTES >> 20} MiB")
    return bytes(body)


def _alert(told: Mapping[str, Any]) -> Alert:
    labels, annotations = told["labels"], told.get("annotations", {})
    return Alert(
        name=str(labels["alertname"]),
        model=str(labels.get("model", "")),
        severity=str(labels.get("severity", "")),
        summary=str(annotations.get("summary", "")),
        description=str(annotations.get("description", "")),
        since=str(told.get("activeAt", "")),
    )
