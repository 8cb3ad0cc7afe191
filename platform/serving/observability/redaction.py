"""What is struck out of log lines before they leave a node, as RE2 expressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

REDACTIONS: Final[Mapping[str, str]] = {
    "what callers wrote": (
        r'"(?:content|input|inputs|messages|prompt|prompts|text_input)"\s*:\s*'
        r'("(?:[^"\\]|\\.)*"|\[[^\n]*\])'
    ),
    "mail addresses": r"([A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)",
    "tokens": r"(eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)",
    "what a header proves": (
        r"(?i)(?:authorization|x-api-key)[\"']?\s*[:=]\s*[\"']?(?:bearer\s+|basic\s+)?"
        r"([A-Za-z0-9._~+/=-]{8,})"
    ),
    "keys of AWS": r"((?:AKIA|ASIA)[A-Z0-9]{16})",
    "card numbers": r"\b((?:[0-9][ -]?){12,18}[0-9])\b",
    "phone numbers": r"(\+[0-9]{1,3}[ -]?(?:\(?[0-9]{1,4}\)?[ -]?){2,4}[0-9]{2,4})",
}
"""Name → expression; what its group matches is replaced."""
