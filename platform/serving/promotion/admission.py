"""May this promotion start at all, and as what? Asked before anything is changed."""

from __future__ import annotations

from enum import StrEnum

from serving.contract.model import ModelContract
from serving.errors import InputError
from serving.settings import Release


class Admission(StrEnum):
    START = "start"
    FIRST_RELEASE = "first release"
    RESUME = "resume"
    SUPERSEDE = "supersede"
    """Another canary is there: its weight goes to zero and it drains before this one starts."""
    DONE = "done"
    """The version is stable already: nothing to do, and nothing wrong."""


def admit(
    contract: ModelContract, version: int, release: Release | None, *, older: bool = False
) -> Admission:
    """`older`: going back to a lower number than stable's is meant."""
    known = contract.published.get(version)
    where = f"model {contract.name}: version {version}"
    if known is None:
        published = ", ".join(map(str, sorted(contract.published))) or "none"
        raise InputError(
            f"{where} is not published (published: {published}); run `serving model publish` first"
        )
    if release is None or release.stable is None:
        return Admission.FIRST_RELEASE
    if version == release.stable:
        return Admission.DONE
    stable = contract.published.get(release.stable)
    if stable is not None and stable.digest == known.digest and stable.contract == known.contract:
        raise InputError(
            f"{where} is the same as stable version {release.stable}: the same files and the same "
            "contract, so there is nothing to compare; publish a version that differs"
        )
    if version < release.stable and not older:
        raise InputError(
            f"{where} is older than stable version {release.stable}; say so with --force-older "
            "if that is meant"
        )
    if release.canary == version:
        return Admission.RESUME
    return Admission.START if release.canary is None else Admission.SUPERSEDE


def refuse_to_retire(model: str, version: int, release: Release | None) -> None:
    """Raises InputError while requests may still reach the version."""
    if release is None:
        return
    where = f"model {model}: version {version}"
    if release.stable == version:
        raise InputError(f"{where} is stable and has traffic; promote another version first")
    if release.canary == version:
        raise InputError(f"{where} is the canary, at {release.weight} %; abort its promotion first")
