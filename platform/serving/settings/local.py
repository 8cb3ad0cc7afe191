"""What a stack on this machine says."""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import ip_address
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from serving.contract.fields import Name, Percent, Section
from serving.settings.stack import Settings

_SPELT: Final = re.compile(r"\A[!-~]+\Z")


def _collector(address: str) -> str:
    """Without TLS, which Triton's exporter does not speak."""
    scheme, _, path = _address(address)
    if scheme != "http" or not path.strip("/"):
        raise ValueError("expected an address such as http://127.0.0.1:4318/v1/traces")
    return address


def _key_set(address: str) -> str:
    """Nobody on the way may put in other keys."""
    scheme, host, _ = _address(address)
    if scheme == "http" and host not in ("localhost", "127.0.0.1"):
        raise ValueError("expected https, or http on this machine itself")
    if scheme == "https" and _is_number(host):
        raise ValueError("expected a host's name, which its certificate can have")
    return address


def _address(text: str) -> tuple[str, str, str]:
    """Its scheme, host and path."""
    with suppress(ValueError):  # of a port that is none
        parts = urlsplit(text)
        plain = parts.port != 0 and parts.username is None and not parts.fragment
        if parts.scheme in ("http", "https") and parts.hostname and plain and _SPELT.search(text):
            return parts.scheme, parts.hostname, parts.path
    raise ValueError("expected a web address, without user, password or fragment")


def _is_number(host: str) -> bool:
    with suppress(ValueError):
        return bool(ip_address(host))
    return False


class Traces(Section):
    """Spans of the gateway and of the servers, in one trace."""

    endpoint: Annotated[str, AfterValidator(_collector)]
    """Where a collector takes OTLP over HTTP: `http://127.0.0.1:4318/v1/traces`."""
    sampling_percent: Percent = 10
    """Of requests without a `traceparent`; of the others their own flag decides."""


class Identity(Section):
    """Who makes the tokens that the gateway takes."""

    issuer: Annotated[str, Field(min_length=1)]
    """As its tokens have it in `iss`."""
    audience: Annotated[str, Field(min_length=1)]
    """Must be among `aud` of a token."""
    jwks: Annotated[str, AfterValidator(_key_set)]
    """The address of its public keys, a JSON Web Key Set; https, or http on this machine."""
    refresh_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """A key that the issuer has begun or ceased to publish counts after so long."""


class LocalSettings(Settings):
    """Processes on this machine; everything else of the stack lies in its state folder."""

    target: Literal["local"]
    replicas: dict[Name, Annotated[int, Field(ge=1, le=16)]] = Field(default_factory=dict)
    """Servers of each version, by model; one unless named."""
    traces: Traces | None = None
    """Sent nowhere unless named."""
    identity: Identity | None = None
    """In place of the stack's own issuer, whose tokens are refused then."""
