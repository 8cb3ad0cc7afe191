"""The git command: with a deadline, without questions, and without the checkout's hooks."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from serving.errors import ServingError

SECONDS: Final = 20.0
"""For what needs no network."""
LONGEST: Final = 300
"""Characters of what git says."""
_SETTINGS: Final = {
    "core.hooksPath": os.devnull,  # they may change the working tree, which promotions read
    "gc.auto": "0",
    "maintenance.auto": "false",
}
_OF_A_CALLER: Final = frozenset(
    {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX"}
)
"""Variables by which a hook of another repository would lead us there."""
_WRONG: Final = re.compile(r"^(?:fatal|error|remote|ERROR): *|^!\t[^\t]*\t", re.MULTILINE)
_SECRET: Final = re.compile(r"(?<=://)[^/@\s]+@")


class GitFailed(ServingError):
    def __init__(self, what: str, said: str) -> None:
        self.said = said
        super().__init__(f"`git {what}`: {_told(said)}")


class Git:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(
        self,
        *words: str,
        text: str = "",
        seconds: float = SECONDS,
        variables: Mapping[str, str] | None = None,
    ) -> str:
        """What it prints, asked with `text` as its input. Raises GitFailed."""
        program, what = shutil.which("git"), words[0]
        if program is None:
            raise GitFailed(what, "there is no git on PATH")
        settings = [word for pair in _SETTINGS.items() for word in ("-c", "=".join(pair))]
        try:
            process = subprocess.Popen(
                [program, *settings, *words],
                cwd=self._folder,
                env=_environment() | dict(variables or {}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # no terminal to ask on, and its children end with it
            )
        except OSError as error:
            raise GitFailed(what, f"could not be started: {error.strerror}") from error
        with process:
            try:
                answer, said = process.communicate(text.encode(), seconds)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise GitFailed(what, f"no answer in {seconds:g} s") from None
        if process.returncode:
            raise GitFailed(what, f"{answer.decode(errors='replace')}\n{_text(said)}")
        return _text(answer)


def _environment() -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in _OF_A_CALLER}
    return inherited | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def _text(output: bytes) -> str:
    return output.decode(errors="replace")


def _told(said: str) -> str:
    """What is wrong, without progress, hints, and credentials that stand in an address."""
    lines = [line for line in said.splitlines() if line.strip()]
    wrong = [_WRONG.sub("", line).strip() for line in lines if _WRONG.match(line)]
    told = "; ".join(dict.fromkeys(filter(None, wrong or lines[-1:])))
    return _SECRET.sub("", told)[:LONGEST] or "it failed without a word"
