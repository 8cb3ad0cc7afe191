"""From a parsed document to a typed object: every pydantic error becomes a Problem with a place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from serving.contract.document import Document
from serving.contract.fields import MEANING
from serving.contract.problem import DocumentError, JsonPath, Problem, show

Model = TypeVar("Model", bound=BaseModel)

_KINDS: Final = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
    "frozen_set_type": "a list",
    "finite_number": "a finite number",
}

_BOUNDS: Final = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def typed(document: Document, kind: type[Model]) -> Model:
    """The document as `kind`. Raises DocumentError with every problem."""
    try:
        return _validated(document.data, kind)
    except ValidationError as error:
        raise DocumentError(problems(error, document, kind)) from None


def typed_as_far_as_possible(
    document: Document, kind: type[Model]
) -> tuple[Model, tuple[Problem, ...], frozenset[JsonPath]]:
    """The object, its problems, and the paths that are wrong.

    With problems, the object is partial: fields that are wrong have their default or, where they
    have none, are absent (reading them raises AttributeError). Lets rules between fields speak of
    the sound part.
    """
    try:
        return _validated(document.data, kind), (), frozenset()
    except ValidationError as error:
        found = tuple(problems(error, document, kind))
        bad = frozenset(resolve(kind, item["loc"])[0] for item in error.errors())
    rest = _without(document.data, bad)
    data = rest if isinstance(rest, dict) else {}
    sound = {}
    for name, field in kind.model_fields.items():
        with suppress(ValidationError, KeyError):
            adapter = TypeAdapter[Any](field.rebuild_annotation())
            sound[name] = adapter.validate_json(json.dumps(data[name]))
    return kind.model_construct(**sound), found, bad


def problems(error: ValidationError, document: Document, kind: type[BaseModel]) -> list[Problem]:
    found = error.errors(include_url=False)
    return [_problem(item, document, kind) for item in found if not _echo(item, found)]


def _echo(item: ErrorDetails, others: Sequence[ErrorDetails]) -> bool:
    """Pydantic also calls a list too short whose members it has just refused."""
    loc = item["loc"]
    return item["type"] == "too_short" and any(
        len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc for other in others
    )


def _validated(data: object, kind: type[Model]) -> Model:
    # JSON is where pydantic's strict mode takes lists as tuples and text as mapping keys.
    return kind.model_validate_json(json.dumps(data))


def _without(data: object, bad: frozenset[JsonPath], path: JsonPath = ()) -> object:
    if isinstance(data, Mapping):
        kept = {key: value for key, value in data.items() if (*path, key) not in bad}
        return {key: _without(value, bad, (*path, key)) for key, value in kept.items()}
    if isinstance(data, list) and any(p[: len(path)] == path for p in bad):
        return [_without(v, bad, (*path, i)) for i, v in enumerate(data) if (*path, i) not in bad]
    return data


def _problem(item: ErrorDetails, document: Document, kind: type[BaseModel]) -> Problem:
    path, parent = resolve(kind, item["loc"])
    reason = item["type"]
    context: Mapping[str, Any] = item.get("ctx", {})
    if reason == "missing":
        return document.problem(path, "is missing", do="add it")
    if reason == "extra_forbidden":
        return _unknown(document, path, parent)
    got = show(item["input"])
    if item["loc"] and item["loc"][-1] == "[key]":
        expected = _expected(reason, context) or item["msg"]
        return document.problem(path, "is not a valid key", expected=expected, at_key=True)
    if reason in ("union_tag_invalid", "union_tag_not_found"):
        field = str(context["discriminator"]).strip("'")
        given = reason == "union_tag_invalid"
        return document.problem(
            (*path, field),
            "is not one of the known kinds" if given else "is missing",
            got=context.get("tag") if given else None,
            expected=context.get("expected_tags") or " or ".join(_tags(parent, field)),
        )
    wanted = _expected(reason, context)
    if wanted:
        return document.problem(path, "is not valid", got=got, expected=wanted)
    return document.problem(path, item["msg"].lower(), got=got)


def _expected(reason: str, context: Mapping[str, Any]) -> str | None:
    if reason == "value_error":
        return str(context["error"]).removeprefix("expected ")
    if reason == "literal_error":
        return str(context["expected"]).replace("'", "")
    if reason == "string_pattern_mismatch":
        pattern = str(context["pattern"])
        return MEANING.get(pattern, f"text that matches {pattern}")
    if reason in ("too_short", "string_too_short"):
        return f"at least {context['min_length']}"
    if reason in ("too_long", "string_too_long"):
        return f"at most {context['max_length']}"
    for name, sign in _BOUNDS.items():
        if name in context:
            return f"{sign} {context[name]:g}"
    return _KINDS.get(reason)


def _unknown(document: Document, path: JsonPath, parent: Any) -> Problem:
    known = sorted(parent.model_fields) if _is_model(parent) else []
    close = get_close_matches(str(path[-1]), known, n=1)
    return document.problem(
        path,
        "is not a known field",
        expected="one of " + ", ".join(known) if known else None,
        do=f"write {close[0]}" if close else "remove it",
        at_key=True,
    )


def resolve(kind: object, loc: tuple[str | int, ...]) -> tuple[JsonPath, Any]:
    """Pydantic's location as a path in the document, and the type that holds its last part.

    Locations carry the tags of discriminated unions and a final `[key]`; documents do not.
    """
    path: list[str | int] = []
    here: object = kind
    parent: object = kind
    for part in loc:
        here = _plain(here)
        if part == "[key]" and get_origin(_plain(parent)) is dict:
            break  # pydantic's mark for the key of a mapping, not a key called so
        members = _members(here)
        if any(_tag_of(member) == part for member in members):
            here = next(member for member in members if _tag_of(member) == part)
            continue
        parent, here = here, _below(here, part)
        path.append(int(part) if isinstance(part, int) else part)
    return tuple(path), _plain(here) if _members(_plain(here)) else parent


def _plain(annotation: object) -> object:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        some = [member for member in get_args(annotation) if member is not type(None)]
        if len(some) == 1:
            return _plain(some[0])
    return annotation


def _members(annotation: object) -> tuple[Any, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else ()


def _tags(annotation: object, field: str) -> list[str]:
    return [get_args(m.model_fields[field].annotation)[0] for m in _members(annotation)]


def _tag_of(member: Any) -> str | None:
    """The value of a union member's first field, where that is a literal: its tag."""
    first = next(iter(member.model_fields.values()), None) if _is_model(member) else None
    if first is not None and get_origin(first.annotation) is Literal:
        return str(get_args(first.annotation)[0])
    return None


def _is_model(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _below(annotation: Any, part: str | int) -> object:
    if _is_model(annotation):
        field = annotation.model_fields.get(part)
        return field.annotation if field else object
    arguments = get_args(annotation)
    if not arguments:
        return object
    return arguments[-1] if get_origin(annotation) is dict else arguments[0]
