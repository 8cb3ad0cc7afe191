"""May a version replace another without breaking its callers?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from pydantic import BaseModel, TypeAdapter, ValidationError

from serving.contract.runtime import Runtime, Tensor, TritonModel, TritonRuntime, VllmRuntime
from serving.errors import InputError

Kind: TypeAlias = Literal["breaking", "note", "safe"]

_RUNTIME: Final[TypeAdapter[Runtime]] = TypeAdapter(Runtime)
_VARIES: Final = -1


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Breaking: a caller of the old version may fail. Safe: the new one takes or gives more.
    Note: callers are served as before, but perhaps answered otherwise."""

    kind: Kind
    path: str
    what: str


Differences: TypeAlias = Iterator[Difference]


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Between two contracts as `frozen` gives them and as they are published."""
    found = list(_changed_fields("", old, new, but=("name", "runtime")))
    if old["name"] != new["name"]:
        found.append(_breaking("name", f"{old['name']} became {new['name']}"))
    found += _runtime(_parsed(old), _parsed(new))
    return tuple(sorted(found, key=lambda difference: (difference.kind, difference.path)))


def _parsed(contract: Mapping[str, Any]) -> Runtime:
    try:
        return _RUNTIME.validate_json(json.dumps(contract["runtime"]))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"the published contract of {contract['name']} cannot be read: "
            f"runtime.{where}: {first['msg'].lower()}"
        ) from None


def _runtime(old: Runtime, new: Runtime) -> Differences:
    if old.engine != new.engine:
        yield _breaking("runtime.engine", f"{old.engine} became {new.engine}: another protocol")
        return
    here = "runtime."
    if isinstance(old, TritonRuntime) and isinstance(new, TritonRuntime):
        yield from _changed_fields(here, dict(old), dict(new), but=("models",))
        yield from _triton(old, new)
    elif isinstance(old, VllmRuntime) and isinstance(new, VllmRuntime):
        limits = ("max_model_len", "max_tokens")
        yield from _changed_fields(here, dict(old), dict(new), but=(*limits, "lora"))
        for name in limits:
            yield from _limit(here + name, getattr(old, name), getattr(new, name))
        yield from _lora(old, new)
    else:
        yield from _changed_fields(here, dict(old), dict(new))


def _triton(old: TritonRuntime, new: TritonRuntime) -> Differences:
    for name in sorted(old.models.keys() | new.models.keys()):
        path = f"runtime.models.{name}"
        if name not in new.models:
            yield _breaking(path, "the model is gone; requests to it are refused")
        elif name not in old.models:
            yield _safe(path, "a model came on top")
        else:
            yield from _model(path, old.models[name], new.models[name])


def _model(path: str, old: TritonModel, new: TritonModel) -> Differences:
    yield from _tensors(f"{path}.inputs", old.inputs, new.inputs, taken=True)
    yield from _tensors(f"{path}.outputs", old.outputs, new.outputs, taken=False)
    batch = f"{path}.max_batch_size"
    if bool(old.max_batch_size) != bool(new.max_batch_size):
        without = old if not old.max_batch_size else new
        change = "appeared in" if without is old else "is gone from"
        yield _breaking(batch, f"the batch dimension {change} every tensor")
    else:
        yield from _limit(batch, old.max_batch_size, new.max_batch_size)
    compared = ["inputs", "outputs", "max_batch_size"]
    if "vllm" in {old.backend, new.backend} and old.backend != new.backend:
        yield _breaking(f"{path}.backend", "only the vllm backend streams its answers")
        compared += ["backend"]
    yield from _changed_fields(f"{path}.", dict(old), dict(new), but=compared)


def _tensors(
    path: str, old: Mapping[str, Tensor], new: Mapping[str, Tensor], *, taken: bool
) -> Differences:
    gone, added = sorted(old.keys() - new.keys()), sorted(new.keys() - old.keys())
    if len(gone) == len(added) == 1 and old[gone[0]] == new[added[0]]:
        yield _breaking(f"{path}.{gone.pop()}", f"was renamed to {added.pop()}")
    for name in gone:
        reason = "requests that send it are refused" if taken else "callers that read it miss it"
        yield _breaking(f"{path}.{name}", f"is gone; {reason}")
    for name in added:
        if taken:
            yield _breaking(f"{path}.{name}", "is asked for; requests without it are refused")
        else:
            yield _safe(f"{path}.{name}", "an output came on top")
    for name in sorted(old.keys() & new.keys()):
        yield from _tensor(f"{path}.{name}", old[name], new[name], taken=taken)


def _tensor(path: str, old: Tensor, new: Tensor, *, taken: bool) -> Differences:
    if old.type != new.type:
        yield _breaking(f"{path}.type", f"{old.type} became {new.type}")
    if old.shape == new.shape:
        return
    became = f"{list(old.shape)} became {list(new.shape)}"
    # callers rely on the narrow side: of an input on what is taken, of an output on what is given
    wide, narrow = (new.shape, old.shape) if taken else (old.shape, new.shape)
    if len(wide) == len(narrow) and all(
        outer in (_VARIES, inner) for outer, inner in zip(wide, narrow, strict=True)
    ):
        yield _safe(f"{path}.shape", f"{became}, which callers are ready for")
    else:
        yield _breaking(f"{path}.shape", became)


def _lora(old: VllmRuntime, new: VllmRuntime) -> Differences:
    before = old.lora.slots if old.lora else ()
    after = new.lora.slots if new.lora else ()
    for slot in sorted({*before} - {*after}):
        yield _breaking(f"runtime.lora.slots.{slot}", "the adapter is gone")
    for slot in sorted({*after} - {*before}):
        yield _safe(f"runtime.lora.slots.{slot}", "an adapter came on top")
    if old.lora and new.lora:
        yield from _changed_fields("runtime.lora.", dict(old.lora), dict(new.lora), but=("slots",))
    elif old.lora or new.lora:
        yield Difference(kind="note", path="runtime.lora", what="changed")


def _limit(path: str, old: int, new: int) -> Differences:
    if new < old:
        yield _breaking(path, f"was lowered from {old} to {new}; larger requests are refused")
    elif new > old:
        yield _safe(path, f"was raised from {old} to {new}")


def _changed_fields(
    prefix: str, old: Mapping[str, Any], new: Mapping[str, Any], but: Iterable[str] = ()
) -> Differences:
    """What callers do not meet by itself, but may feel."""
    for name in sorted((old.keys() | new.keys()) - {*but}):
        before, after = old.get(name), new.get(name)
        if before != after:
            yield Difference(kind="note", path=prefix + name, what=_change(name, before, after))


def _change(name: str, old: object, new: object) -> str:
    if name == "golden":
        return "the known requests or their answers changed"
    plain = not any(isinstance(value, BaseModel | dict | tuple) for value in (old, new))
    return f"{old} became {new}" if plain else "changed"


def _breaking(path: str, what: str) -> Difference:
    return Difference(kind="breaking", path=path, what=what)


def _safe(path: str, what: str) -> Difference:
    return Difference(kind="safe", path=path, what=what)
