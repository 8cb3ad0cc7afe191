"""A promoter that is cut off from one of the programs it needs: what it does not know, it does not
assume. Row 63 of the failures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

import pytest

from serving.ground import ground_of
from serving.promotion.course import Course
from serving.promotion.decision import Verdict
from serving.promotion.envoy_route import EnvoyRoute
from serving.promotion.ground import Ground
from serving.promotion.phases import Phase
from serving.promotion.promoting import promote
from serving.promotion.ready import Person, Wish
from serving.promotion.record import Decided, Intent, Observed, Record
from serving.promotion.setting import Setting
from serving.stacks.local.status import addresses
from tests.live.links import CUTS, Cut, Link, link
from tests.live.promotions import MODEL, STEP, Lab, lab

pytestmark = pytest.mark.live

CUT_SECONDS: Final = 9.0
"""Three windows."""
GATEWAY: Final = "the gateway's administration"
PROMETHEUS: Final = "Prometheus"
SERVERS: Final = "the servers"

T = TypeVar("T")


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("cut-off")
    with pytest.MonkeyPatch.context() as environment, lab(folder, built) as made:
        environment.setenv("SERVING_STATE", str(folder))
        yield made


class Behind:
    """The ground of a promoter that reaches everything over links, one of which is cut once."""

    def __init__(self, lab: Lab, stack: ExitStack) -> None:
        self._lab, self._stack = lab, stack
        self._place = lab.stack.place
        known = addresses(self._place)
        self._admin = self._link(known.gateway_admin.removeprefix("http://"))
        self._prometheus = self._link(known.prometheus.removeprefix("http://"))
        self._servers: dict[str, Link] = {}

    def ground(self) -> Ground:
        real = ground_of(self._place.name)
        return replace(
            real,
            route=EnvoyRoute(f"http://{self._admin.address}", self._place.envoy / "routes.json"),
            prometheus=f"http://{self._prometheus.address}",
            endpoints=lambda model, version: [
                replace(each, http=self._to(each.http), grpc=self._to(each.grpc))
                for each in real.endpoints(model, version)
            ],
        )

    def cut(self, name: str, how: Cut | None) -> None:
        links: Mapping[str, list[Link]] = {
            GATEWAY: [self._admin],
            PROMETHEUS: [self._prometheus],
            SERVERS: list(self._servers.values()),
        }
        for each in links[name]:
            if how is None:
                each.restore()
            else:
                each.cut = how

    def _to(self, address: str) -> str:
        if address not in self._servers:
            self._servers[address] = self._link(address)
        return self._servers[address].address

    def _link(self, address: str) -> Link:
        return self._stack.enter_context(link(address))


@pytest.mark.full
@pytest.mark.parametrize("how", CUTS)
@pytest.mark.parametrize("name", [GATEWAY, PROMETHEUS, SERVERS])
def test_who_is_cut_off_while_watching_holds_and_goes_on_afterwards(
    ground: Lab, name: str, how: Cut
) -> None:
    course = promoted(ground, name, how, lambda record: is_watched(record.body))
    blind = [body.window.unmet for body in course.during(Observed)]
    assert any(blind) == (name == PROMETHEUS)


@pytest.mark.full
@pytest.mark.parametrize("how", CUTS)
def test_who_cannot_read_a_change_back_neither_believes_nor_denies_it(
    ground: Lab, how: Cut
) -> None:
    promoted(ground, GATEWAY, how, lambda record: is_change(record.body))


@dataclass(frozen=True)
class Heard:
    records: Sequence[tuple[float, Record]]
    cut: tuple[float, float]

    def during(self, kind: type[T]) -> list[T]:
        """From the cut until the link was there again."""
        since, until = self.cut
        bodies = [record.body for at, record in self.records if since <= at <= until]
        return [body for body in bodies if isinstance(body, kind)]


def promoted(ground: Lab, name: str, how: Cut, begins: Callable[[Record], bool]) -> Heard:
    """The other version, by a promoter that is cut off once."""
    begun, heard, moments = time.time(), [], list[float]()
    with ExitStack() as stack:
        behind = Behind(ground, stack)

        def restored() -> None:
            behind.cut(name, None)
            moments.append(time.time())

        def hear(course: Course, record: Record) -> None:
            heard.append((time.time(), record))
            if not moments and begins(record):
                moments.append(time.time())
                behind.cut(name, how)
                threading.Timer(CUT_SECONDS, restored).start()

        (stable,) = ground.shares
        person, stop = Person(who="tests", commit=""), threading.Event()
        setting = Setting(ground=behind.ground(), person=person, heard=hear, stop=stop)
        wish = Wish(model=MODEL, version=3 - stable, older=stable == 2, waive="no history")
        (result,) = promote(setting, [wish])
    assert result.ended is not None
    assert result.ended.outcome == "promoted"
    assert ground.shares == {3 - stable: 100}
    assert [each for each in ground.requests(begun) if each.outcome == "lost"] == []
    cut, back = moments
    course = Heard(heard, (cut, back))
    for decided in course.during(Decided):
        assert decided.decision.verdict in (Verdict.HOLD, Verdict.ADVANCE)
    return course


def is_watched(body: object) -> bool:
    return isinstance(body, Observed) and body.window.weight == STEP


def is_change(body: object) -> bool:
    return isinstance(body, Intent) and body.action == Phase.SHIFT and body.weight == STEP
