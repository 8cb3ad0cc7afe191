"""Whose tokens a gateway takes."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import ip_address
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from serving.contract.fields import Section

_SPELT: Final = re.compile(r"\A[!-~]+\Z")


def web_address(text: str) -> tuple[str, str, str]:
    """Its scheme, host and path."""
    with suppress(ValueError):  # of a port that is none
        parts = urlsplit(text)
        plain = parts.port != 0 and parts.username is None and not parts.fragment
        if parts.scheme in ("http", "https") and parts.hostname and plain and _SPELT.search(text):
            return parts.scheme, parts.hostname, parts.path
    raise ValueError("expected a web address, without user, password or fragment")


def secure(address: str) -> str:
    """Nobody on the way may put in other keys."""
    scheme, host, _ = web_address(address)
    if scheme != "https":
        raise ValueError("expected https")
    if _is_number(host):
        raise ValueError("expected a host's name, which its certificate can have")
    return address


def _is_number(host: str) -> bool:
    with suppress(ValueError):
        return bool(ip_address(host))
    return False


class Identity(Section):
    """Who makes the tokens that the gateway takes."""

    issuer: Annotated[str, Field(pattern=r"^[^*]+$")]
    """As its tokens have it in `iss`."""
    audience: Annotated[str, Field(min_length=1)]
    """Must be among `aud` of a token; on AWS without a mesh all of `aud`, as one string."""
    jwks: Annotated[str, AfterValidator(secure)]
    """The https address of its public keys, a JSON Web Key Set."""
