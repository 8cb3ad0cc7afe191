"""The stack that a promotion changes: its deployed releases are the truth, the engine the way."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from pulumi import automation as auto
from pulumi.automation.errors import ConcurrentUpdateError, StackNotFoundError

from serving.errors import InputError, ServingError
from serving.promotion.engine_lock import folder_of, locks_in
from serving.promotion.unfinished import Find, settle
from serving.settings import Release

Changes: TypeAlias = Mapping[str, Release | None]
"""By model; None takes the model out of the table."""
KEY: Final = "serving:releases"
POLL_SECONDS: Final = 1.0
ATTEMPTS: Final = 5
"""To merge, where other promotions change the same stack meanwhile."""


class Locked(ServingError):
    """Somebody alive is changing the stack."""


class UpdateFailed(ServingError):
    """The engine says so. What came into force is for the read-back to say."""


class Stack(Protocol):
    def deployed(self) -> Mapping[str, Release]: ...

    def locked_by(self) -> str:
        """Who holds it and for how long; empty where nobody does, or that cannot be known."""
        ...

    def apply(self, changes: Changes, patience: float) -> None:
        """Merged into what is deployed. Raises Locked after `patience` seconds, UpdateFailed."""
        ...


class PulumiStack:
    def __init__(
        self,
        stack: auto.Stack,
        find: Find,
        *,
        policy_packs: Sequence[str] = (),
        tell: Callable[[str], None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._stack = stack
        self._find = find
        self._policy_packs = list(policy_packs)
        self._tell = tell
        self._sleep = sleep
        workspace = stack.workspace
        backend = workspace.who_am_i().url or ""
        self._locks = folder_of(backend, workspace.project_settings().name, stack.name)

    @classmethod
    def select(
        cls, name: str, checkout: Path, program: Callable[[], None], find: Find, **options: Any
    ) -> PulumiStack:
        """Never creates one: without its state every object would be made a second time."""
        workspace = auto.LocalWorkspace(work_dir=str(checkout), program=program)
        try:
            return cls(auto.Stack.select(name, workspace), find, **options)
        except StackNotFoundError:
            raise InputError(
                f"{checkout}: there is no stack {name} in {workspace.who_am_i().url}; was its "
                "state lost, restore it (a file backend keeps `.bak` beside it), or log in to the "
                "backend that has it"
            ) from None

    def deployed(self) -> Mapping[str, Release]:
        with self._explained():
            output = self._stack.outputs().get("releases")
        table = output.value if output else {}
        return {
            model: Release.model_validate(entry, strict=False) for model, entry in table.items()
        }

    def locked_by(self) -> str:
        locks = locks_in(self._locks) if self._locks else []
        return ", ".join(str(lock) for lock in locks if not lock.abandoned)

    def apply(self, changes: Changes, patience: float) -> None:
        until = time.monotonic() + patience
        overtaken = 0
        while overtaken < ATTEMPTS:
            self._free(until)
            before = self.deployed()
            try:
                self._update(merged(before, changes))
                return
            except ConcurrentUpdateError as error:
                self._wait(until, self.locked_by() or _told(error))
            except auto.CommandError as error:
                if {**self.deployed(), **changes} == {**before, **changes}:
                    raise UpdateFailed(f"stack {self._stack.name}: {_told(error)}") from error
                overtaken += 1
        raise Locked(f"stack {self._stack.name}: others changed it {ATTEMPTS} times meanwhile")

    def _update(self, table: Mapping[str, Release]) -> None:
        self._configure(table)
        settle(self._stack, self._find)
        self._stack.up(policy_packs=self._policy_packs)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except auto.CommandError as error:
            raise UpdateFailed(f"stack {self._stack.name}: {_told(error)}") from error

    def _configure(self, table: Mapping[str, Release]) -> None:
        document = {name: entry.model_dump(exclude_none=True) for name, entry in table.items()}
        value = {"value": json.dumps(document), "objectValue": document, "secret": False}
        self._stack.set_all_config_json(json.dumps({KEY: value}))

    def _free(self, until: float) -> None:
        """Waits for those who live, and clears away what the dead have left."""
        while self._locks and (locks := locks_in(self._locks)):
            for lock in locks:
                if lock.abandoned:
                    self._tell(f"removing the lock of a dead engine: {lock}")
                    lock.remove()
            if held := self.locked_by():
                self._wait(until, held)

    def _wait(self, until: float, held: str) -> None:
        if time.monotonic() >= until:
            raise Locked(f"stack {self._stack.name}: is being changed by {held}")
        self._tell(f"waiting for {held}")
        self._sleep(POLL_SECONDS)


def merged(deployed: Mapping[str, Release], changes: Changes) -> Mapping[str, Release]:
    """Only what changes gets a new revision, so that repeating a change changes nothing."""
    table = dict(deployed)
    for model, wanted in changes.items():
        before = deployed.get(model)
        if wanted is None:
            table.pop(model, None)
            continue
        revision = before.revision if before else 0
        again = before is not None and wanted.model_copy(update={"revision": revision}) == before
        table[model] = wanted.model_copy(update={"revision": revision + (not again)})
    return table


def _told(error: auto.CommandError) -> str:
    """What the engine says is wrong, without the resources that are well."""
    lines = [line.strip() for line in str(error).splitlines()]
    wrong = [line.partition("error: ")[2] for line in lines if "error: " in line]
    return "; ".join(dict.fromkeys(filter(None, wrong))) or " ".join(lines)[-500:]
