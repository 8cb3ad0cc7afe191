"""One question to the gateway, over HTTP or gRPC: once, whatever comes back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

import aiohttp
import grpc
from google.protobuf.message import DecodeError
from tritonclient.grpc import service_pb2

from serving.gateway.names import SERVED_VERSION, authority
from serving.load.request import OK, Reply, version_of
from serving.load.sample import Sample

_METHOD: Final = "/inference.GRPCInferenceService/ModelInfer"
_BYTES: Final = "BYTES"
_PREFIX: Final = 4
"""Bytes that tell the length of a text, before it."""
_PROBLEM: Final = 200
"""Characters of an error that are kept."""


class Asking(Protocol):
    async def ask(self, sample: Sample) -> Reply: ...

    async def close(self) -> None: ...


class OverHttp:
    def __init__(self, address: str, model: str, token: str, seconds: float) -> None:
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        self._url = f"http://{address}/v2/models/{model}/infer"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(total=seconds),
            headers={"Host": authority(model), "Accept-Encoding": "identity", **bearer},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )

    async def ask(self, sample: Sample) -> Reply:
        headers = {"Inference-Header-Content-Length": f"{sample.json_size}"}
        try:
            async with self._session.post(self._url, data=sample.http, headers=headers) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Reply(problem=_said(f"{type(error).__name__}: {error}"))
        version = version_of(response.headers.get(SERVED_VERSION))
        answer = _answer_in(body) if response.status == 200 else None
        problem = "" if answer is not None else _said(body.decode(errors="replace"))
        return Reply(status=response.status, version=version, answer=answer, problem=problem)

    async def close(self) -> None:
        await self._session.close()


class OverGrpc:
    def __init__(self, address: str, model: str, token: str, seconds: float) -> None:
        self._channel = grpc.aio.insecure_channel(
            address,
            options=[
                ("grpc.default_authority", authority(model)),
                ("grpc.enable_retries", 0),
                ("grpc.use_local_subchannel_pool", 1),
                # while it waits to connect again, gRPC fails requests without sending them
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 1000),
            ],
        )
        self._call = self._channel.unary_unary(_METHOD)
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._seconds = seconds

    async def ask(self, sample: Sample) -> Reply:
        call = self._call(sample.grpc, metadata=self._metadata, timeout=self._seconds)
        try:
            body = await call
        except grpc.aio.AioRpcError as error:
            # an answer without a body has no other metadata than the trailing
            told = dict(error.initial_metadata() or ()) | dict(error.trailing_metadata() or ())
            return Reply(
                grpc=error.code().value[0],
                version=version_of(told.get(SERVED_VERSION)),
                problem=_said(error.details() or ""),
            )
        told = dict(await call.initial_metadata())
        return Reply(grpc=OK, version=version_of(told.get(SERVED_VERSION)), answer=_answer_of(body))

    async def close(self) -> None:
        await self._channel.close()


def _answer_in(body: bytes) -> str | None:
    try:
        return str(json.loads(body)["outputs"][0]["data"][0])
    except (ValueError, LookupError, TypeError):
        return None


def _answer_of(body: bytes) -> str | None:
    try:
        message = service_pb2.ModelInferResponse.FromString(body)
    except DecodeError:
        return None
    if not message.outputs or not message.raw_output_contents:
        return None
    raw: bytes = message.raw_output_contents[0]
    if message.outputs[0].datatype == _BYTES:
        return raw[_PREFIX:].decode(errors="replace")
    return str(int.from_bytes(raw, "little", signed=True))


def _said(text: str) -> str:
    return " ".join(text.split())[:_PROBLEM]


OVER: Final[Mapping[str, type[Any]]] = {"http": OverHttp, "grpc": OverGrpc}
