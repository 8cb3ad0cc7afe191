"""What every component promises, as checks that take any component."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final, TypeAlias

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from tests.conftest import Graph, Registered, synthesise

Promise: TypeAlias = Callable[["Case"], None]


class Outer(pulumi.ComponentResource):
    def __init__(self) -> None:
        super().__init__("test:index:Outer", "outer")


@dataclasses.dataclass(frozen=True)
class Case:
    """One component with valid arguments, built in the ways that tell right from wrong."""

    component: type[Any]
    args: Any

    @cached_property
    def alone(self) -> Graph:
        return synthesise(lambda: self.component("thing", self.args))

    @cached_property
    def in_a_preview(self) -> Graph:
        return synthesise(lambda: self.component("thing", self.args), preview=True)

    @cached_property
    def placed(self) -> Graph:
        """Inside another component, beside a second one of its kind, with every option."""

        def build() -> None:
            first = self.component("other", self.args)
            opts = pulumi.ResourceOptions(
                parent=Outer(),
                protect=True,
                depends_on=[first],
                providers=[aws.Provider("ours-aws"), k8s.Provider("ours-kubernetes")],
            )
            self.component("thing", self.args, opts)

        return synthesise(build)

    def itself(self, graph: Graph) -> Registered:
        return graph.one(f"serving:index:{self.component.__name__}", "thing")

    def below(self, graph: Graph, name: str = "thing") -> list[Registered]:
        top = graph.one(f"serving:index:{self.component.__name__}", name)
        by_urn = {resource.urn: resource for resource in graph}

        def is_below(resource: Registered) -> bool:
            parent = by_urn.get(resource.parent)
            return parent is not None and (parent is top or is_below(parent))

        return [resource for resource in graph if is_below(resource)]


def has_the_one_shape(case: Case) -> None:
    """`Thing(name, args, opts=None)` with a frozen keyword-only `ThingArgs` beside it."""
    parameters = inspect.signature(case.component.__init__).parameters
    assert list(parameters) == ["self", "name", "args", "opts"]
    assert parameters["opts"].default is None
    hint = typing.get_type_hints(case.component.__init__)["args"]
    assert hint.__name__ == f"{case.component.__name__}Args"
    assert hint is vars(sys.modules[case.component.__module__])[hint.__name__]
    assert hint.__dataclass_params__.frozen
    assert all(field.kw_only for field in dataclasses.fields(hint))


def has_its_class_for_a_token(case: Case) -> None:
    assert case.itself(case.alone)


def owns_all_it_registers(case: Case) -> None:
    """Even when it is placed inside another component."""
    graph = case.placed
    ours = [*case.below(graph), *case.below(graph, "other"), case.itself(graph)]
    strangers = [resource for resource in graph if resource not in ours]
    assert sorted(resource.name for resource in strangers) == [
        "other", "ours-aws", "ours-kubernetes", "outer",
    ]  # fmt: skip


def names_all_after_itself(case: Case) -> None:
    """So that two of a kind can live in one stack."""
    for resource in case.below(case.placed):
        assert resource.name.split("-")[0] == "thing", resource.urn
    for resource in case.below(case.placed, "other"):
        assert resource.name.split("-")[0] == "other", resource.urn


def publishes_its_annotated_outputs(case: Case) -> None:
    annotated = inspect.get_annotations(case.component)
    outputs = case.itself(case.alone).outputs
    assert outputs is not None, "register_outputs was never called"
    assert outputs.keys() == annotated.keys()
    for name, value in outputs.items():
        assert value is not None, name
        assert "Output[" in annotated[name], f"{name}: {annotated[name]}"


def obeys_its_options(case: Case) -> None:
    itself = case.itself(case.placed)
    assert itself.protect
    assert itself.parent == case.placed.one("test:index:Outer").urn
    assert itself.dependencies
    for resource in case.below(case.placed):
        assert resource.protect, resource.urn
        dynamic = resource.type.startswith("pulumi-python:")  # brings its own provider
        assert resource.providers or dynamic, resource.urn
        assert all("::ours-" in provider for provider in resource.providers), resource.urn


def looks_nothing_up(case: Case) -> None:
    """No config, no function of a provider, no environment: all it knows is in its arguments."""
    assert not case.alone.lookups
    assert "os" not in vars(sys.modules[case.component.__module__])


def makes_no_provider(case: Case) -> None:
    assert not [each for each in case.alone if each.type.startswith("pulumi:providers:")]


def registers_the_same_in_a_preview(case: Case) -> None:
    """What is made inside `apply` is missing until everything is known."""
    assert case.in_a_preview.names() == case.alone.names()


PROMISES: Final[Mapping[str, Promise]] = {
    promise.__name__: promise
    for promise in (
        has_the_one_shape,
        has_its_class_for_a_token,
        owns_all_it_registers,
        names_all_after_itself,
        publishes_its_annotated_outputs,
        obeys_its_options,
        looks_nothing_up,
        makes_no_provider,
        registers_the_same_in_a_preview,
    )
}
