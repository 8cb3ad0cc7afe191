"""A store in S3: files first, then the manifest, without which nobody sees them."""

from __future__ import annotations

import io
import json
import os
import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from serving.contract.repository import MANIFEST, FileProblem, version_number
from serving.registry.bucket import Bucket, Prefix, at, explained, objects
from serving.registry.errors import Refused
from serving.registry.manifest import Entry
from serving.registry.transfer import CHUNK, Advance, Hashing

_LOCK: Final = ".lock"
_PART_BYTES: Final = 8 << 20
_MAX_PARTS: Final = 10_000
_TAKEN: Final = ("PreconditionFailed", "ConditionalRequestConflict")


class BucketStore:
    def __init__(self, where: str) -> None:
        self._place = at(where)
        self.where = str(self._place)

    def models(self) -> Sequence[str]:
        return [name for name in _folders(self._place) if self.versions(name)]

    def versions(self, model: str) -> Sequence[str]:
        place = self._place.below(model)
        return [name for name in _folders(place) if _exists(place.below(name), MANIFEST)]

    def version(self, model: str, version: int) -> Bucket:
        return Bucket(self._place.below(model, str(version)))

    @contextmanager
    def staging(self, model: str, version: int) -> Iterator[BucketStaging]:
        place = self._place.below(model, str(version))
        with self._held(model):
            if _exists(place, MANIFEST):
                raise _there(place)
            _clear(place)
            staging = BucketStaging(place)
            try:
                yield staging
            finally:
                if not staging.committing:
                    _clear(place)

    def remove(self, model: str, versions: Sequence[int]) -> None:
        with self._held(model):
            for version in versions:
                place = self._place.below(model, str(version))
                _delete(place, MANIFEST)
                _clear(place)
            unfinished = set(_folders(self._place.below(model))) - set(self.versions(model))
            for name in filter(version_number, unfinished):
                _clear(self._place.below(model, name))

    @contextmanager
    def _held(self, model: str) -> Iterator[None]:
        """An object is the lock; one that a killed publisher left has to be removed by hand."""
        place = self._place.below(model)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        holder = {
            "host": socket.gethostname(),
            "process": os.getpid(),
            "since": since,
            "id": secrets.token_hex(8),
        }
        other = _put_once(place, _LOCK, json.dumps(holder).encode())
        if other is not None:
            what = f"is being published to or pruned by {other.decode(errors='replace')}"
            do = f"wait; if that process is dead, delete {place}/{_LOCK}, then try again"
            raise Refused(self.where, [FileProblem(model, what)], do)
        try:
            yield
        finally:
            _delete(place, _LOCK)


class BucketStaging(Bucket):
    def __init__(self, place: Prefix) -> None:
        super().__init__(place)
        self.committing = False

    def write(self, path: str, content: io.RawIOBase, size: int, advance: Advance) -> Entry:
        place = self._place
        hashing = Hashing(content, advance)
        with explained(f"{self.where}/{path}"), io.BufferedReader(hashing, CHUNK) as stream:
            place.client.upload_fileobj(
                stream,
                place.bucket,
                place.prefix + path,
                Config=TransferConfig(
                    multipart_threshold=_PART_BYTES,
                    # the size of a stream is not known to the uploader, so it cannot choose parts
                    multipart_chunksize=max(_PART_BYTES, -(-size // _MAX_PARTS)),
                ),
            )
        return hashing.entry()

    def commit(self, manifest: bytes) -> None:
        # nothing may be cleared any more: an error does not say that it was not written
        self.committing = True
        if _put_once(self._place, MANIFEST, manifest) is not None:
            raise _there(self._place)


def _there(place: Prefix) -> Refused:
    return Refused(str(place), [FileProblem(MANIFEST, "is there by now")], "look at it first")


def _put_once(place: Prefix, name: str, content: bytes) -> bytes | None:
    """What is there already, if it is not the same (which is how a repeated request finds it)."""
    with explained(f"{place}/{name}"):
        try:
            place.client.put_object(
                Bucket=place.bucket, Key=place.prefix + name, Body=content, IfNoneMatch="*"
            )
            return None
        except ClientError as error:
            if error.response["Error"]["Code"] not in _TAKEN:
                raise
    with Bucket(place).open(name) as stream:
        other = stream.read()
    return None if other == content else other


def _exists(place: Prefix, name: str) -> bool:
    with explained(f"{place}/{name}"):
        try:
            place.client.head_object(Bucket=place.bucket, Key=place.prefix + name)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return False
            raise
    return True


def _folders(place: Prefix) -> list[str]:
    with explained(str(place)):
        pages = place.client.get_paginator("list_objects_v2").paginate(
            Bucket=place.bucket, Prefix=place.prefix, Delimiter="/"
        )
        return [
            item["Prefix"].removeprefix(place.prefix).removesuffix("/")
            for page in pages
            for item in page.get("CommonPrefixes", [])
        ]


def _clear(place: Prefix) -> None:
    """Removes what an unfinished publish left, parts of uploads too. The caller holds the lock."""
    client = place.client
    with explained(str(place)):
        for page in client.get_paginator("list_multipart_uploads").paginate(
            Bucket=place.bucket, Prefix=place.prefix
        ):
            for upload in page.get("Uploads", []):
                client.abort_multipart_upload(
                    Bucket=place.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                )
    for key, _, _ in list(objects(place)):
        _delete(place, key)


def _delete(place: Prefix, name: str) -> None:
    with explained(f"{place}/{name}"):
        place.client.delete_object(Bucket=place.bucket, Key=place.prefix + name)
