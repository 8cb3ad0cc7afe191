"""One question to a Triton server, over HTTP or gRPC, and what its metrics say."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from numpy.typing import NDArray
from tritonclient import grpc, http
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

Protocol: TypeAlias = Literal["http", "grpc"]
Tensors: TypeAlias = Mapping[str, NDArray[Any]]

TIMEOUT_SECONDS: Final = 30.0

_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Sample(NamedTuple):
    """One line of `/metrics`."""

    name: str
    labels: Mapping[str, str]
    value: float


class Malformed(InferenceServerException):  # type: ignore[misc]  # it has no types
    """An answer that says that all is well, and cannot be read."""


def infer(
    protocol: Protocol,
    address: str,
    model: str,
    version: int,
    inputs: Tensors,
    timeout: float = TIMEOUT_SECONDS,
) -> dict[str, NDArray[Any]]:
    """Raises tritonclient's InferenceServerException where no good answer comes back."""
    ask = {"http": _over_http, "grpc": _over_grpc}[protocol]
    return ask(address, model, version, inputs, timeout)


def _over_http(
    address: str, model: str, version: int, inputs: Tensors, timeout: float
) -> dict[str, NDArray[Any]]:
    tensors = _tensors(http.InferInput, inputs)
    patience = {"connection_timeout": timeout, "network_timeout": timeout}
    with http.InferenceServerClient(address, **patience) as client, _readable():
        try:
            answer = client.infer(model, tensors, str(version))
        except (OSError, HTTPException) as error:
            raise InferenceServerException(f"no answer over HTTP: {error}") from error
        names = [output["name"] for output in answer.get_response()["outputs"]]
        return {name: answer.as_numpy(name) for name in names}


def _over_grpc(
    address: str, model: str, version: int, inputs: Tensors, timeout: float
) -> dict[str, NDArray[Any]]:
    tensors = _tensors(grpc.InferInput, inputs)
    with grpc.InferenceServerClient(address) as client, _readable():
        answer = client.infer(model, tensors, str(version), client_timeout=timeout)
        names = [output.name for output in answer.get_response().outputs]
        return {name: answer.as_numpy(name) for name in names}


def request_body(inputs: Tensors) -> tuple[bytes, dict[str, str]]:
    """Of a request over HTTP, with its headers: made once where it is sent often."""
    tensors = _tensors(http.InferInput, inputs)
    body, head = http.InferenceServerClient.generate_request_body(tensors)
    return body, {"Inference-Header-Content-Length": str(head)} if head is not None else {}


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, struct.error) as error:
        raise Malformed(f"malformed answer: {error!r}"[:200]) from error


def _tensors(kind: type[Any], inputs: Tensors) -> list[Any]:
    return [
        kind(name, values.shape, np_to_triton_dtype(values.dtype)).set_data_from_numpy(values)
        for name, values in inputs.items()
    ]


def parse_metrics(text: str) -> list[Sample]:
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return [_sample(line) for line in lines]


def _sample(line: str) -> Sample:
    series, _, value = line.rpartition(" ")
    name, _, labels = series.partition("{")
    return Sample(name, dict(_LABEL.findall(labels)), float(value))


def total(samples: Iterable[Sample], name: str, **labels: str) -> float:
    """The sum over the series of this name that carry these labels."""
    return sum(
        sample.value
        for sample in samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
