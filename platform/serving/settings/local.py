"""What a stack on this machine says."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from serving.contract.fields import Name, Percent, Section
from serving.settings import identity
from serving.settings.identity import secure, web_address
from serving.settings.stack import Settings


def _collector(address: str) -> str:
    """Without TLS, which Triton's exporter does not speak."""
    scheme, _, path = web_address(address)
    if scheme != "http" or not path.strip("/"):
        raise ValueError("expected an address such as http://127.0.0.1:4318/v1/traces")
    return address


def _key_set(address: str) -> str:
    scheme, host, _ = web_address(address)
    if scheme == "https":
        return secure(address)
    if host not in ("localhost", "127.0.0.1"):
        raise ValueError("expected https, or http on this machine itself")
    return address


class Traces(Section):
    """Spans of the gateway and of the servers, in one trace."""

    endpoint: Annotated[str, AfterValidator(_collector)]
    """Where a collector takes OTLP over HTTP: `http://127.0.0.1:4318/v1/traces`."""
    sampling_percent: Percent = 10
    """Of requests without a `traceparent`; of the others their own flag decides."""


class Identity(identity.Identity):
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
