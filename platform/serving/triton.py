"""A real tritonserver on this machine: started, waited for, asked, stopped."""

from __future__ import annotations

import itertools
import os
import random
import re
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from numpy.typing import NDArray

from serving.errors import ServingError
from serving.inference import Protocol, Sample, Tensors, infer, parse_metrics
from serving.toolchain import locate

ADDRESS: Final = "127.0.0.1"
ADMIN_HEADER: Final = "serving-admin"
"""Carries the key of the model-control API; without it that API answers 403."""

_PORTS: Final = range(10_000, 32_000)
"""Below those that Linux gives to clients."""
_ATTEMPTS: Final = 5
_POLL_SECONDS: Final = 0.05
_EXIT_SECONDS: Final = 10
_LOG_LINES: Final = 20
CHATTER: Final = r"[IW]\d{4} |[|+]|E\d{4} .*CudaDriverHelper"
"""Lines of Triton's log that never say why it failed; the last is there wherever no GPU is."""
_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108  # a mount of the kernel
EXPORTING: Final = {"OTEL_EXPORTER_OTLP_TIMEOUT": "2s"}
"""In the environment of a server that is traced: it would wait 10 s for a collector that hangs
before it ends."""
_LISTEN: Final = "0A"
"""As /proc/net/tcp writes that state."""


class TritonFailed(ServingError):
    """The server ended, or did not have its models ready in time."""


@dataclass(frozen=True, kw_only=True)
class Server:
    http_port: int
    grpc_port: int
    metrics_port: int
    log: Path
    key: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    @property
    def shared_memory(self) -> str:
        """What the names of its regions in /dev/shm begin with."""
        return f"serving-triton-{self.http_port}-"

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.http_port}"

    @property
    def admin(self) -> dict[str, str]:
        """Headers that open the model-control API."""
        return {ADMIN_HEADER: self.key}

    def ready(self, model: str, version: int) -> bool:
        """Asks for the version itself: one failed load turns the server's own readiness to 400."""
        try:
            answer = httpx.get(
                f"{self.url}/v2/models/{model}/versions/{version}/ready", trust_env=False
            )
        except httpx.TransportError:
            return False
        return answer.status_code == httpx.codes.OK

    def infer(
        self, model: str, version: int, inputs: Tensors, protocol: Protocol = "http"
    ) -> dict[str, NDArray[Any]]:
        """Raises tritonclient's InferenceServerException where the server answers with an error."""
        port = {"http": self.http_port, "grpc": self.grpc_port}[protocol]
        return infer(protocol, f"{ADDRESS}:{port}", model, version, inputs)

    def metrics(self) -> list[Sample]:
        answer = httpx.get(f"http://{ADDRESS}:{self.metrics_port}/metrics", trust_env=False)
        return parse_metrics(answer.raise_for_status().text)


@contextmanager
def running(
    repository: Path | str,
    models: Sequence[str],
    version: int,
    *,
    within: float = 60.0,
    options: Sequence[str] = (),
) -> Iterator[Server]:
    """A server on one version's folder or `s3://…`, every model ready within so many seconds."""
    with tempfile.TemporaryDirectory(prefix="serving-triton-") as folder:
        if isinstance(repository, Path):
            repository = _linked(repository, Path(folder) / "repository")
        arguments = [f"--model-repository={repository}", *_loads(models), *options]
        versions = dict.fromkeys(models, version)
        process, server = _started(arguments, versions, within, Path(folder) / "log")
        try:
            yield server
        finally:
            _stop(process, server)


def _linked(repository: Path, to: Path) -> Path:
    """The same files in folders of our own: Python writes bytecode beside what it imports."""
    for folder, _, names in list(os.walk(repository)):
        here = to / Path(folder).relative_to(repository)
        here.mkdir()
        for name in names:
            (here / name).symlink_to(Path(folder).resolve() / name)
    return to


def _loads(models: Sequence[str]) -> list[str]:
    return ["--model-control-mode=explicit", *(f"--load-model={model}" for model in models)]


def _started(
    arguments: Sequence[str], versions: Mapping[str, int], within: float, log: Path
) -> tuple[subprocess.Popen[bytes], Server]:
    for _ in range(_ATTEMPTS):
        ports = _free_ports(3)
        server = Server(http_port=ports[0], grpc_port=ports[1], metrics_port=ports[2], log=log)
        process = _spawn([*surface(server), *arguments], log)
        with ExitStack() as undo:
            undo.callback(_stop, process, server)
            try:
                _wait(process, server, versions, within)
            except TritonFailed:
                if " already in use" in log.read_text():
                    continue
                raise
            undo.pop_all()
            return process, server
    raise TritonFailed(f"tritonserver found its ports taken, {_ATTEMPTS} times in a row")


def surface(server: Server) -> list[str]:
    """Where it answers, and to whom."""
    restricted = f"model-repository:{ADMIN_HEADER}={server.key}"
    return [
        *(f"--http-address={ADDRESS}", f"--http-port={server.http_port}"),
        *(f"--grpc-address={ADDRESS}", f"--grpc-port={server.grpc_port}"),
        *(f"--metrics-address={ADDRESS}", f"--metrics-port={server.metrics_port}"),
        *("--allow-gpu-metrics=false", "--metrics-config=summary_latencies=true"),
        *(f"--http-restricted-api={restricted}", f"--grpc-restricted-protocol={restricted}"),
        f"--backend-config=python,shm-region-prefix-name={server.shared_memory}",
        f"--exit-timeout-secs={_EXIT_SECONDS}",
    ]


def traced(endpoint: str, model: str, version: int, instance: str) -> list[str]:
    """Spans of each request that has a trace already, and of no other."""
    resource = {
        "service.name": model,
        "service.version": str(version),
        "service.instance.id": instance,
    }
    settings = [
        "mode=opentelemetry",
        "level=TIMESTAMPS",
        "rate=0",
        f"opentelemetry,url={endpoint}",
        *(f"opentelemetry,resource={name}={value}" for name, value in resource.items()),
    ]
    return [f"--trace-config={setting}" for setting in settings]


def _spawn(arguments: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """In a group of its own, so that its helpers end with it; it is told to end when we die."""
    tool = locate("tritonserver")
    with log.open("wb") as output:
        return subprocess.Popen(
            ["/usr/bin/setpriv", "--pdeathsig=TERM", *tool.command(*arguments)],
            env=tool.environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait(
    process: subprocess.Popen[bytes], server: Server, versions: Mapping[str, int], within: float
) -> None:
    deadline = time.monotonic() + within
    missing = dict(versions)
    while missing:
        names = ", ".join(f"{model} version {version}" for model, version in missing.items())
        if process.poll() is not None:
            raise TritonFailed(
                f"tritonserver ended with exit code {process.returncode} before {names} was "
                f"ready; its last words:\n{_last_words(server.log)}"
            )
        if time.monotonic() > deadline:
            raise TritonFailed(
                f"{names} was not ready within {within:g} s; the server's last words:\n"
                f"{_last_words(server.log)}"
            )
        time.sleep(_POLL_SECONDS)
        # somebody else may have won the race for a port, and may serve models of the same names
        if _ports(process.pid) >= {server.http_port, server.grpc_port, server.metrics_port}:
            missing = {m: v for m, v in missing.items() if not server.ready(m, v)}


def _stop(process: subprocess.Popen[bytes], server: Server) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_EXIT_SECONDS + 5)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    # a server that had to be killed leaves its memory behind
    for region in _SHARED_MEMORY.glob(f"{server.shared_memory}*"):
        region.unlink(missing_ok=True)


def _free_ports(count: int) -> list[int]:
    shuffled = random.sample(_PORTS, len(_PORTS))
    return list(itertools.islice(filter(_free, shuffled), count))


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
    return True


def _ports(pid: int) -> set[int]:
    """Those that the process itself listens on."""
    own = {_target(link) for link in Path(f"/proc/{pid}/fd").glob("*")}
    tables = Path("/proc/net").glob("tcp*")  # there is no tcp6 where IPv6 is off
    rows = [line.split() for table in tables for line in table.read_text().splitlines()[1:]]
    return {
        int(address.rpartition(":")[2], 16)
        for _, address, _, state, *others in rows
        if state == _LISTEN and f"socket:[{others[5]}]" in own
    }


def _target(link: Path) -> str | None:
    with suppress(OSError):
        return os.readlink(link)
    return None


def _last_words(log: Path) -> str:
    """Errors and what models printed; where there is neither, whatever came last."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if not re.match(CHATTER, line)]
    return "\n".join((telling or lines)[-_LOG_LINES:])
