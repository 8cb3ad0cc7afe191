from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import httpx
import pytest
import yaml
from typer.testing import CliRunner

from serving import image_digests
from serving.catalog import PLATFORM
from serving.cli import app
from serving.settings import AwsSettings
from serving.stacks.charts import movable
from tests.unit import stacks

LOKI = "docker.io/grafana/loki:3.7.6"


def manifest(request: httpx.Request) -> httpx.Response:
    """Of each image another."""
    return httpx.Response(200, content=request.url.path.encode())


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for file in PLATFORM.parent.glob("Pulumi.*.yaml"):
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def registries(monkeypatch: pytest.MonkeyPatch, answers: httpx.MockTransport) -> None:
    monkeypatch.setattr(image_digests, "client", lambda: httpx.Client(transport=answers))


def test_what_it_prints_pins_all_images_of_the_stack(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registries(monkeypatch, httpx.MockTransport(manifest))
    result = CliRunner().invoke(app, ["images", "-s", "prod"])
    assert (result.exit_code, result.stderr) == (0, "")
    digests = yaml.safe_load(result.stdout)["serving:digests"]
    path = b"/v2/grafana/loki/manifests/3.7.6"
    assert digests[LOKI] == f"sha256:{hashlib.sha256(path).hexdigest()}"
    settings = stacks.settings("prod", digests=digests)
    assert isinstance(settings, AwsSettings)
    assert movable(settings) == []


def test_what_a_registry_did_not_say_is_named_and_an_exit_code(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def all_but_one(request: httpx.Request) -> httpx.Response:
        return httpx.Response(404) if "loki" in request.url.path else manifest(request)

    registries(monkeypatch, httpx.MockTransport(all_but_one))
    result = CliRunner().invoke(app, ["images", "-s", "prod"])
    assert result.exit_code == 1
    assert result.stderr == f"{LOKI}: registry-1.docker.io answers 404\n"
    assert LOKI not in result.stdout
    assert "quay.io/jetstack" in result.stdout


def test_a_tag_that_was_moved_is_told(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registries(monkeypatch, httpx.MockTransport(manifest))
    before = f"sha256:{'00' * 32}"
    with (here / "Pulumi.prod.yaml").open("a", encoding="utf-8") as file:
        file.write(f"  serving:digests:\n    {LOKI}: {before}\n")
    result = CliRunner().invoke(app, ["images", "-s", "prod"])
    assert result.exit_code == 0
    assert result.stderr == f"{LOKI}: its tag was moved, it was {before}\n"
