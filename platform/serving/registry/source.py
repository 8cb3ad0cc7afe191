"""Where an artifact is taken from: a folder, a bucket, MLflow, SageMaker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serving.errors import InputError
from serving.registry.files import Files
from serving.registry.folder import Folder


@contextmanager
def open_source(where: str) -> Iterator[Files]:
    """A folder, `s3://…`, `models:/NAME/VERSION` or the ARN of a SageMaker model package."""
    if not where:
        raise InputError("--from: is empty text: name a folder or another source")
    # each brings a large library, which only its own users wait for
    if where.startswith("arn:"):
        from serving.registry import sagemaker

        with sagemaker.opened(where) as files:
            yield files
        return
    if where.startswith("models:/"):
        from serving.registry import mlflow

        with mlflow.opened(where) as files:
            yield files
        return
    if where.startswith("s3://"):
        from serving.registry.bucket import Bucket, at

        yield Bucket(at(where))
        return
    if "://" in where and not where.startswith("file:///"):
        expected = "a folder, s3://bucket/prefix, models:/NAME/VERSION or a model package's ARN"
        raise InputError(f"--from {where}: expected {expected}")
    yield Folder(Path(where.removeprefix("file://")).resolve())
