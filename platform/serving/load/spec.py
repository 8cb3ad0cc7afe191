"""What a load is made of: which models are asked, how often, with which samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from serving.contract.fields import Name, Section
from serving.errors import InputError

MAX_RATE = 5000.0
"""Requests per second; above it one process of Python is late by itself."""


class Traffic(Section):
    """Of one model."""

    model: Name
    rate: Annotated[float, Field(gt=0, le=MAX_RATE)]
    """Requests per second, both protocols together."""
    grpc_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    samples: Path
    """`held-out.npz` of the model's example."""
    token: Annotated[str, Field(repr=False)] = ""
    """Sent as bearer; none where it is empty."""


class Spec(Section):
    address: Annotated[str, Field(pattern=r"^[^\s/:]+:[0-9]{1,5}$")]
    """Of the gateway, for HTTP and gRPC alike: `127.0.0.1:8080`."""
    traffic: Annotated[tuple[Traffic, ...], Field(min_length=1)]
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 10.0
    """Without an answer until then, a request is lost."""


def read_spec(path: Path) -> Spec:
    try:
        return Spec.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "(document)"
        raise InputError(f"{path}: {field}: {first['msg']}") from error
