"""Process: a program on this machine that is started, waited for, watched and stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import pulumi
from pulumi.dynamic import Resource

from components.local import supervision
from components.local.provider import ByName, Props

KEY = "name"


@dataclass(frozen=True, kw_only=True)
class Probe:
    url: str
    body: str = ""
    """Posted as JSON; without one the question is a GET."""


@dataclass(frozen=True, kw_only=True)
class ProcessArgs:
    kind: str
    """For people: `triton`, `gateway`."""
    command: pulumi.Input[Sequence[str]]
    records: str
    """The folder of the records by which processes are known."""
    log: str
    folder: str
    """Where it runs."""
    ready: Sequence[Probe]
    """It has started when each of them has answered 2xx."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """All of it: nothing is inherited, so that a stack is the same from every shell."""
    ports: Mapping[str, int] = field(default_factory=dict)
    """By purpose; must be free."""
    ready_seconds: float = 60.0
    alive: Probe | None = None
    """Asked whenever the stack is updated: one that does not answer is started again."""
    alive_seconds: float = 5.0
    stop_seconds: float = 15.0
    """Between being asked to end and being killed."""
    chatter: str = ""
    """Matches lines of its log that never say why it failed."""
    restarts_on: str = ""
    """Names what it reads only when it starts: with another it is started again."""
    linked: Mapping[str, str] = field(default_factory=dict)
    """Folders made of links to the files of another one, anew with each start: the program may
    write beside what it must not change."""
    leaves: Sequence[str] = ()
    """Patterns of files that it leaves where it had to be killed."""


class Process(Resource, module="serving", name="Process"):
    pid: pulumi.Output[int]

    def __init__(
        self, name: str, args: ProcessArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        probes = {
            "ready": [asdict(probe) for probe in args.ready],
            "alive": asdict(args.alive) if args.alive else None,
        }
        super().__init__(
            ByName(__name__), name, {**vars(args), **probes, "name": name, "pid": None}, opts
        )


def create(props: Props) -> Props:
    return {**props, "pid": supervision.start(props)["pid"]}


def update(olds: Props, news: Props) -> Props:
    supervision.stop(olds)
    return create(news)


def differs(olds: Props, news: Props) -> bool:
    changed = any(olds.get(name) != value for name, value in news.items() if name in _ASKED)
    return changed or not exists(news)


def exists(props: Props) -> bool:
    return not supervision.wrong_with(props)


def delete(props: Props) -> None:
    supervision.stop(props)


_ASKED = frozenset(ProcessArgs.__dataclass_fields__) - {"alive", "alive_seconds"}
"""What it is asked while it runs is no reason to start it again."""
