"""SageMaker model packages: where an approved package keeps its files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from serving.contract.repository import shown
from serving.errors import InputError
from serving.registry.archive import unpack
from serving.registry.bucket import Bucket, at, explained
from serving.registry.files import Files
from serving.registry.folder import Folder

if TYPE_CHECKING:
    from types_boto3_sagemaker.type_defs import DescribeModelPackageOutputTypeDef


@contextmanager
def opened(arn: str) -> Iterator[Files]:
    """The files of a package: those of a prefix as they are, an archive unpacked aside."""
    where, packed = _location(arn)
    if not packed:
        yield Bucket(at(where))
        return
    folder, _, name = where.rpartition("/")
    with tempfile.TemporaryDirectory(prefix="serving-") as aside:
        with Bucket(at(folder)).open(name) as stream:
            unpack(stream, where, Path(aside))
        yield Folder(Path(aside).resolve())


def _location(arn: str) -> tuple[str, bool]:
    """`s3://…`, and whether that is one archive."""
    fields = arn.split(":", 5)
    if len(fields) < 6 or fields[2] != "sagemaker" or not fields[5].startswith("model-package/"):
        wanted = "arn:aws:sagemaker:REGION:ACCOUNT:model-package/GROUP/VERSION"
        raise InputError(f"--from {shown(arn)}: expected {wanted}")
    with explained(arn):
        client = boto3.client("sagemaker", region_name=fields[3])
        package = client.describe_model_package(ModelPackageName=arn)
    _check(arn, package)
    (container,) = package["InferenceSpecification"]["Containers"]
    data = container.get("ModelDataSource", {}).get("S3DataSource")
    if data is None:
        return container["ModelDataUrl"], True
    return data["S3Uri"], data["CompressionType"] == "Gzip"


def _check(arn: str, package: DescribeModelPackageOutputTypeDef) -> None:
    approval = package.get("ModelApprovalStatus", "Approved")
    if approval != "Approved":
        raise InputError(f"{arn}: is {approval}, expected Approved: approve it first")
    containers = package.get("InferenceSpecification", {}).get("Containers", [])
    if len(containers) != 1:
        raise InputError(f"{arn}: has {len(containers)} containers, expected 1")
    if not containers[0].get("ModelDataUrl") and not containers[0].get("ModelDataSource"):
        raise InputError(f"{arn}: names no model data: register it with a ModelDataUrl")
