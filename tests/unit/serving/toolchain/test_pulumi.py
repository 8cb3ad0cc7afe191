"""The engine as its makers release it, from a server of the test's own."""

from __future__ import annotations

import functools
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from serving.toolchain import cache, pulumi
from serving.toolchain.progress import Progress
from serving.toolchain.recipe import CHECKOUT
from serving.toolchain.recipes import PULUMI

from .recipes import nothing


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def release(folder: Path, version: str) -> None:
    """An archive laid out as theirs."""
    with tarfile.open(folder / f"pulumi-v{version}-linux-x64.tar.gz", "w:gz") as archive:
        for name in ("pulumi", "pulumi-language-python"):
            script = f"#!/bin/sh\necho v{version}\n".encode()
            entry = tarfile.TarInfo(f"pulumi/{name}")
            entry.size, entry.mode = len(script), 0o755
            archive.addfile(entry, io.BytesIO(script))


def test_its_makers_release_is_taken_where_it_can_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(tmp_path, pulumi.ENGINE.version)
    with serving(tmp_path) as address:
        monkeypatch.setattr(pulumi, "RELEASES", address)
        cache.ensure(PULUMI, Progress(io.StringIO()), nothing)
    entry = cache.find(PULUMI)
    assert entry is not None
    assert entry.origin == "its makers' release"
    for at in (pulumi.ENGINE_AT, pulumi.LANGUAGE_HOST_AT):
        assert (entry.folder / at).read_text() == f"#!/bin/sh\necho v{pulumi.ENGINE.version}\n"


class WantsGo(Exception):
    """The build went on to the modules."""


@pytest.mark.parametrize("present", [True, False], ids=["404", "nobody listens"])
def test_it_is_built_from_its_modules_where_the_release_cannot_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, present: bool
) -> None:
    def obtain(name: str) -> None:
        raise WantsGo(name)

    with serving(tmp_path) as address:
        monkeypatch.setattr(pulumi, "RELEASES", address if present else "http://127.0.0.1:1")
        out = io.StringIO()
        with pytest.raises(WantsGo, match="go"):
            cache.ensure(PULUMI, Progress(out), obtain)  # type: ignore[arg-type]
    assert "its release cannot be had" in out.getvalue()


def test_the_versions_are_those_of_the_module_files() -> None:
    engine = (CHECKOUT / "tools/pulumi/go.mod").read_text()
    assert f"github.com/pulumi/pulumi/pkg/v3 v{pulumi.ENGINE.version}\n" in engine
    assert f"{pulumi.SDK} v{pulumi.ENGINE.version}\n" in engine
