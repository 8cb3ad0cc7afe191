"""Handshakes that name no host, as a network load balancer's are, at a real Envoy."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from components.gateway_objects import objects
from serving.toolchain import locate
from tests.live.certificates import Authority
from tests.live.envoys import free_port, until

pytestmark = pytest.mark.live

DOMAIN = "inference.example.com"
TYPES = "type.googleapis.com/envoy.extensions"


def listener(hosts: Sequence[str], certificate: Path, port: int) -> dict[str, Any]:
    """Of an HTTPS server with these hosts, as istiod's `toFilterChainMatch` has it: no name is
    asked for where `*` is among them."""
    file = {"filename": str(certificate)}
    return {
        "name": "https",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "listener_filters": [
            {
                "name": "tls_inspector",
                "typed_config": {
                    "@type": f"{TYPES}.filters.listener.tls_inspector.v3.TlsInspector"
                },
            }
        ],
        "filter_chains": [
            {
                "filter_chain_match": {} if "*" in hosts else {"server_names": list(hosts)},
                "transport_socket": {
                    "name": "tls",
                    "typed_config": {
                        "@type": f"{TYPES}.transport_sockets.tls.v3.DownstreamTlsContext",
                        "common_tls_context": {
                            "tls_certificates": [{"certificate_chain": file, "private_key": file}]
                        },
                    },
                },
                "filters": [
                    {
                        "name": "echo",
                        "typed_config": {"@type": f"{TYPES}.filters.network.echo.v3.Echo"},
                    }
                ],
            }
        ],
    }


@contextmanager
def envoy(folder: Path, hosts: Sequence[str]) -> Iterator[int]:
    port = free_port()
    certificate = Authority(folder / "authority").certificate(f"models.{DOMAIN}")
    config = {"static_resources": {"listeners": [listener(hosts, certificate, port)]}}
    command = locate("envoy").command(
        "--config-yaml", json.dumps(config), "--concurrency", "1", "--use-dynamic-base-id",
        "--log-level", "warning",
    )  # fmt: skip
    process = subprocess.Popen(command)
    try:
        until(lambda: process.poll() is not None or _listens(port))
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def echoed(port: int, named: str | None) -> bytes:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        trusting.wrap_socket(plain, server_hostname=named) as secure,
    ):
        secure.sendall(b"hello")
        return secure.recv(5)


@pytest.mark.parametrize("named", [None, f"models.{DOMAIN}"], ids=["no name", "a name"])
def test_the_gateway_answers_who_names_a_host_and_who_does_not(
    tmp_path: Path, named: str | None
) -> None:
    (https, _) = objects(DOMAIN)["models"].spec["servers"]
    with envoy(tmp_path, https["hosts"]) as port:
        assert echoed(port, named) == b"hello"


def test_hosts_of_a_domain_would_shut_the_load_balancer_out(tmp_path: Path) -> None:
    with envoy(tmp_path, [f"*.{DOMAIN}"]) as port:
        assert echoed(port, f"models.{DOMAIN}") == b"hello"
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            echoed(port, None)
