"""The machine that `pulumi up` is run on: its tools, and how far it reaches."""

from __future__ import annotations

import shutil
import socket
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

import httpx

from serving.preflight.api_server import Endpoint
from serving.preflight.versions import Tool
from serving.toolchain.programs import locate
from serving.toolchain.tool import ToolMissing
from serving.toolchain.version import ask

ECHO: Final = "https://checkip.amazonaws.com"
"""AWS tells who asks which address it was asked from."""
SECONDS: Final = 5.0


def public_address() -> IPv4Address | None:
    """None where that cannot be learned."""
    try:
        told = httpx.get(ECHO, timeout=SECONDS).raise_for_status().text
        return IPv4Address(told.strip())
    except (httpx.HTTPError, ValueError):
        return None


def endpoint(host: str) -> Endpoint:
    try:
        told = socket.getaddrinfo(host, 443, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return Endpoint(addresses=[], answers=False)
    addresses = sorted({IPv4Address(address[0]) for *_, address in told})
    try:
        socket.create_connection((host, 443), timeout=SECONDS).close()
    except OSError:
        return Endpoint(addresses=addresses, answers=False)
    return Endpoint(addresses=addresses, answers=True)


def pulumi() -> Tool | None:
    try:
        found = locate("pulumi")
    except ToolMissing:
        return None
    return Tool(version=found.version, where=f"{found.path}")


def aws() -> Tool | None:
    where = shutil.which("aws")
    return Tool(version=ask(Path(where), "--version"), where=where) if where else None
