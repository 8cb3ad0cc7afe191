"""Small objects in S3, written only if nobody else has written them meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Self

from serving.errors import InputError, ServingError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_ABSENT: Final = ("404", "NoSuchKey")
_TAKEN: Final = ("PreconditionFailed", "ConditionalRequestConflict", *_ABSENT)
SCHEME: Final = "s3://"


class BucketError(ServingError):
    """S3 could not do what was asked of it, or did not say whether it did."""


@dataclass(frozen=True, kw_only=True)
class Objects:
    """Below one prefix, which is empty or ends with a slash."""

    client: S3Client
    bucket: str
    prefix: str

    @classmethod
    def at(cls, where: str) -> Self:
        """`s3://bucket/prefix`; endpoint and credentials come from the usual AWS variables."""
        bucket, _, prefix = where.removeprefix(SCHEME).partition("/")
        if not bucket:
            raise InputError(f"{where}: expected s3://bucket/prefix")
        import boto3  # large; only its users wait for it

        with explained(where):
            client = boto3.client("s3")
        prefix = prefix.strip("/")
        return cls(client=client, bucket=bucket, prefix=f"{prefix}/" if prefix else "")

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.prefix}".rstrip("/")

    def below(self, name: str) -> Self:
        return type(self)(client=self.client, bucket=self.bucket, prefix=f"{self.prefix}{name}/")

    def names(self) -> Iterator[str]:
        """Sorted."""
        with explained(str(self)):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self.prefix
            )
            for page in pages:
                for item in page.get("Contents", []):
                    yield item["Key"].removeprefix(self.prefix)

    def folders(self) -> Iterator[str]:
        with explained(str(self)):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self.prefix, Delimiter="/"
            )
            for page in pages:
                for item in page.get("CommonPrefixes", []):
                    yield item["Prefix"].removeprefix(self.prefix).removesuffix("/")

    def get(self, name: str) -> tuple[bytes, str] | None:
        """Content and ETag."""
        with explained(f"{self}/{name}"):
            try:
                answer = self.client.get_object(Bucket=self.bucket, Key=self.prefix + name)
            except self.client.exceptions.ClientError as error:
                if error.response["Error"]["Code"] in _ABSENT:
                    return None
                raise
            return answer["Body"].read(), answer["ETag"]

    def put(
        self, name: str, content: bytes, replacing: str | None, keep_until: datetime | None = None
    ) -> str | None:
        """Its ETag. Written only in place of the one given, or (None) of nothing; else None.

        A request that was repeated after its answer got lost counts as done.
        """
        options: dict[str, Any] = {"IfNoneMatch": "*"} if replacing is None else {}
        if replacing is not None:
            options["IfMatch"] = replacing
        if keep_until is not None:
            options |= {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": keep_until}
        with explained(f"{self}/{name}"):
            try:
                answer = self.client.put_object(
                    Bucket=self.bucket, Key=self.prefix + name, Body=content, **options
                )
                return answer["ETag"]
            except self.client.exceptions.ClientError as error:
                if error.response["Error"]["Code"] not in _TAKEN:
                    raise
        found = self.get(name)
        return found[1] if found is not None and found[0] == content else None

    def write(self, name: str, content: bytes) -> None:
        """Whatever is there."""
        with explained(f"{self}/{name}"):
            self.client.put_object(Bucket=self.bucket, Key=self.prefix + name, Body=content)

    def remove(self, name: str) -> None:
        with explained(f"{self}/{name}"):
            self.client.delete_object(Bucket=self.bucket, Key=self.prefix + name)


@contextmanager
def explained(what: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise BucketError(f"{what}: {error}") from error
