"""One question to a server that speaks OpenAI's chat completions, as vLLM does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from serving.errors import ServingError

PATH: Final = "chat/completions"
_LONGEST: Final = 300
"""Characters of what a server said: it may say anything."""


class NoAnswer(ServingError):
    """None came back that can be read."""


def request(
    model: str,
    messages: Sequence[Mapping[str, str]],
    *,
    max_tokens: int,
    schema: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The body. The likeliest answer is asked for, so that two tries agree; `schema`: of JSON that
    it must be."""
    body = {
        "model": model,
        "messages": list(messages),
        "max_tokens": max_tokens,
        "temperature": 0.0,
    }
    if schema is not None:
        form = {"name": "answer", "strict": True, "schema": schema}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    return body


def answer(base: str, body: Mapping[str, Any], timeout: float) -> str:
    """`base` as in `http://host:8000/v1`. Raises NoAnswer."""
    url = f"{base.rstrip('/')}/{PATH}"
    try:
        said = httpx.post(url, json=body, timeout=timeout, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise NoAnswer(f"{url}: {type(error).__name__}: {error}") from error
    if not said.is_success:
        raise NoAnswer(f"{url}: status {said.status_code}: {said.text[:_LONGEST]}")
    try:
        text = said.json()["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise NoAnswer(f"{url}: not a chat completion: {said.text[:_LONGEST]}") from error
    if not isinstance(text, str):
        raise NoAnswer(f"{url}: a completion without text")
    return text.encode(errors="replace").decode()  # half a pair of surrogates is valid JSON
