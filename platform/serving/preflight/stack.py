"""The stack that is to be built, as far as checks have to know it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from serving.settings import AwsSettings

PROJECT: Final = "serving"


@dataclass(frozen=True, kw_only=True)
class Stack:
    stack: str
    """As people call it."""
    settings: AwsSettings
    charts: Mapping[str, str] = field(default_factory=dict)
    """Those it installs → their versions."""
    images: Sequence[str] = ()
    """That the charts run."""
    awaited: Collection[str] = ()
    """Of the settings' secrets, those without whose value an update ends badly."""

    @property
    def name(self) -> str:
        """Of the cluster, and before the names of what else is named."""
        return f"{PROJECT}-{self.stack}"

    def owns(self, tags: Mapping[str, str]) -> bool:
        """Whether what has these tags is the stack's own, from an earlier update."""
        return (tags.get("Project"), tags.get("Env")) == (PROJECT, self.settings.environment)
