"""A double of an inference server: answers over HTTP and gRPC as it is told to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import numpy as np
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import (
    deserialize_bytes_tensor,
    np_to_triton_dtype,
    serialize_byte_tensor,
    triton_to_np_dtype,
)

from serving.promotion.ground import Endpoint

Tensors = dict[str, np.ndarray[Any, Any]]


class Refuses(Exception):
    """Answered with an error."""


@dataclass
class Double:
    answer: Callable[[Tensors], Tensors]
    delay: float = 0.0
    body: bytes | None = None
    """Sent with status 200 in place of any answer, over HTTP."""
    asked: list[str] = field(default_factory=list)
    """Protocol, model and version of each request."""
    endpoint: Endpoint = field(init=False)


def labels(*values: int) -> Callable[[Tensors], Tensors]:
    """These in turn, as the contract of the tests has them."""
    turns = iter(range(1 << 30))
    return lambda inputs: {"label": np.array([[values[next(turns) % len(values)]]], np.int64)}


@contextmanager
def serving(answer: Callable[[Tensors], Tensors], pod: str = "digits-2-1") -> Iterator[Double]:
    double = Double(answer)
    http = _http(double)
    rpc = grpc.server(ThreadPoolExecutor(4))
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(_Grpc(double), rpc)
    port = rpc.add_insecure_port("127.0.0.1:0")
    rpc.start()
    double.endpoint = Endpoint(
        pod=pod, http=f"127.0.0.1:{http.server_address[1]}", grpc=f"127.0.0.1:{port}"
    )
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield double
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
        rpc.stop(0).wait()


def _http(double: Double) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            _, _, _, model, _, version, _ = self.path.split("/")
            double.asked.append(f"http {model} {version}")
            body = self.rfile.read(int(self.headers["Content-Length"]))
            head = int(self.headers.get("Inference-Header-Content-Length", len(body)))
            time.sleep(double.delay)
            try:
                status, said = 200, double.body or _as_json(double.answer(_of_json(body, head)))
            except Refuses as error:
                status, said = 500, json.dumps({"error": str(error)}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            with suppress(BrokenPipeError):  # whoever asked has lost patience
                self.wfile.write(said)

        def log_message(self, *words: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    return server


def _of_json(body: bytes, head: int) -> Tensors:
    found, at = {}, head
    for tensor in json.loads(body[:head])["inputs"]:
        kind = triton_to_np_dtype(tensor["datatype"])
        size = tensor.get("parameters", {}).get("binary_data_size")
        if size is None:
            values = np.array(tensor["data"], kind)
        else:
            values, at = _of_bytes(body[at : at + size], tensor["datatype"]), at + size
        found[tensor["name"]] = values.reshape(tensor["shape"])
    return found


def _of_bytes(raw: bytes, datatype: str) -> np.ndarray[Any, Any]:
    if datatype == "BYTES":
        texts: np.ndarray[Any, Any] = deserialize_bytes_tensor(raw)
        return texts
    return np.frombuffer(raw, triton_to_np_dtype(datatype))


def _as_json(tensors: Tensors) -> bytes:
    outputs = [
        {
            "name": name,
            "shape": list(values.shape),
            "datatype": np_to_triton_dtype(values.dtype),
            "data": values.ravel().tolist(),
        }
        for name, values in tensors.items()
    ]
    return json.dumps({"outputs": outputs}).encode()


class _Grpc(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    def __init__(self, double: Double) -> None:
        self._double = double

    def ModelInfer(self, request: Any, context: Any) -> Any:
        self._double.asked.append(f"grpc {request.model_name} {request.model_version}")
        time.sleep(self._double.delay)
        inputs = {
            tensor.name: _of_bytes(raw, tensor.datatype).reshape(tuple(tensor.shape))
            for tensor, raw in zip(request.inputs, request.raw_input_contents, strict=True)
        }
        try:
            outputs = self._double.answer(inputs)
        except Refuses as error:
            context.abort(grpc.StatusCode.INTERNAL, str(error))
        answer = service_pb2.ModelInferResponse(model_name=request.model_name)
        for name, values in outputs.items():
            answer.outputs.add(
                name=name, datatype=np_to_triton_dtype(values.dtype), shape=values.shape
            )
            texts = values.dtype == np.object_
            raw = serialize_byte_tensor(values).item() if texts else values.tobytes()
            answer.raw_output_contents.append(raw)
        return answer
