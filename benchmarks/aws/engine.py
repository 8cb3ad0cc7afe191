"""A stack in the real engine, and the same number of bare resources."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import pulumi
from pulumi import automation as auto

from tests.engine.conftest import Engine, environment, install_doubles, main

STACK: Final = "prod"
_PROVIDERS: Final = "pulumi:providers:"
_REMOTE: Final = "eks:index:Cluster"
"""A provider's component: the provider makes its children."""
_SECRET: Final = "4dabf18193072939515e22adb298388d"  # noqa: S105  marks secrets in a state

Program: TypeAlias = Callable[[], None]
Options: TypeAlias = pulumi.ResourceOptions


@contextmanager
def backend(folder: Path) -> Iterator[Engine]:
    plugins = folder / "plugins"
    plugins.mkdir()
    install_doubles(plugins)
    before = dict(os.environ)
    os.environ.update(environment(folder, plugins))
    try:
        yield Engine(folder)
    finally:
        os.environ.clear()
        os.environ.update(before)


@dataclass(frozen=True)
class Bare:
    """What a state says of one resource."""

    type: str
    name: str
    urn: str
    parent: str | None
    provider: str | None
    custom: bool
    inputs: Mapping[str, Any]


def bares(resources: Sequence[Mapping[str, Any]]) -> Sequence[Bare]:
    """Without the stack itself, the engine's own providers, and what another provider makes."""
    remote = {each["urn"] for each in resources if each["type"] == _REMOTE}
    made = {each["parent"]: each for each in resources if each.get("parent") in remote}
    return [
        Bare(
            type=each["type"],
            name=each["urn"].rpartition("::")[2],
            urn=each["urn"],
            parent=each.get("parent"),
            provider=each.get("provider", "").rpartition("::")[0] or None,
            custom=each["custom"],
            inputs=_plain(
                _asked(made[each["urn"]]["inputs"])
                if each["urn"] in made
                else each.get("inputs", {})
            ),
        )
        for each in resources
        if each["type"] != "pulumi:pulumi:Stack"
        and not (each["type"].startswith(_PROVIDERS) and "::default" in each["urn"])
        and each.get("parent") not in remote
    ]


def _asked(control_plane: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the component was asked for, which a state does not tell, by what it has made."""
    return {
        "name": control_plane["name"],
        "version": control_plane["version"],
        "subnetIds": control_plane["vpcConfig"]["subnetIds"],
        "authenticationMode": control_plane["accessConfig"]["authenticationMode"],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        if _SECRET in value:
            return ""
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def registering(found: Sequence[Bare]) -> Program:
    """A program of nothing but these: kinds, names, parents and inputs are the same; nobody waits
    for anybody's outputs, and nothing has to be worked out."""

    def program() -> None:
        made: dict[str, pulumi.Resource] = {}
        for each in found:
            parent = made.get(each.parent or "")
            provider = made.get(each.provider or "")
            opts = Options(parent=parent)
            if isinstance(provider, pulumi.ProviderResource):
                opts.provider = provider
            made[each.urn] = _registered(each, opts)

    return program


class _Resource(pulumi.CustomResource):
    """A class of its own, as each kind has in the SDKs: the engine keeps the lines of whoever made
    an object of one, and of nobody who made a plain `CustomResource`."""

    def __init__(self, type_: str, name: str, inputs: pulumi.Inputs, opts: Options) -> None:
        super().__init__(type_, name, inputs, opts)


class _Component(pulumi.ComponentResource):
    def __init__(self, type_: str, name: str, inputs: pulumi.Inputs | None, opts: Options) -> None:
        super().__init__(type_, name, inputs, opts, remote=inputs is not None)


def _registered(each: Bare, opts: Options) -> pulumi.Resource:
    if each.type.startswith(_PROVIDERS):
        package = each.type.removeprefix(_PROVIDERS)
        return pulumi.ProviderResource(package, each.name, dict(each.inputs), opts)
    if each.custom:
        return _Resource(each.type, each.name, dict(each.inputs), opts)
    return _Component(
        each.type, each.name, dict(each.inputs) if each.type == _REMOTE else None, opts
    )


@dataclass(frozen=True)
class Measuring:
    engine: Engine

    def stack(self, program: Program) -> auto.Stack:
        return self.engine.stack(STACK, program, written_once=False)

    def deployed(self) -> Sequence[Mapping[str, Any]]:
        """The state's resources, once the stack is there."""
        stack = self.engine.stack(STACK)
        stack.up()
        found: Sequence[Mapping[str, Any]] = (stack.export_stack().deployment or {})["resources"]
        self._forget(stack)
        return found

    def preview(self, program: Program) -> float:
        stack = self.stack(program)
        begun = time.perf_counter()
        stack.preview()
        return time.perf_counter() - begun

    def up(self, program: Program) -> float:
        stack = self.stack(program)
        begun = time.perf_counter()
        stack.up()
        seconds = time.perf_counter() - begun
        self._forget(stack)
        return seconds

    def _forget(self, stack: auto.Stack) -> None:
        stack.workspace.remove_stack(STACK, force=True)
        # its removal takes the settings away as well
        shutil.rmtree(self.engine.folder / STACK)


def rounds(engine: Engine, count: int) -> tuple[Mapping[str, Mapping[str, Sequence[float]]], int]:
    """Seconds by what was done and by side, and how many resources each side has. The sides take
    turns, and turns in being first."""
    measuring = Measuring(engine)
    resources = bares(measuring.deployed())
    sides: Mapping[str, Program] = {"ours": main, "bare": registering(resources)}
    found: dict[str, dict[str, list[float]]] = {
        what: {side: [] for side in sides} for what in ("preview", "up")
    }
    for index in range(count):
        for what, measure in (("preview", measuring.preview), ("up", measuring.up)):
            for side in sorted(sides, reverse=bool(index % 2)):
                found[what][side].append(measure(sides[side]))
    return found, len(resources)
