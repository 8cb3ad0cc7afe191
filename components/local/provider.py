"""The provider of everything on this machine: a shim that finds its work by name.

Pulumi keeps a provider in the state as it is. With its work elsewhere, an edit there is no change
of every resource.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol, cast

from pulumi.dynamic import CreateResult, DiffResult, ReadResult, ResourceProvider, UpdateResult

Props = dict[str, Any]


class Work(Protocol):
    """What a module offers for its kind of resource; outputs are the inputs and what was learnt."""

    KEY: str
    """The input that names the thing: with another it is another thing."""

    def create(self, props: Props) -> Props: ...

    def differs(self, olds: Props, news: Props) -> bool:
        """In what was asked for, or because it is not there as it was left."""
        ...

    def update(self, olds: Props, news: Props) -> Props: ...

    def exists(self, props: Props) -> bool: ...

    def delete(self, props: Props) -> None: ...


class ByName(ResourceProvider):
    def __init__(self, module: str) -> None:
        super().__init__()
        self.module = module

    def _work(self) -> Work:
        return cast(Work, import_module(self.module))

    def create(self, props: Props) -> CreateResult:
        work = self._work()
        return CreateResult(props[work.KEY], work.create(props))

    def diff(self, id_: str, olds: Props, news: Props) -> DiffResult:
        work = self._work()
        replaces = [work.KEY] if olds[work.KEY] != news[work.KEY] else []
        return DiffResult(changes=bool(replaces) or work.differs(olds, news), replaces=replaces)

    def update(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        return UpdateResult(self._work().update(olds, news))

    def read(self, id_: str, props: Props) -> ReadResult:
        return ReadResult(id_ if self._work().exists(props) else "", props)

    def delete(self, id_: str, props: Props) -> None:
        self._work().delete(props)
