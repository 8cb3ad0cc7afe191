"""Set up what a group of make targets needs; independent steps run side by side."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from types import FrameType

from serving.errors import ServingError
from serving.toolchain import activated, cache, machine
from serving.toolchain.command import OTHERWISE, StepFailed, stop_all
from serving.toolchain.environment import ENVIRONMENTS, POLICIES, PROJECT
from serving.toolchain.programs import locate, named, on_path
from serving.toolchain.progress import Progress
from serving.toolchain.tool import Tool

VENV, PACK = PROJECT.name, POLICIES.name
SERVERS = ("tritonserver", "envoy", "prometheus")
GROUPS = {
    "unit": (VENV,),
    "check": (VENV, "actionlint"),
    "engine": (VENV, PACK, "pulumi"),
    "live": (VENV, "pulumi", *SERVERS, "mlflow", "chromium"),
    "demo": (VENV, "pulumi", *SERVERS),
    "all": (VENV, PACK, "pulumi", *SERVERS, "mlflow", "chromium", "actionlint"),
}
"""What each needs: environments of the checkout, and programs by name."""
OPTIONAL = ("chromium",)
"""Not every distribution has them: the tests that need them then say so and are passed over."""


def set_up(groups: Iterable[str], progress: Progress) -> None:
    wanted = dict.fromkeys(name for group in groups for name in GROUPS[group])
    missing = [name for name in wanted if not _ready(name)]
    if missing:
        machine.check(cache.shelf(""))
        before = signal.signal(signal.SIGTERM, _interrupt)
        try:
            obtain("uv", progress)  # nearly every step needs it
            _side_by_side(missing, progress)
        finally:
            signal.signal(signal.SIGTERM, before)
    if {VENV, "pulumi"} <= wanted.keys():
        activated.put(PROJECT.binaries)


def obtain(name: str, progress: Progress) -> Tool:
    recipe = named(name).recipe
    if not on_path(recipe.name):
        cache.ensure(recipe, progress, lambda other: obtain(other, progress))
    return locate(name)


def _ready(name: str) -> bool:
    if environment := ENVIRONMENTS.get(name):
        return environment.complete()
    recipe = named(name).recipe
    return bool(on_path(recipe.name)) or cache.find(recipe) is not None


def _provide(name: str, progress: Progress) -> None:
    if environment := ENVIRONMENTS.get(name):
        environment.ensure(progress, lambda other: obtain(other, progress))
    else:
        obtain(name, progress)


def _side_by_side(names: list[str], progress: Progress) -> None:
    """A failure is told at once; the others go on, because what they complete is kept."""
    failed: list[str] = []
    told: set[str] = set()
    with ThreadPoolExecutor(len(names)) as pool:
        running = {pool.submit(_provide, name, progress): name for name in names}
        try:
            for ended in as_completed(running):
                try:
                    ended.result()
                except ServingError as error:
                    if running[ended] not in OPTIONAL:
                        failed.append(running[ended])
                    progress.say(_telling(error, told))
        except BaseException:
            stop_all()
            raise
    if failed:
        raise ServingError(
            f"set-up failed at {', '.join(sorted(failed))} (see above); what was completed is kept"
        )


def _telling(error: ServingError, told: set[str]) -> str:
    """In full once; what fails for the same reason gets a line."""
    if not isinstance(error, StepFailed) or error.remedy == OTHERWISE:
        return str(error)
    if error.remedy in told:
        return error.brief
    told.add(error.remedy)
    return str(error)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
