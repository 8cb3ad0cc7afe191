from __future__ import annotations

import pytest

from components.block_storage import BlockStorage, BlockStorageArgs
from tests.conftest import Synth
from tests.unit import rendered

KIND = "kubernetes:storage.k8s.io/v1:StorageClass"


@pytest.mark.parametrize(("retain", "policy"), [(True, "Retain"), (False, "Delete")])
def test_volumes_outlive_their_claims_where_state_must_stay(
    synth: Synth, retain: bool, policy: str
) -> None:
    graph = synth(
        lambda: BlockStorage("storage", BlockStorageArgs(key_arn="arn:key", retain=retain))
    )
    assert graph.one(KIND).inputs["reclaimPolicy"] == policy
    assert rendered.wrong_objects(graph) == []


def test_a_volume_is_encrypted_and_where_its_pod_is(synth: Synth) -> None:
    found = (
        synth(lambda: BlockStorage("storage", BlockStorageArgs(key_arn="arn:key"))).one(KIND).inputs
    )
    assert found["parameters"] == {"type": "gp3", "encrypted": "true", "kmsKeyId": "arn:key"}
    assert found["volumeBindingMode"] == "WaitForFirstConsumer"


def test_who_says_nothing_gets_one_of_these(synth: Synth) -> None:
    metadata = (
        synth(lambda: BlockStorage("storage", BlockStorageArgs(key_arn="arn:key")))
        .one(KIND)
        .inputs["metadata"]
    )
    assert metadata["annotations"] == {"storageclass.kubernetes.io/is-default-class": "true"}
