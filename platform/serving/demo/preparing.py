"""Everything before the load: versions trained and published, the stack up, the first release."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from serving.demo import stage
from serving.demo.opening import opening
from serving.demo.promoter import Promoter
from serving.demo.scenario import MODEL, OPENING, WAIVER
from serving.demo.show import Screen
from serving.errors import ServingError
from serving.local import control
from serving.local.project import issuer_of
from serving.registry.model_file import read
from serving.stacks.local.place import Place
from serving.stacks.local.status import addresses

_TOKEN_SECONDS: Final = 3600

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Ready:
    place: Place
    folder: Path
    """Of the demo itself, in the state folder of its stack."""
    examples: Path
    tokens: Mapping[str, str]
    """By model, of a caller who may ask it."""
    gateway: str
    setup: Mapping[str, float]
    """Seconds by what was done."""


def prepare(place: Place, screen: Screen) -> Ready:
    """Raises ServingError; what was brought up by then is for the caller to bring down."""
    setup: dict[str, float] = {}
    folder = place.root / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    examples = folder / "examples"

    def timed(name: str, do: Callable[[], T]) -> T:
        begun = time.monotonic()
        result = do()
        setup[name] = time.monotonic() - begun
        screen.said(f"{name}: {setup[name]:.1f} s")
        return result

    about = timed("train", lambda: stage.train(examples))
    stage.write_project(place)
    for each in timed("publish and verify", lambda: stage.publish_all(place, examples, about)):
        screen.said(f"  {each.model} {each.number}  {each.manifest.digest[:19]}…  {each.about}")
    timed("stack up", lambda: control.up(place, lambda text: screen.said(f"  {text}")))
    timed("first release", lambda: _first_release(place, folder / "first.log"))

    tokens = _tokens(place)
    gateway = addresses(place).gateway
    for line in opening(examples, gateway, tokens[MODEL]):
        screen.said(line)
    return Ready(
        place=place, folder=folder, examples=examples, tokens=tokens, gateway=gateway, setup=setup
    )


def _first_release(place: Place, log: Path) -> None:
    versions = [f"{model}={OPENING.version}" for model in stage.MODELS]
    promoter = Promoter.run(versions, place.name, WAIVER, log)
    try:
        if promoter.wait():
            raise ServingError(
                f"the first release ended with exit code {promoter.exit_code}:\n"
                f"{promoter.last_words}"
            )
    finally:
        promoter.stop()


def _tokens(place: Place) -> Mapping[str, str]:
    issuer = issuer_of(place)
    tenants = {
        model: read(stage.contract_file(place, model)).contract.tenant for model in stage.MODELS
    }
    return {
        model: issuer.issue(tenant, "demo", _TOKEN_SECONDS) for model, tenant in tenants.items()
    }
