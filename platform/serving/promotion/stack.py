"""The stack that a promotion changes: its deployed releases are the truth, the engine the way."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol, Self, TypeAlias

import pulumi
from pulumi import automation as auto
from pulumi.automation.errors import ConcurrentUpdateError, StackNotFoundError

from serving.errors import InputError, ServingError
from serving.promotion.engine_lock import folder_of, locks_in
from serving.promotion.engine_messages import told, without_traceback
from serving.promotion.journal import Overtaken
from serving.promotion.unfinished import Find, settle
from serving.settings import Release

Changes: TypeAlias = Mapping[str, Release | None]
"""By model; None takes the model out of the table."""
KEY: Final = "serving:releases"
_STACK: Final = "pulumi:pulumi:Stack"
POLL_SECONDS: Final = 1.0
ATTEMPTS: Final = 5
"""To merge, where other promotions change the same stack meanwhile."""


Still: TypeAlias = Callable[[], None]
"""Raises Overtaken where somebody else has gone on in the meantime."""


def always() -> None: ...


class Locked(ServingError):
    """Somebody alive is changing the stack."""


class _Replaced(Exception):
    """Another process has written its own table over ours since."""


class UpdateFailed(ServingError):
    """The engine says so. What came into force is for the read-back to say."""


class Stack(Protocol):
    def deployed(self) -> Mapping[str, Release]: ...

    def locked_by(self) -> str:
        """Who holds it and for how long; empty where nobody does, or that cannot be known."""
        ...

    def apply(self, changes: Changes, patience: float, still: Still = always) -> None:
        """Merged into what is deployed. Raises Locked after `patience` seconds, UpdateFailed, and
        what `still` raises, which is asked once more while nobody else can change the stack."""
        ...


class PulumiStack:
    def __init__(
        self,
        stack: auto.Stack,
        find: Find,
        *,
        policy_packs: Sequence[str] = (),
        tell: Callable[[str], None] = lambda _: None,
        on_event: Callable[[auto.EngineEvent], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._stack = _Terse.of(stack)
        self._find = find
        self._policy_packs = list(policy_packs)
        self._tell = tell
        self._on_event = on_event or (lambda _: None)
        self._sleep = sleep
        workspace = stack.workspace
        backend = workspace.who_am_i().url or ""
        self._locks = folder_of(backend, workspace.project_settings().name, stack.name)

    @classmethod
    def select(
        cls, name: str, checkout: Path, program: Callable[[], None], find: Find, **options: Any
    ) -> Self:
        workspace = auto.LocalWorkspace(work_dir=str(checkout), program=program)
        return cls.of(name, workspace, find, **options)

    @classmethod
    def of(cls, name: str, workspace: auto.LocalWorkspace, find: Find, **options: Any) -> Self:
        """Never creates one: without its state every object would be made a second time."""
        try:
            return cls(auto.Stack.select(name, workspace), find, **options)
        except StackNotFoundError:
            raise InputError(
                f"{workspace.work_dir}: there is no stack {name} in {workspace.who_am_i().url}; "
                "was its state lost, restore it (a file backend keeps `.bak` beside it), or log in "
                "to the backend that has it"
            ) from None
        except auto.CommandError as error:
            raise UpdateFailed(f"stack {name}: {told(error)}") from error

    def deployed(self) -> Mapping[str, Release]:
        return deployed_in(self._state()) or {}

    def _state(self) -> auto.Deployment:
        with self._explained():
            return self._stack.export_stack()

    def locked_by(self) -> str:
        locks = locks_in(self._locks) if self._locks else []
        return ", ".join(str(lock) for lock in locks if not lock.abandoned)

    def apply(self, changes: Changes, patience: float, still: Still = always) -> None:
        until = time.monotonic() + patience
        overtaken = 0
        while overtaken < ATTEMPTS:
            self._free(until)
            state, wrong = self._state(), list[str]()
            deployed, configured = deployed_in(state), self._configured()
            before, table = deployed or {}, merged(waiting(configured, deployed), changes)
            still()
            try:
                if table != configured:
                    self._configure(table)
                settle(self._stack, state, self._find)
                self._up(wrong, still, {model: table.get(model) for model in changes})
                return
            except Overtaken:
                self._unconfigure(changes)
                raise
            except _Replaced:
                overtaken += 1
            except ConcurrentUpdateError as error:
                self._wait(until, self.locked_by() or told(error))
            except auto.CommandError as error:
                if {**self.deployed(), **changes} == {**before, **changes}:
                    said = "; ".join(dict.fromkeys(wrong)) or told(error)
                    raise UpdateFailed(f"stack {self._stack.name}: {said}") from error
                overtaken += 1
        raise Locked(f"stack {self._stack.name}: others changed it {ATTEMPTS} times meanwhile")

    def _up(self, wrong: list[str], still: Still, wanted: Changes) -> None:
        """What the engine says is wrong is added to `wrong`."""
        late: list[Overtaken | _Replaced] = []
        program = self._stack.workspace.program
        if program is None:
            raise TypeError("a promotion hands its program to the engine itself")

        def checked() -> None:
            try:
                still()
                _check(wanted)
            except (Overtaken, _Replaced) as error:
                late.append(error)
                # an error that said nothing would be a program that wants nothing to be there
                raise pulumi.RunError(f"nothing is changed: {error!r}") from error
            program()

        def heard(event: auto.EngineEvent) -> None:
            said, refused = event.diagnostic_event, event.policy_event
            if said is not None and said.severity == "error":
                wrong.append(without_traceback(said.message))
            if refused is not None and refused.enforcement_level == "mandatory":
                wrong.append(" ".join(refused.message.split()))
            self._on_event(event)

        try:
            self._stack.up(policy_packs=self._policy_packs, on_event=heard, program=checked)
        except auto.CommandError as error:
            if late:
                raise late[0] from error
            raise

    def destroy(self, patience: float) -> None:
        """Raises Locked after `patience` seconds, UpdateFailed."""
        self._free(time.monotonic() + patience)
        with self._explained():
            settle(self._stack, self._state(), self._find)
            self._stack.destroy(on_event=self._on_event)

    def _unconfigure(self, changes: Changes) -> None:
        """Nobody else's update is to bring into force what was too late for ours."""
        deployed, configured = self.deployed(), dict(self._configured())
        for model in changes:
            configured.pop(model, None)
            if model in deployed:
                configured[model] = deployed[model]
        self._configure(configured)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except auto.CommandError as error:
            raise UpdateFailed(f"stack {self._stack.name}: {told(error)}") from error

    def _configured(self) -> Mapping[str, Release]:
        with self._explained():
            value = self._stack.get_all_config().get(KEY)
        return _table(json.loads(value.value)) if value and value.value else {}

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


class _Terse(auto.Stack):
    """Its updates tell nothing afterwards: outputs and history would start the engine twice more,
    and nobody reads them."""

    @classmethod
    def of(cls, stack: auto.Stack) -> Self:
        terse = cls.__new__(cls)
        vars(terse).update(vars(stack))
        return terse

    def outputs(self) -> auto.OutputMap:
        return {}

    def info(self, show_secrets: bool | None = None) -> Any:
        return ()


def _check(wanted: Changes) -> None:
    """What the engine was started with, while nobody else can start it."""
    table = _table(json.loads(pulumi.runtime.get_config(KEY) or "{}"))
    if {model: table.get(model) for model in wanted} != wanted:
        raise _Replaced


def deployed_in(state: auto.Deployment) -> Mapping[str, Release] | None:
    """None before the first update, and after the stack was destroyed."""
    resources = (state.deployment or {}).get("resources") or []
    outputs: Mapping[str, Any] = next(
        (r["outputs"] for r in resources if r["type"] == _STACK and "outputs" in r), {}
    )
    return _table(outputs["releases"]) if "releases" in outputs else None


def waiting(
    configured: Mapping[str, Release], deployed: Mapping[str, Release] | None
) -> Mapping[str, Release]:
    """What is deployed, under what people have configured since: a checkout that is older than
    that brings nothing back, and nobody's edit is lost."""
    if deployed is None:
        return configured
    edits = {
        model: entry
        for model, entry in configured.items()
        if (entry.revision >= deployed[model].revision if model in deployed else not entry.revision)
    }
    return {**deployed, **edits}


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


def _table(entries: Mapping[str, Any]) -> Mapping[str, Release]:
    return {model: Release.model_validate(entry, strict=False) for model, entry in entries.items()}
