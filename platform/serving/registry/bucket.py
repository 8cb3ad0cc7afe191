"""Files of an S3 prefix. Endpoint, region and credentials come from the usual AWS variables."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from serving.contract.repository import FileProblem, clashes, name_problem
from serving.errors import InputError
from serving.registry.errors import Refused, StoreError
from serving.registry.files import Listed
from serving.registry.transfer import CHUNK, Chunks

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from types_boto3_s3 import S3Client


@dataclass(frozen=True, kw_only=True)
class Prefix:
    """`s3://bucket/prefix`; the prefix is empty or ends with a slash."""

    client: S3Client
    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def below(self, *names: str) -> Prefix:
        prefix = self.prefix + "".join(f"{name}/" for name in names)
        return Prefix(client=self.client, bucket=self.bucket, prefix=prefix)


def at(where: str) -> Prefix:
    """The client is made once and shared by threads, which boto3 allows of clients."""
    bucket, _, prefix = where.removeprefix("s3://").partition("/")
    if not bucket:
        raise InputError(f"{where}: expected s3://bucket/prefix")
    prefix = prefix.strip("/")
    with explained(where):
        client = boto3.client("s3")
    return Prefix(client=client, bucket=bucket, prefix=f"{prefix}/" if prefix else "")


class Bucket:
    """All objects below a prefix, as files."""

    def __init__(self, place: Prefix) -> None:
        self.where = str(place)
        self._place = place

    def listed(self) -> Mapping[str, Listed]:
        found = {key: Listed(size, etag) for key, size, etag in objects(self._place) if key}
        # consoles leave empty objects with a slash at the end, as folders
        files = {key for key in found if not key.endswith("/")}
        problems = [FileProblem(k, what) for k in found if (what := name_problem(k.rstrip("/")))]
        problems += clashes(files)
        if problems:
            raise Refused(self.where, problems, "rename or remove these objects")
        return found

    @contextmanager
    def open(self, path: str) -> Iterator[io.RawIOBase]:
        place, what = self._place, f"{self.where}/{path}"
        with explained(what):
            answer = place.client.get_object(Bucket=place.bucket, Key=place.prefix + path)
        with closing(answer["Body"]) as body:
            yield Chunks(_pieces(body, what))


def _pieces(body: StreamingBody, what: str) -> Iterator[bytes]:
    with explained(what):
        yield from body.iter_chunks(CHUNK)


def objects(place: Prefix) -> Iterator[tuple[str, int, str]]:
    """Key below the prefix, size and ETag of each object."""
    with explained(str(place)):
        pages = place.client.get_paginator("list_objects_v2").paginate(
            Bucket=place.bucket, Prefix=place.prefix
        )
        for page in pages:
            for item in page.get("Contents", []):
                yield item["Key"].removeprefix(place.prefix), item["Size"], item["ETag"]


@contextmanager
def explained(what: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError, Boto3Error) as error:
        raise StoreError(f"{what}: {error}") from error
