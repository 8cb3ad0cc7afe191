"""No setting is forgotten in the table of what each of them touches."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from serving.settings import AwsSettings, parse
from tests.engine.changes import Change, table, together


def settings(model: type[BaseModel], above: str = "") -> Iterator[str]:
    """The paths of all that has no fields of its own; `*` stands for a name that people give."""
    for name, field in model.model_fields.items():
        sections = list(_sections(field.annotation))
        path = f"{above}{name}"
        if not sections:
            yield path
        for section, named in sections:
            yield from settings(section, f"{path}.*." if named else f"{path}.")


def _sections(annotation: Any, named: bool = False) -> Iterator[tuple[type[BaseModel], bool]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, named
    elif get_origin(annotation) is dict:
        yield from _sections(get_args(annotation)[1], named=True)
    elif get_origin(annotation) is Annotated:
        yield from _sections(get_args(annotation)[0], named)
    elif get_origin(annotation) in (Union, UnionType):
        for each in get_args(annotation):
            yield from _sections(each, named)


KNOWN = frozenset(settings(AwsSettings))


def of_a_setting(path: str) -> set[str]:
    """Which of those known a path of the table is, with names in the place of `*`."""
    names = path.split(".")
    return {
        known
        for known in KNOWN
        if len(parts := known.split(".")) <= len(names)
        and all(part in ("*", name) for part, name in zip(parts, names, strict=False))
    }


def test_every_setting_is_in_the_table_or_an_exception_with_its_reason() -> None:
    tried = {known for change in table().changes for known in of_a_setting(change.setting)}
    exceptions = table().exceptions
    assert KNOWN - tried == exceptions.keys()
    assert all(exceptions.values())
    assert len(table().changes) >= 30


def test_a_new_setting_would_be_missed() -> None:
    assert "network.cidr" in KNOWN
    assert "pools.*.time_slices" in KNOWN
    assert "traces.retention_days" in KNOWN
    assert of_a_setting("pools.gpu.capacity.vcpu") == {"pools.*.capacity.vcpu"}
    assert of_a_setting("network.cdir") == set()


def test_every_change_is_of_a_stack_that_is_allowed_and_changes_it() -> None:
    base = parse(table().base, "base")
    for change in table().changes:
        changed = parse(change.made(table().base), change.setting)
        assert changed != base, change.setting


def test_settings_that_are_changed_together_have_nothing_in_common() -> None:
    def change(setting: str, *resources: str) -> Change:
        touched = frozenset((resource, "update") for resource in resources)
        return Change(setting=setting, values={setting: 1}, touched=touched)

    one, other, same = change("a.b", "Vpc x"), change("c", "Vpc y"), change("d", "Vpc x")
    below, above = change("a.b.c"), change("a")
    assert together([one, other, same, below, above]) == [[one, other], [same, below], [above]]
    groups = together(table().changes)
    assert sum(map(len, groups)) == len(table().changes)
