from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPConnection, HTTPResponse
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from serving.dashboard.server import ADDRESS, STATIC, Dashboard, serving
from serving.errors import InputError
from tests.unit.serving.dashboard.pages import sources
from tests.unit.serving.dashboard.test_promotion import NAME
from tests.unit.serving.promotion.recorded import kept, recorded, simulated

FOLDER = Path(str(files("serving.dashboard").joinpath("static")))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    folder = tmp_path_factory.mktemp("journals")
    recorded(folder, simulated(1, 60, errors=0.05, since=10))
    with serving(sources(folder), 0) as server:
        yield server


def asked(
    server: Dashboard, path: str, method: str = "GET", host: str | None = None
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection(ADDRESS, server.server_port, timeout=10)
    connection.putrequest(method, path, skip_host=host is not None)
    if host:
        connection.putheader("Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def api(server: Dashboard, what: str) -> dict[str, Any]:
    answer, body = asked(server, f"/api/{what}?seconds=300")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    found: dict[str, Any] = json.loads(body)
    return found


@pytest.mark.parametrize("name", STATIC)
def test_the_page_and_its_parts_are_served(server: Dashboard, name: str) -> None:
    answer, body = asked(server, "/" if name == "index.html" else f"/{name}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, STATIC[name])
    assert body == (FOLDER / name).read_bytes()


def test_nothing_else_is_served(server: Dashboard) -> None:
    for path in ("/NOTICE", "/../server.py", "/%2e%2e/server.py", "/api/x", "/promotions/digits/x",
                 "/promotions/../../etc/passwd", "/static/app.js"):  # fmt: skip
        assert asked(server, path)[0].status == 404, path


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "localhost"])
def test_under_a_foreign_name_it_says_nothing(server: Dashboard, host: str) -> None:
    for path in ("/", "/api/processes"):
        answer, body = asked(server, path, host=host)
        assert answer.status == 421
        assert b"gateway" not in body


def test_this_machine_has_two_names(server: Dashboard) -> None:
    for host in server.hosts:
        assert asked(server, "/", host=host)[0].status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "ANYTHING"])
def test_it_is_only_to_be_read(server: Dashboard, method: str) -> None:
    answer, _ = asked(server, "/api/processes", method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_a_head_is_a_get_without_its_body(server: Dashboard) -> None:
    answer, body = asked(server, "/", "HEAD")
    assert (answer.status, body) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 1000


def test_no_answer_lets_a_page_run_or_fetch_what_is_not_ours(server: Dashboard) -> None:
    for path in ("/", "/api/processes", "/absent", f"/promotions/{NAME}"):
        answer, _ = asked(server, path)
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "frame-ancestors 'none'" in policy
        assert "script-src 'unsafe-inline'" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_report_is_the_page_that_the_command_writes(server: Dashboard) -> None:
    answer, body = asked(server, f"/promotions/{NAME}")
    assert answer.status == 200
    assert b"<h1>digits: version 2</h1>" in body
    assert "script-src" not in answer.headers["Content-Security-Policy"]


def test_what_programs_are_told(server: Dashboard) -> None:
    processes = api(server, "processes")
    assert processes["stack"] == "local"
    assert [(each["name"], each["alive"]) for each in processes["processes"]] == [
        ("gateway", True), ("digits-2-1", False),
    ]  # fmt: skip
    assert processes["processes"][0]["ports"] == {"requests": 40100}
    (promotion,) = api(server, "promotions")["promotions"]
    assert (promotion["name"], promotion["outcome"]) == (NAME, "rolled back")


def test_only_the_newest_promotion_of_a_model_may_be_under_way(tmp_path: Path) -> None:
    lines = kept(simulated(1, 2)).kept
    (tmp_path / "digits").mkdir()
    for name in ("20260101-v2", "20260102-v3"):
        (tmp_path / "digits" / f"{name}.jsonl").write_bytes(b"".join(lines))
    for held in (True, False):
        with serving(replace(sources(tmp_path), held=lambda model, held=held: held), 0) as server:
            told = api(server, "promotions")["promotions"]
        assert [(each["name"], each["runs"]) for each in told] == [
            ("digits/20260102-v3", held), ("digits/20260101-v2", False),
        ]  # fmt: skip


def test_without_prometheus_the_rest_is_still_told(server: Dashboard) -> None:
    for what in ("traffic", "alerts"):
        assert "ConnectError" in api(server, what)["problem"]
    assert list(api(server, "traffic")["models"]) == ["digits"]
    assert "problem" not in api(server, "processes")


@pytest.mark.parametrize("seconds", ["", "1", "-300", "1e9", "300s"])
def test_only_known_times_may_be_looked_back_on(server: Dashboard, seconds: str) -> None:
    expected = 200 if seconds == "" else 400
    assert asked(server, f"/api/traffic?seconds={seconds}")[0].status == expected


def test_what_cannot_be_read_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    def broken() -> dict[str, Any]:
        raise InputError("digits.yaml: is damaged")

    with serving(replace(sources(tmp_path), contracts=broken), 0) as server:
        assert api(server, "traffic")["problem"] == "digits.yaml: is damaged"


def test_several_tabs_ask_no_more_than_one(tmp_path: Path) -> None:
    calls: list[int] = []
    counted = replace(sources(tmp_path), processes=lambda: calls.append(1) or [])
    with serving(counted, 0) as server:
        for _ in range(5):
            api(server, "processes")
    assert len(calls) == 1


def test_a_port_that_is_taken_is_told(server: Dashboard, tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"port \d+ cannot be had .*; name another with --port"),
        serving(sources(tmp_path), server.server_port),
    ):
        pass


def test_all_that_is_vendored_is_as_its_notice_says() -> None:
    notice = (FOLDER / "NOTICE").read_text()
    sums = dict(reversed(line.split()) for line in notice.splitlines() if ".min." in line[66:])
    assert set(sums) == {path.name for path in FOLDER.glob("*.min.*")}
    for name, digest in sums.items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest
    assert "MIT License" in (FOLDER / "uplot.LICENSE").read_text()


def test_the_page_asks_no_other_machine() -> None:
    for path in FOLDER.iterdir():
        if ".min." not in path.name and path.suffix in (".html", ".css", ".js"):
            assert not re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", path.read_text()), path


def luminance(color: str) -> float:
    parts = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_all_text_stands_out_and_all_lines_are_seen(scheme: int) -> None:
    blocks = re.findall(r":root \{(.*?)\n *\}", (FOLDER / "app.css").read_text(), re.DOTALL)
    colors = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", blocks[scheme]))
    for text in ("text", "faint", "accent", "good", "bad", "doubt"):
        for ground in ("page", "card", "hover", "accent-soft"):
            if text in ("text", "faint") or ground in ("page", "card"):
                assert contrast(colors[text], colors[ground]) >= 4.5, (text, ground)
    for tone in ("good", "bad", "doubt", "accent"):
        assert contrast(colors[tone], colors[f"{tone}-soft"]) >= 4.5, tone
    for line in ("v0", "v1", "v2", "v3", "v4", "v5", "limit"):
        assert contrast(colors[line], colors["card"]) >= 3, line
