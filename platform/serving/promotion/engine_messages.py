"""What the engine says is wrong, as people read it."""

from __future__ import annotations

import re
from typing import Final

from pulumi import automation as auto

_QUALIFIED: Final = re.compile(r"^[\w.]+: ")
"""The name of an exception, before its message."""


def without_traceback(message: str) -> str:
    """The message of a resource of this machine, without the code in which it was raised."""
    lines = message.strip().splitlines()
    if not lines or not lines[0].startswith("Traceback "):
        return message.strip()
    last = max(index for index, line in enumerate(lines) if line.startswith("Traceback "))
    raised = next((n for n in range(last + 1, len(lines)) if not lines[n].startswith(" ")), last)
    return "\n".join([_QUALIFIED.sub("", lines[raised]), *lines[raised + 1 :]])


def told(error: auto.CommandError) -> str:
    """What the engine says is wrong, without the resources that are well."""
    lines = [line.strip() for line in str(error).splitlines()]
    wrong = [line.partition("error: ")[2] for line in lines if "error: " in line]
    silent = [line for line in lines if line.startswith(("code:", "stderr:"))]
    return "; ".join(dict.fromkeys(filter(None, wrong))) or f"the engine ended: {', '.join(silent)}"
