"""REG-2: publish from a SageMaker model package."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from serving.errors import InputError, ServingError
from serving.registry.folder_store import FolderStore
from serving.registry.manifest import Manifest
from serving.registry.publish import publish
from serving.registry.source import open_source
from tests.live.buckets import BUCKET, cloud
from tests.unit.serving.registry.hostile_sources import FILES
from tests.unit.serving.registry.workplace import Workplace

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

pytestmark = pytest.mark.live

URL = f"s3://{BUCKET}/training/job-7/model.tar.gz"


@pytest.fixture
def s3() -> Iterator[S3Client]:
    with cloud() as client:
        boto3.client("sagemaker").create_model_package_group(ModelPackageGroupName="digits")
        yield client


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    workplace = Workplace(tmp_path)
    workplace.yaml.write_text(workplace.text)
    return workplace


def upload(s3: S3Client, files: Mapping[str, bytes]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    s3.put_object(Bucket=BUCKET, Key="training/job-7/model.tar.gz", Body=raw.getvalue())
    return raw.getvalue()


def package(approval: str = "Approved", **container: Any) -> str:
    answer = boto3.client("sagemaker").create_model_package(
        ModelPackageGroupName="digits",
        ModelApprovalStatus=approval,  # type: ignore[arg-type]  # any of its states
        InferenceSpecification={
            "Containers": [
                {"Image": "example.org/triton:1", **(container or {"ModelDataUrl": URL})}
            ],
            "SupportedContentTypes": ["application/octet-stream"],
            "SupportedResponseMIMETypes": ["application/octet-stream"],
        },
    )
    return answer["ModelPackageArn"]


def published(workplace: Workplace, arn: str) -> Manifest:
    with open_source(arn) as files:
        (workplace.source).mkdir(exist_ok=True)
        candidate = replace(workplace.candidate(), source=files, origin=arn)
        return publish(candidate, FolderStore(workplace.store))


def test_an_approved_package_is_published_with_its_arn_as_source(
    s3: S3Client, workplace: Workplace
) -> None:
    upload(s3, {f"./{path}": content for path, content in FILES.items()})
    arn = package()
    assert ":model-package/digits/1" in arn
    manifest = published(workplace, arn)
    assert manifest.source == arn
    assert workplace.verify() == manifest
    for path, content in FILES.items():
        assert (workplace.folder() / "digits/1" / path).read_bytes() == content


@pytest.mark.parametrize("approval", ["PendingManualApproval", "Rejected"])
def test_a_package_that_nobody_approved_is_refused(
    s3: S3Client, workplace: Workplace, approval: str
) -> None:
    upload(s3, FILES)
    with pytest.raises(InputError, match=f"is {approval}, expected Approved: approve it first"):
        published(workplace, package(approval))


def test_a_truncated_archive_publishes_nothing(s3: S3Client, workplace: Workplace) -> None:
    raw = upload(s3, {**FILES, "large.bin": bytes(range(256)) * 4096})
    s3.put_object(Bucket=BUCKET, Key="training/job-7/model.tar.gz", Body=raw[:-200])
    with pytest.raises(ServingError, match=r"is not a whole tar\.gz"):
        published(workplace, package())
    assert not workplace.store.exists()


def test_a_hostile_archive_publishes_nothing(s3: S3Client, workplace: Workplace) -> None:
    upload(s3, {**FILES, "../../escape.py": b"x"})
    with pytest.raises(ServingError, match=r"\.\./\.\./escape\.py: its name leads out"):
        published(workplace, package())
    assert not workplace.store.exists()


def test_an_archive_that_is_not_there_is_named(s3: S3Client, workplace: Workplace) -> None:
    with pytest.raises(
        ServingError, match=r"s3://models/training/job-7/model\.tar\.gz: .*NoSuchKey"
    ):
        published(workplace, package())


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sagemaker:us-east-1:123456789012:model-package/digits/9",
        "arn:aws:sagemaker:us-east-1:123456789012:endpoint/digits",
        "arn:aws:s3:::models",
    ],
)
def test_an_arn_that_is_no_package_is_an_error_with_its_name(
    s3: S3Client, workplace: Workplace, arn: str
) -> None:
    with pytest.raises(ServingError, match=arn):
        published(workplace, arn)
