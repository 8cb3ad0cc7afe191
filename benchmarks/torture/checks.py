"""What a promotion has left, looked at from outside: files, and nothing that the engine says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from benchmarks.torture.points import MODEL, Story
from benchmarks.torture.promoter import CHECKOUT, JOURNAL, LEASE, ROUTE, shares_of
from benchmarks.torture.workshop import locks
from serving.errors import ServingError
from serving.promotion.engine import FINAL
from serving.promotion.journal import records
from serving.promotion.journal_file import FileStore
from serving.promotion.lease import take
from serving.promotion.lease_store import lease_at
from serving.promotion.record import Effect, Ended, Intent, Outcome, Record
from serving.promotion.replay import replay
from tests.engine import small

KINDS: Final = (
    "wrong end state",
    "orphan",
    "duplicate",
    "wrong weights",
    "effect twice",
    "journal",
    "lock left",
    "stray process",
    "late effect",
)


@dataclass(frozen=True, kw_only=True)
class Problem:
    kind: str
    """Of KINDS."""
    what: str


def ended(folder: Path) -> Ended | None:
    """As the journal has it."""
    last = None
    for record in records(FileStore(folder / JOURNAL)):
        last = record.body
    return last if isinstance(last, Ended) else None


def problems(folder: Path, story: Story) -> list[Problem]:
    """After the end."""
    found = [*_objects(folder), *_locks(folder)]
    try:
        said = list(records(FileStore(folder / JOURNAL)))
        found += _journal(said, story)
        end = said[-1].body
    except ServingError as error:
        return [*found, Problem(kind="journal", what=str(error))]
    if not isinstance(end, Ended):
        return [*found, Problem(kind="journal", what=f"ends with {end}")]
    return [*found, *_end(folder, story, end), *_weights(folder, story, end.outcome)]


def state(folder: Path) -> Mapping[str, Any]:
    file = folder / "state" / ".pulumi" / "stacks" / "serving" / f"{small.STACK}.json"
    latest: Mapping[str, Any] = json.loads(file.read_bytes())["checkpoint"]["latest"]
    return latest


def cloud(folder: Path) -> Mapping[str, Any]:
    return small.Place(folder).found()


def _objects(folder: Path) -> Iterator[Problem]:
    there = cloud(folder)
    known = {
        each["id"]: each.get("inputs", {})
        for each in state(folder)["resources"]
        if each["type"].startswith("folder:")
    }
    for id_ in there.keys() - known.keys():
        kind = "duplicate" if id_.rstrip("~") in known else "orphan"
        yield Problem(kind=kind, what=f"{id_} is there, but in no state")
    for id_ in known.keys() - there.keys():
        yield Problem(kind="orphan", what=f"{id_} is in the state, but not there")
    for id_ in known.keys() & there.keys():
        if known[id_] != there[id_]:
            what = f"{id_} is {there[id_]}, but {known[id_]} in the state"
            yield Problem(kind="wrong end state", what=what)
    if pending := state(folder).get("pending_operations"):
        yield Problem(kind="wrong end state", what=f"pending operations: {pending}")


def _locks(folder: Path) -> Iterator[Problem]:
    for file in locks(folder):
        yield Problem(kind="lock left", what=f"{file.name}: {file.read_text()}")
    try:
        take(lease_at(str(folder / LEASE)), "lee", "something else").release()
    except ServingError as error:
        yield Problem(kind="lock left", what=str(error))


def _journal(said: Sequence[Record], story: Story) -> Iterator[Problem]:
    """Reading it has proven the chain."""
    if (difference := replay(said).difference) is not None:
        yield Problem(kind="journal", what=f"replays otherwise: {difference}")
    confirmed, intent = Counter[tuple[str, int | None]](), None
    for record in said:
        match record.body:
            case Intent() as body:
                intent = body
            case Effect(confirmed=True) if intent is not None:
                confirmed[intent.action, intent.weight] += 1
            case Effect() if intent is None:
                yield Problem(kind="journal", what=f"line {record.number}: effect, no intent")
    for (action, weight), times in confirmed.items():
        if times > max(list(story.weights[1:]).count(weight or 0), 1):
            what = f"{action} {weight} was confirmed {times} times"
            yield Problem(kind="effect twice", what=what)


def _end(folder: Path, story: Story, end: Ended) -> Iterator[Problem]:
    entry = {k: v for k, v in _deployed(folder).items() if k != "revision"}
    promoted: dict[str, int] = {"stable": 2, "previous": 1, "weight": 0}
    wanted = {"promoted": promoted, "rolled back": {"stable": 1, "weight": 0}}.get(end.outcome)
    if end.outcome in FINAL and entry != wanted:
        yield Problem(kind="wrong end state", what=f"{end.outcome}, but deployed is {entry}")
    if end.outcome in FINAL and end.outcome != story.outcome:
        yield Problem(kind="wrong end state", what=f"{end.outcome}: {end.reason}")
    if not end.reason:
        yield Problem(kind="wrong end state", what=f"{end.outcome} without a reason")
    file = small.Place(folder).checkout(CHECKOUT) / f"Pulumi.{small.STACK}.yaml"
    configured = yaml.safe_load(file.read_text())["config"]["serving:releases"][MODEL]
    if {"weight": 0, "revision": 0} | configured != {"weight": 0} | _deployed(folder):
        what = f"the configuration says {configured}, deployed is {_deployed(folder)}"
        yield Problem(kind="wrong end state", what=what)


def _deployed(folder: Path) -> dict[str, Any]:
    stack = next(
        each for each in state(folder)["resources"] if "outputs" in each and not each.get("parent")
    )
    entry: dict[str, Any] = stack["outputs"]["releases"][MODEL]
    return entry


def _weights(folder: Path, story: Story, outcome: Outcome) -> Iterator[Problem]:
    """Each one once, in order, among servers that were there, and no object made twice."""
    objects: set[str] = set()
    made = Counter[tuple[str, str]]()
    seen: list[Mapping[int, int]] = []
    for line in (folder / "operations").read_text(encoding="utf-8").splitlines():
        done = json.loads(line)
        operation, id_, inputs = done["operation"], done["id"], done["inputs"]
        if operation == "delete":
            objects.discard(id_)
            continue
        made[operation, id_] += operation == "create"
        objects.add(id_)
        if id_ != ROUTE:
            continue
        shares = shares_of(inputs)
        if sum(shares.values()) != 100 or any(f"{MODEL}-{v}" not in objects for v in shares):
            yield Problem(kind="wrong weights", what=f"{shares} among {sorted(objects)}")
        if not seen or seen[-1] != shares:
            seen.append(shares)
    for (_, id_), times in made.items():
        if times > 1:
            yield Problem(kind="effect twice", what=f"{id_} was made {times} times")
    weights = [each.get(2, 0) for each in seen]
    if outcome == story.outcome and weights != list(story.weights):
        what = f"the weights were {weights}, not {list(story.weights)}"
        yield Problem(kind="effect twice", what=what)
