"""Who types a command, from which commit: what a journal remembers of it."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from serving.promotion.ready import Person


def caller() -> Person:
    """A CI job acts for the one who started it."""
    from serving.promotion.ready import Person

    return Person(
        who=os.environ.get("GITHUB_ACTOR") or _user(),
        commit=os.environ.get("GITHUB_SHA") or _commit(),
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may have no name for its user
        return f"user {os.getuid()}"


def _commit() -> str:
    """Empty outside of a checkout."""
    git = shutil.which("git")
    if git is None:
        return ""
    asked = subprocess.run([git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() if asked.returncode == 0 else ""
