from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from components.loki import NAMESPACE, URL, Loki
from tests.unit import rendered
from tests.unit.components.examples import ROLE
from tests.unit.components.installing import INTERNET, around, installed
from tests.unit.components.network import Pod, allowed

POD = Pod(namespace=NAMESPACE)


def values(**changes: Any) -> Any:
    return rendered.values_of(installed(Loki, **changes), "loki")


def test_lines_are_kept_in_the_bucket_by_its_own_role() -> None:
    """OBS-3."""
    found = values()
    storage = found["loki"]["storage"]
    assert storage["bucketNames"] == {"chunks": "logs-of-tests", "ruler": "logs-of-tests"}
    assert storage["s3"] == {"region": "us-east-1"}  # no key
    assert found["serviceAccount"] == {"name": "loki", "annotations": ROLE}


def test_what_is_too_old_is_deleted() -> None:
    found = values(retention_days=30)["loki"]
    assert found["limits_config"]["retention_period"] == "720h"
    assert found["compactor"] == {"retention_enabled": True, "delete_request_store": "s3"}


@pytest.mark.parametrize(("replicas", "kept"), [(1, 1), (2, 3), (3, 3)])
def test_a_line_is_kept_by_most_of_three_or_by_the_only_one(replicas: int, kept: int) -> None:
    found = values(surroundings=around(replicas=replicas))
    assert found["singleBinary"]["replicas"] == kept
    assert found["loki"]["commonConfig"]["replication_factor"] == kept


def test_who_asks_says_who_they_are() -> None:
    assert values()["loki"]["auth_enabled"] is True


def test_it_answers_where_others_are_told() -> None:
    release = installed(Loki).one(rendered.RELEASE).inputs
    assert urlsplit(URL).hostname == f"{release['name']}.{release['namespace']}.svc"


@pytest.mark.parametrize(
    ("source", "to", "port", "expected"),
    [
        (Pod(namespace="alloy"), POD, 3100, True),
        (Pod(namespace="monitoring"), POD, 3100, True),
        (Pod(namespace="tenant-vision"), POD, 3100, False),
        (POD, POD, 7946, True),
        (POD, INTERNET, 443, True),
        (POD, "172.20.0.1", 80, False),
    ],
)
def test_only_agents_write_and_only_grafana_reads(
    source: Pod, to: Pod | str, port: int, expected: bool
) -> None:
    found = rendered.policies(installed(Loki, writers="alloy"))
    assert allowed(found, source, to, port) is expected
