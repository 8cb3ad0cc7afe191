from __future__ import annotations

from typing import Any, Final

import kubernetes_validate
import pytest

from components.model_volume import ModelVolume, ModelVolumeArgs
from tests.conftest import Synth

ARGS: Final = ModelVolumeArgs(
    volume_name="tenant-vision-models",
    namespace="tenant-vision",
    file_system_id="fs-1",
    access_point_id="fsap-1",
)
VOLUME: Final = "kubernetes:core/v1:PersistentVolume"
CLAIM: Final = "kubernetes:core/v1:PersistentVolumeClaim"


@pytest.fixture
def objects(synth: Synth) -> dict[str, Any]:
    graph = synth(lambda: ModelVolume("vision", ARGS))
    return {kind: graph.one(kind).inputs for kind in (VOLUME, CLAIM)}


def test_it_is_the_tenants_access_point_and_nothing_is_made_for_it(objects: Any) -> None:
    spec = objects[VOLUME]["spec"]
    assert spec["csi"]["driver"] == "efs.csi.aws.com"
    assert spec["csi"]["volumeHandle"] == "fs-1::fsap-1"
    assert spec["storageClassName"] == objects[CLAIM]["spec"]["storageClassName"] == ""


def test_nobody_can_write_through_it(objects: Any) -> None:
    spec = objects[VOLUME]["spec"]
    assert spec["accessModes"] == objects[CLAIM]["spec"]["accessModes"] == ["ReadOnlyMany"]
    assert spec["csi"]["readOnly"] is True


def test_it_is_mounted_over_tls_with_an_identity(objects: Any) -> None:
    spec = objects[VOLUME]["spec"]
    assert spec["csi"]["volumeAttributes"] == {"encryptInTransit": "true"}
    assert spec["mountOptions"] == ["iam"]


def test_volume_and_claim_belong_to_each_other_and_to_nobody_else(objects: Any) -> None:
    volume, claim = objects[VOLUME], objects[CLAIM]
    assert claim["spec"]["volumeName"] == volume["metadata"]["name"] == "tenant-vision-models"
    assert volume["spec"]["claimRef"] == claim["metadata"]
    assert claim["metadata"] == {"namespace": "tenant-vision", "name": "models"}


def test_a_claim_that_goes_takes_no_models_along(objects: Any) -> None:
    assert objects[VOLUME]["spec"]["persistentVolumeReclaimPolicy"] == "Retain"


def test_kubernetes_takes_both(objects: Any) -> None:
    for each in objects.values():
        kubernetes_validate.validate(dict(each), "1.35", strict=True)
