"""One promotion at a time: a lease with an end, and a number that tells holders apart."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import ClassVar, Final

from pydantic import TypeAdapter, ValidationError

from serving.errors import InputError, ServingError
from serving.promotion.journal import Overtaken
from serving.promotion.lease_store import LeaseStore
from serving.promotion.process import Process, this_process

TERM_SECONDS: Final = 60.0
SKEW_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The same for all who want the same lease."""

    term: float = TERM_SECONDS
    """How long a lease holds after it was last renewed, by its holder's clock, in seconds."""
    skew: float = SKEW_SECONDS
    """The clocks of two holders may differ by so much. Where they differ by more, a live holder may
    be overtaken; its next check says so, and it does nothing any more."""


USUAL: Final = Span()


class Busy(ServingError):
    """Somebody else is at it, and alive."""

    exit_code: ClassVar[int] = 75


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What lies in the store."""

    fence: int
    """Rises by one with each holder."""
    who: str
    what: str
    process: Process
    since: float
    expires: float
    released: bool = False


_TERMS: Final = TypeAdapter(Terms)
Clock = Callable[[], float]


class Lease:
    """Held by one process. `check` before and after each effect."""

    def __init__(
        self, store: LeaseStore, terms: Terms, token: str, clock: Clock, span: Span = USUAL
    ) -> None:
        self._store = store
        self._terms = terms
        self._token = token
        self._clock = clock
        self._span = span
        self._lock = threading.Lock()

    @property
    def fence(self) -> int:
        return self._terms.fence

    def check(self) -> None:
        """Renews. Raises Overtaken where somebody else has taken the lease meanwhile."""
        self._write(replace(self._terms, expires=self._clock() + self._span.term))

    def release(self) -> None:
        self._write(replace(self._terms, released=True))

    def _write(self, terms: Terms) -> None:
        content = _TERMS.dump_json(terms)
        with self._lock, _explained(self._store):
            token = self._store.renew(content, self._token) or self._again(content)
            if token is None:
                raise Overtaken(
                    f"{self._store.where}: the lease was taken over from number {self.fence}; "
                    "nothing more is done here"
                )
            self._terms, self._token = terms, token

    def _again(self, content: bytes) -> str | None:
        """A renewal whose answer got lost lies there under a token that nobody told us."""
        found = self._store.read()
        if found is None:
            return None
        terms, token = _read(self._store, found[0]), found[1]
        mine = (terms.fence, terms.process) == (self.fence, self._terms.process)
        return self._store.renew(content, token) if mine else None


def take(
    store: LeaseStore, who: str, what: str, clock: Clock = time.time, span: Span = USUAL
) -> Lease:
    """Raises Busy, naming the holder, unless the lease is free, over, or its holder dead."""
    with _explained(store):
        for _ in range(2):
            found = store.read()
            before = _read(store, found[0]) if found else None
            now = clock()
            if before is not None and not _free(before, now, span):
                raise _busy(store, before, now, span)
            terms = Terms(
                fence=before.fence + 1 if before else 1,
                who=who,
                what=what,
                process=this_process(),
                since=now,
                expires=now + span.term,
            )
            token = store.take(terms.fence, _TERMS.dump_json(terms), found[1] if found else None)
            if token is not None:
                return Lease(store, terms, token, clock, span)
    raise Busy(f"{store.where}: two others took the lease meanwhile; try again")


def is_held(store: LeaseStore, clock: Clock = time.time) -> bool:
    """By somebody who lives, as far as that can be known."""
    with _explained(store):
        found = store.read()
        return found is not None and not _free(_read(store, found[0]), clock(), USUAL)


@contextmanager
def held(store: LeaseStore, who: str, what: str, span: Span = USUAL) -> Iterator[Lease]:
    """Renewed in the background: an effect may take longer than a term."""
    lease = take(store, who, what, span=span)
    over = threading.Event()
    renewing = threading.Thread(target=_renew, args=(lease, over, span.term / 4), daemon=True)
    renewing.start()
    try:
        yield lease
    finally:
        over.set()
        renewing.join()
        with suppress(ServingError):  # it ends by itself, and belongs to somebody else if taken
            lease.release()


def _renew(lease: Lease, over: threading.Event, seconds: float) -> None:
    while not over.wait(seconds):
        try:
            lease.check()
        except Overtaken:
            return
        except ServingError:
            continue  # the store may be back in time; each check before an effect says if not


def _free(terms: Terms, now: float, span: Span) -> bool:
    return terms.released or now > terms.expires + span.skew or terms.process.is_dead()


def _busy(store: LeaseStore, terms: Terms, now: float, span: Span) -> Busy:
    process = terms.process
    until = datetime.fromtimestamp(terms.expires + span.skew, UTC)
    return Busy(
        f"{store.where}: {terms.what} is being done by {terms.who} (process {process.pid} on "
        f"{process.host}) for {max(now - terms.since, 0):.0f} s, lease {terms.fence}; wait for it, "
        f"or stop it. Unless it renews, the lease is over at {until:%Y-%m-%d %H:%M:%S} UTC"
    )


def _read(store: LeaseStore, content: bytes) -> Terms:
    try:
        return _TERMS.validate_json(content)
    except ValidationError:
        raise InputError(
            f"{store.where}: holds no lease that can be read ({content[:40]!r}); make sure that no "
            "promotion runs, move it away, then try again"
        ) from None


@contextmanager
def _explained(store: LeaseStore) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ServingError(
            f"{store.where}: the lease cannot be written: {error.strerror or error}; nothing is "
            "done without it"
        ) from error
