"""What a program said before it ended."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.local.proc import start_of

_LAST_LINES = 20
_HEARD_SECONDS = 2.0
"""Who writes the log goes on for as long as any helper of the program has something to say."""
_POLL_SECONDS = 0.05


def last_words(props: Mapping[str, Any]) -> str:
    """Of its log; where there is nothing but chatter, whatever came last."""
    try:
        lines = Path(props["log"]).read_text(errors="replace").splitlines()
    except FileNotFoundError:
        lines = []
    said = [line for line in lines if line.strip()]
    chatter = props["chatter"]
    telling = [line for line in said if not (chatter and re.match(chatter, line))]
    return "\n".join((telling or said)[-_LAST_LINES:]) or "(nothing)"


def heard_out(found: Mapping[str, Any]) -> None:
    """What a program said last may be on its way to the log when it is gone."""
    until = time.monotonic() + _HEARD_SECONDS
    while start_of(found["logger"]) is not None and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
