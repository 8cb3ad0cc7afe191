from __future__ import annotations

from typing import Any

from components.mesh_policies import INJECTION
from components.tempo import HOST, NAMESPACE, Tempo
from tests.unit import rendered
from tests.unit.components.examples import ROLE
from tests.unit.components.installing import installed
from tests.unit.components.network import Pod, allowed

POD = Pod(namespace=NAMESPACE)
MEMBER = Pod(namespace="tenant-vision", namespace_labels=INJECTION)


def values(**changes: Any) -> Any:
    return rendered.values_of(installed(Tempo, **changes), "tempo")


def test_traces_are_kept_in_the_bucket_by_its_own_role() -> None:
    """OBS-14."""
    found = values(retention_days=7)
    assert found["tempo"]["storage"]["trace"] == {
        "backend": "s3",
        "s3": {
            "bucket": "traces-of-tests",
            "endpoint": "s3.us-east-1.amazonaws.com",
            "region": "us-east-1",
        },
    }
    assert found["serviceAccount"] == {"name": "tempo", "annotations": ROLE}
    assert found["tempo"]["retention"] == "168h"


def test_members_of_the_mesh_send_spans_and_nobody_else() -> None:
    found = rendered.policies(installed(Tempo))
    for port in (4317, 4318):
        assert allowed(found, MEMBER, POD, port)
        assert not allowed(found, Pod(namespace="default"), POD, port)
    assert not allowed(found, MEMBER, POD, 3200)
    assert not allowed(found, MEMBER, POD, 14268)
    assert allowed(found, Pod(namespace="monitoring"), POD, 3200)


def test_it_answers_where_senders_are_told() -> None:
    release = installed(Tempo).one(rendered.RELEASE).inputs
    assert f"{release['name']}.{release['namespace']}.svc.cluster.local" == HOST
