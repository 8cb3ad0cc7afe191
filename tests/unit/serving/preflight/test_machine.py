"""What this machine has, and how far it reaches."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address
from pathlib import Path

import httpx
import pytest

from serving.preflight import machine
from serving.toolchain.tool import Tool, ToolMissing


def echo(monkeypatch: pytest.MonkeyPatch, answer: httpx.Response | Exception) -> None:
    def get(url: str, timeout: float) -> httpx.Response:
        assert (url, timeout) == ("https://checkip.amazonaws.com", 5.0)
        if isinstance(answer, Exception):
            raise answer
        answer.request = httpx.Request("GET", url)
        return answer

    monkeypatch.setattr(httpx, "get", get)


def test_its_own_address_is_what_aws_says(monkeypatch: pytest.MonkeyPatch) -> None:
    echo(monkeypatch, httpx.Response(200, text="203.0.113.7\n"))
    assert machine.public_address() == IPv4Address("203.0.113.7")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectTimeout("slow"),
        httpx.Response(503, text="203.0.113.7"),
        httpx.Response(200, text="<html>log in first</html>"),
    ],
    ids=["none", "an error", "a portal's page"],
)
def test_an_address_that_was_not_learned_is_none(
    monkeypatch: pytest.MonkeyPatch, answer: httpx.Response | Exception
) -> None:
    echo(monkeypatch, answer)
    assert machine.public_address() is None


def resolved(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """The API server's name means a port of this machine."""
    connect = socket.create_connection

    def told(host: str, *_: object) -> list[object]:
        assert host == "abc.eks.example"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443))]

    def connected(address: tuple[str, int], timeout: float) -> socket.socket:
        assert (address, timeout) == (("abc.eks.example", 443), 5.0)
        monkeypatch.undo()
        return connect(("127.0.0.1", port), timeout=timeout)

    monkeypatch.setattr(socket, "getaddrinfo", told)
    monkeypatch.setattr(socket, "create_connection", connected)


def test_an_api_server_that_listens_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        resolved(monkeypatch, server.getsockname()[1])
        found = machine.endpoint("abc.eks.example")
    assert (found.addresses, found.answers) == ([IPv4Address("127.0.0.1")], True)


def test_one_that_does_not_listen_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    resolved(monkeypatch, port)
    found = machine.endpoint("abc.eks.example")
    assert (found.addresses, found.answers) == ([IPv4Address("127.0.0.1")], False)


def test_a_name_that_nobody_knows_has_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> object:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    found = machine.endpoint("abc.eks.example")
    assert (found.addresses, found.answers) == ([], False)


def test_pulumi_is_the_one_that_the_project_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    there = Tool(name="pulumi", version="3.259.0", path=Path("/x/pulumi"), origin="PATH")
    monkeypatch.setattr(machine, "locate", lambda name: there)
    assert machine.pulumi() == machine.Tool(version="3.259.0", where="/x/pulumi")

    def missing(name: str) -> Tool:
        raise ToolMissing(name)

    monkeypatch.setattr(machine, "locate", missing)
    assert machine.pulumi() is None


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("aws-cli/2.15.30 Python/3.11.8 Linux/6.1 exe/x86_64", "2.15.30"),
        ("aws-cli/1.45.11 Python/3.11.7 Linux/6.1 botocore/1.44.5", "1.45.11"),
        ("what?", None),
    ],
)
def test_the_aws_command_is_asked_for_its_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: str, version: str | None
) -> None:
    program = tmp_path / "aws"
    program.write_text(f"#!/bin/sh\necho '{answer}'\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert machine.aws() == machine.Tool(version=version, where=str(program))


def test_without_the_aws_command_there_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.aws() is None
