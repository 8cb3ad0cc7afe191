"""Tells others what a promotion did: a webhook, and annotations on Grafana's dashboards."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol, assert_never

import httpx

from serving.promotion.course import Course
from serving.promotion.decision import Verdict
from serving.promotion.record import (
    Body,
    Decided,
    Effect,
    Ended,
    Intent,
    Observed,
    Record,
    Resumed,
    Started,
    Undelivered,
    Waived,
)

DEADLINE_SECONDS: Final = 5.0
"""For all receivers together; the promotion waits no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    model: str
    version: int
    stable: int | None
    what: str
    weight: int
    """Of the version, in percent, now."""
    reason: str
    who: str
    commit: str
    at: str
    journal: str
    record: int
    hash: str
    """Of that record: kept elsewhere, it shows that nothing up to it was changed or cut off."""

    @property
    def text(self) -> str:
        why = f": {self.reason}" if self.reason else ""
        return f"{self.model} version {self.version} {self.what} at {self.weight} %{why}"


class Receiver(Protocol):
    @property
    def url(self) -> str: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    def document(self, event: Event) -> Mapping[str, Any]: ...


@dataclass(frozen=True, kw_only=True)
class Webhook:
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def document(self, event: Event) -> Mapping[str, Any]:
        return {**asdict(event), "text": event.text}


@dataclass(frozen=True, kw_only=True)
class Grafana:
    address: str
    token: str = field(repr=False)
    """Of a service account that may write annotations."""

    @property
    def url(self) -> str:
        return f"{self.address.rstrip('/')}/api/annotations"

    @property
    def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def document(self, event: Event) -> Mapping[str, Any]:
        """Grafana shows the text as HTML, after cleaning it."""
        return {
            "time": int(datetime.fromisoformat(event.at).timestamp() * 1000),
            "tags": ["serving", event.model, f"version-{event.version}", event.what],
            "text": event.text,
        }


def event_of(course: Course, record: Record, journal: str) -> Event | None:
    """What others want to know of a record, with the course after it; None for most records."""
    said = _said(record.body)
    if said is None:
        return None
    what, reason = said
    started = course.started
    return Event(
        model=started.model,
        version=started.version,
        stable=started.stable,
        what=what,
        weight=course.state.weight,
        reason=reason,
        who=started.who,
        commit=started.commit,
        at=record.at,
        journal=journal,
        record=record.number,
        hash=record.hash,
    )


def _said(body: Body) -> tuple[str, str] | None:
    match body:
        case Started():
            return "started", f"by {body.who}"
        case Resumed():
            return "resumed", f"by {body.who}"
        case Waived():
            return "waived", f"{body.what}, by {body.who}: {body.reason}"
        case Decided(decision=decision):
            told = decision.verdict in (Verdict.ASK, Verdict.ROLLBACK) or decision.alert
            return (str(decision.verdict), decision.reason) if told else None
        case Effect():
            return "confirmed" if body.confirmed else "failed", body.detail
        case Ended():
            return str(body.outcome), body.reason
        case Observed() | Intent() | Undelivered():
            return None
        case _:
            assert_never(body)


def tell(receivers: Sequence[Receiver], event: Event) -> list[Undelivered]:
    """Never raises: what could not be delivered is for the journal. Call it after the effect."""
    return asyncio.run(_tell(receivers, event)) if receivers else []


async def _tell(receivers: Sequence[Receiver], event: Event) -> list[Undelivered]:
    async with httpx.AsyncClient(timeout=None) as client:  # noqa: S113  # the deadline is below
        problems = await asyncio.gather(*(_send(client, each, event) for each in receivers))
    return [
        Undelivered(to=_place(receiver), problem=problem)
        for receiver, problem in zip(receivers, problems, strict=True)
        if problem
    ]


async def _send(client: httpx.AsyncClient, receiver: Receiver, event: Event) -> str:
    """Timeouts of httpx start again with each byte, so that a slow receiver would be waited for."""
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            document = dict(receiver.document(event))
            async with client.stream(
                "POST", receiver.url, json=document, headers=dict(receiver.headers)
            ) as answer:
                return "" if answer.is_success else f"HTTP {answer.status_code}"
    except TimeoutError:
        return f"no answer in {DEADLINE_SECONDS:g} s"
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return type(error).__name__


def _place(receiver: Receiver) -> str:
    """Without path and query, in which many webhooks carry their secret."""
    try:
        url = httpx.URL(receiver.url)
    except httpx.InvalidURL:
        return "an address that is none"
    return f"{url.scheme}://{url.host}" + (f":{url.port}" if url.port else "")
