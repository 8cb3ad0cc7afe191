"""MLflow's model registry, over its REST API: where a model version keeps its files."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx

from serving.contract.repository import FileProblem, name_problem
from serving.errors import InputError
from serving.registry.bucket import Bucket, at
from serving.registry.errors import Refused, StoreError
from serving.registry.files import Files, Listed
from serving.registry.folder import Folder
from serving.registry.transfer import CHUNK, Chunks

_VERSION: Final = re.compile(r"models:/([^/@]+)/([1-9][0-9]*)")
_LOGGED: Final = re.compile(r"models:/(m-[0-9a-f]{32})(/.*)?")
_RUN: Final = re.compile(r"runs:/([^/]+)/(.+)")
_ARTIFACTS: Final = "/api/2.0/mlflow-artifacts/artifacts"


@contextmanager
def opened(where: str) -> Iterator[Files]:
    """The files of `models:/NAME/VERSION` on the server that MLFLOW_TRACKING_URI names."""
    server = os.environ.get("MLFLOW_TRACKING_URI", "")
    if not server.startswith(("http://", "https://")):
        raise InputError(f"--from {where}: set MLFLOW_TRACKING_URI to the server, http(s)://…")
    if not _VERSION.fullmatch(where):
        raise InputError(f"--from {where}: expected models:/NAME/VERSION")
    with _client(server) as client:
        yield _files(client, where)


class Artifacts:
    """What the server hands out itself, under `mlflow-artifacts:/`."""

    def __init__(self, client: httpx.Client, root: str) -> None:
        self.where = f"mlflow-artifacts:/{root}"
        self._client = client
        self._root = root

    def listed(self) -> Mapping[str, Listed]:
        found: dict[str, Listed] = {}
        problems: list[FileProblem] = []
        folders = [""]
        while folders:
            folder = folders.pop()
            answer = _get(self._client, _ARTIFACTS, {"path": f"{self._root}/{folder}".rstrip("/")})
            for item in answer.get("files", []):
                path = folder + item["path"]
                if what := name_problem(path):
                    problems.append(FileProblem(path, what))
                elif item.get("is_dir"):
                    folders.append(f"{path}/")
                else:
                    found[path] = Listed(int(item.get("file_size", 0)), "")
        if problems:
            raise Refused(self.where, problems, "register the model again, under plain names")
        return found

    @contextmanager
    def open(self, path: str) -> Iterator[io.RawIOBase]:
        what = f"{self.where}/{path}"
        url = f"{_ARTIFACTS}/{quote(f'{self._root}/{path}')}"
        with ExitStack() as opened:
            with _explained(what):
                answer = opened.enter_context(self._client.stream("GET", url))
                answer.raise_for_status()
            yield Chunks(_pieces(answer, what))


def _pieces(answer: httpx.Response, what: str) -> Iterator[bytes]:
    with _explained(what):
        yield from answer.iter_bytes(CHUNK)


def _files(client: httpx.Client, where: str) -> Files:
    with _explained(where):
        uri = _resolved(client, where)
    if uri.startswith("mlflow-artifacts:/") and not uri.startswith("mlflow-artifacts://"):
        return Artifacts(client, uri.removeprefix("mlflow-artifacts:/").strip("/"))
    if uri.startswith("s3://"):
        return Bucket(at(uri))
    if uri.startswith(("/", "file:///")):
        return Folder(Path(uri.removeprefix("file://")).resolve())
    raise InputError(f"{where}: its files are at {uri}, which cannot be read from here")


def _resolved(client: httpx.Client, where: str) -> str:
    """Follows versions to logged models and runs, down to where the files are."""
    uri = where
    for _ in range(5):
        if match := _LOGGED.fullmatch(uri):
            logged = _get(client, f"/api/2.0/mlflow/logged-models/{match[1]}")
            uri = logged["model"]["info"]["artifact_uri"] + (match[2] or "")
        elif match := _VERSION.fullmatch(uri):
            names = {"name": match[1], "version": match[2]}
            version = _get(client, "/api/2.0/mlflow/model-versions/get", names)["model_version"]
            if version["status"] != "READY":
                raise InputError(f"{uri}: is {version['status']}, expected READY")
            download = "/api/2.0/mlflow/model-versions/get-download-uri"
            uri = _get(client, download, names)["artifact_uri"]
        elif match := _RUN.fullmatch(uri):
            run = _get(client, "/api/2.0/mlflow/runs/get", {"run_id": match[1]})["run"]
            uri = f"{run['info']['artifact_uri']}/{match[2]}"
        else:
            break
    return uri


def _client(server: str) -> httpx.Client:
    """Credentials come from the variables that MLflow's own client reads."""
    token, user = (os.environ.get(f"MLFLOW_TRACKING_{name}") for name in ("TOKEN", "USERNAME"))
    return httpx.Client(
        base_url=server,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        auth=(user, os.environ.get("MLFLOW_TRACKING_PASSWORD", "")) if user else None,
        timeout=60,
    )


def _get(client: httpx.Client, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
    with _explained(f"{client.base_url}{path}"):
        answer = client.get(path, params=query)
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise InputError(f"MLflow: {answer.json().get('message', 'not found')}")
        document: dict[str, Any] = answer.raise_for_status().json()
        return document


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise StoreError(f"{what}: {type(error).__name__}: {error}") from error
