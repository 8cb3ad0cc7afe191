"""A real Prometheus of a test's own: fed with history, or scraping scripted exporters."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from serving.toolchain import locate
from tests.exporters import Exporters

PATIENCE_SECONDS = 30.0


@dataclass
class Server:
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            command = locate("prometheus").command(
                f"--config.file={self.folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={self.folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
            )
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            try:
                if httpx.get(f"{self.url}/-/ready").status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text())

    def stop(self, number: int = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(PATIENCE_SECONDS)
            self.process = None


@contextmanager
def prometheus(
    folder: Path, scrape_configs: list[dict[str, Any]], rules: list[dict[str, Any]] | None = None
) -> Iterator[Server]:
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "scrape_configs": scrape_configs,
        "rule_files": ["rules.yml"],
    }
    groups = [{"name": "rules", "rules": rules}] if rules else []
    (folder / "rules.yml").write_text(json.dumps({"groups": groups}))
    (folder / "prometheus.yml").write_text(json.dumps(config))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = Server(folder, free.getsockname()[1])
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def with_history(
    folder: Path, exporters: Exporters, rules: list[dict[str, Any]] | None = None
) -> Iterator[Server]:
    text = folder / "history"
    text.write_text("\n".join(exporters.openmetrics()) + "\n")
    command = locate("promtool").command(
        "tsdb", "create-blocks-from", "openmetrics", str(text), str(folder / "data")
    )
    subprocess.run(command, check=True, capture_output=True)
    with prometheus(folder, [], rules) as server:
        yield server


@dataclass
class Scraped:
    """Exporters over HTTP, one path for each target."""

    exporters: Exporters
    port: int = 0
    down: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def body(self, instance: str) -> bytes:
        with self.lock:
            lines = [
                f"{name}{{{_text(labels)}}} {value}"
                for (name, labels), value in self.exporters.now.items()
                if dict(labels)["instance"] == instance
            ]
        return "".join(f"{line}\n" for line in lines).encode()

    def configs(self) -> list[dict[str, Any]]:
        targets = {(dict(each)["job"], dict(each)["instance"]) for _, each in self.exporters.now}
        return [
            {
                "job_name": instance,
                "static_configs": [
                    {
                        "targets": [f"127.0.0.1:{self.port}"],
                        "labels": {
                            "__metrics_path__": f"/{instance}", "instance": instance, "job": job,
                        },
                    }
                ],
            }
            for job, instance in sorted(targets)
        ]  # fmt: skip


def _text(labels: tuple[tuple[str, str], ...]) -> str:
    own = [(label, value) for label, value in labels if label not in ("job", "instance")]
    return ",".join(f'{label}="{value}"' for label, value in own)


@contextmanager
def exported(exporters: Exporters) -> Iterator[Scraped]:
    scraped = Scraped(exporters)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            instance = self.path.strip("/")
            self.send_response(503 if instance in scraped.down else 200)
            self.send_header("content-type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(scraped.body(instance))

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        scraped.port = http.server_port
        thread = threading.Thread(target=http.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield scraped
        finally:
            http.shutdown()
            thread.join()
