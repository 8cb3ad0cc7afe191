"""That the bare program is the same stack, and that what is reported is what was measured."""

from __future__ import annotations

from benchmarks.aws.__main__ import ratio, report
from benchmarks.aws.engine import bares, registering
from tests.conftest import Synth

PROVIDER = "urn:pulumi:prod::serving::pulumi:providers:aws::aws"
THING = "urn:pulumi:prod::serving::serving:index:Bucket::models"
BUCKET = "urn:pulumi:prod::serving::serving:index:Bucket$aws:s3/bucket:Bucket::models"
CLUSTER = "urn:pulumi:prod::serving::eks:index:Cluster::cluster"
STATE = [
    {"urn": "urn:pulumi:prod::serving::pulumi:pulumi:Stack::prod", "custom": False,
     "type": "pulumi:pulumi:Stack"},
    {"urn": PROVIDER, "custom": True, "type": "pulumi:providers:aws",
     "inputs": {"region": "us-east-1"}},
    {"urn": "urn:pulumi:prod::serving::pulumi:providers:eks::default_4_4_0", "custom": True,
     "type": "pulumi:providers:eks"},
    {"urn": THING, "custom": False, "type": "serving:index:Bucket"},
    {"urn": BUCKET, "custom": True, "type": "aws:s3/bucket:Bucket", "parent": THING,
     "provider": f"{PROVIDER}::id",
     "inputs": {"bucket": "b", "tags": {"key": {"4dabf18193072939515e22adb298388d": "x"}}}},
    {"urn": CLUSTER, "custom": False, "type": "eks:index:Cluster"},
    {"urn": f"{CLUSTER}-eksCluster", "custom": True, "type": "aws:eks/cluster:Cluster",
     "parent": CLUSTER,
     "inputs": {"name": "c", "version": "1.35", "vpcConfig": {"subnetIds": ["s"]},
                "accessConfig": {"authenticationMode": "API"}}},
]  # fmt: skip


def test_the_bare_program_registers_what_the_state_holds_and_nothing_else(synth: Synth) -> None:
    found = synth(registering(bares(STATE)), stack="prod")
    assert found.names().splitlines() == [
        "aws:s3/bucket:Bucket  models",
        "eks:index:Cluster  cluster",
        "pulumi:providers:aws  aws",
        "serving:index:Bucket  models",
    ]
    bucket = found.one("aws:s3/bucket:Bucket")
    assert bucket.parent == THING
    assert bucket.inputs == {"bucket": "b", "tags": {"key": ""}}
    cluster = found.one("eks:index:Cluster")
    assert cluster.inputs == {
        "name": "c", "version": "1.35", "subnetIds": ["s"], "authenticationMode": "API",
    }  # fmt: skip
    (provider,) = bucket.providers
    assert provider.startswith(PROVIDER)


def test_a_ratio_is_of_what_ran_side_by_side() -> None:
    assert ratio([2.0, 20.0, 3.0], [1.0, 10.0, 3.0]) == 2.0


def test_the_report_holds_each_measurement_against_its_own_target() -> None:
    imported = {"program": [1.2], "sdk": [0.8], "stack, with the parts": [6.0],
                "sdk, with its parts": [5.0]}  # fmt: skip
    deployed = {"preview": {"ours": [9.0], "bare": [8.0]}, "up": {"ours": [30.0], "bare": [25.0]}}
    text = report(imported, deployed, resources=422, rounds=1)
    assert "| preview of `prod` | 9.00 | 8.00 | 1.125 | ratio ≤ 1.3 |" in text
    assert "| up of `prod` | 30.00 | 25.00 | 1.200 | ratio ≤ 1.3 |" in text
    assert "| import, as `__main__.py` does | 1.20 | 0.80 | 1.500 | ≤ 1.5 s |" in text
    assert "its 422 resources" in text
