from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from components.cluster import SERVICE_CIDR
from serving.contract.fields import Section
from serving.errors import InputError
from serving.settings import AwsSettings, LocalSettings, Release, parse
from serving.settings.aws import SERVICES
from tests.unit import stacks

SMALLEST: dict[str, Any] = {
    "target": "aws",
    "environment": "dev",
    "region": "eu-central-1",
    "owner": "platform",
    "contacts": ["platform@example.com"],
    "cost_center": "research",
    "network": {"cidr": "10.0.0.0/16", "zones": ["a", "b"], "nat": "single"},
    "cluster": {"version": "1.35", "administrators": {"deploy": "serving-deploy"}},
    "pools": {
        "system": {
            "kind": "system",
            "instance_types": ["m7i.xlarge"],
            "nodes_per_zone": {"min": 1, "max": 2},
        }
    },
    "gateway": {"domain": "models.example.com"},
    "logs": {"retention_days": 30},
    "audit": {"retention_days": 30},
    "budget": {"monthly_usd": 1000},
}


def settings(**changes: Any) -> AwsSettings:
    found = parse(SMALLEST | changes, "Pulumi.dev.yaml")
    assert isinstance(found, AwsSettings)
    return found


def test_what_is_left_out_is_the_safe_choice() -> None:
    smallest = settings()
    assert smallest.retain is True
    assert smallest.cluster.public_access_cidrs == ()
    assert smallest.cluster.private_access_cidrs == ()
    assert smallest.network.endpoints == ("sts",)
    assert smallest.images.pull_through == ()
    assert smallest.gateway.public_access_cidrs == ()
    assert smallest.traces is smallest.gitops is None
    assert smallest.releases == {}


def test_the_networks_of_services_and_of_the_vpc_never_overlap() -> None:
    assert str(SERVICES) == SERVICE_CIDR


def test_zones_are_named_within_the_region() -> None:
    assert settings().zones == ("eu-central-1a", "eu-central-1b")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"netwrok": {}}, "serving:netwrok: is not a known field"),
        (
            {"target": "azure"},
            "serving:target: is not valid, got 'azure', expected one of aws, local",
        ),
        ({"environment": "test"}, "serving:environment: is not valid"),
        ({"region": "europe"}, "serving:region: is not valid"),
        ({"contacts": []}, "serving:contacts: is not valid"),
        ({"contacts": ["platform"]}, "serving:contacts[0]: is not valid, got 'platform'"),
        ({"budget": {"monthly_usd": 0}}, "serving:budget.monthly_usd: is not valid, got 0"),
        ({"audit": {"retention_days": 0}}, "serving:audit.retention_days: is not valid, got 0"),
        (
            {"images": {"pull_through": ["docker"]}},
            "serving:images.pull_through[0]: is not valid, got 'docker', expected ecr-public, ",
        ),
        ({"retain": "yes"}, "serving:retain: is not valid, got 'yes', expected true or false"),
        (
            {"network": {"cidr": "10.0.0.0/8", "zones": ["a", "b"], "nat": "single"}},
            "serving:network.cidr: is not valid, got '10.0.0.0/8', expected a network of /16 to",
        ),
        (
            {"network": {"cidr": "172.20.0.0/20", "zones": ["a", "b"], "nat": "single"}},
            "serving:network.cidr: is not valid, got '172.20.0.0/20', expected a network outside "
            "of 172.20.0.0/16, which Services have",
        ),
        (
            {"network": {"cidr": "10.0.0.0/16", "zones": ["a", "a"], "nat": "single"}},
            "serving:network.zones: is not valid, got ['a', 'a'], expected each zone once",
        ),
        (
            {"network": {"cidr": "10.0.0.0/16", "zones": ["a"], "nat": "single"}},
            "serving:network.zones: is not valid",
        ),
        (
            {"network": {"cidr": "10.0.0.0/16", "zones": ["a", "b"], "nat": "one"}},
            "serving:network.nat: is not valid, got 'one', expected single or per-zone",
        ),
        (
            {"cluster": {"version": 1.35, "administrators": {"deploy": "r"}}},
            "serving:cluster.version: is not valid, got 1.35, expected text",
        ),
        (
            {"cluster": {"version": "1.35", "administrators": {}}},
            "serving:cluster.administrators: is not valid",
        ),
        (
            {
                "cluster": {
                    "version": "1.35",
                    "administrators": {"deploy": "r"},
                    "public_access_cidrs": ["0.0.0.0/0"],
                }
            },
            "serving:cluster.public_access_cidrs[0]: is not valid, got '0.0.0.0/0', "
            "expected a network of /24 or narrower",
        ),
        (
            {"cluster": {**SMALLEST["cluster"], "private_access_cidrs": ["203.0.113.0/24"]}},
            "serving:cluster.private_access_cidrs[0]: is not valid, got '203.0.113.0/24', "
            "expected a network within 10.0.0.0/8, 100.64.0.0/10, 172.16.0.0/12, 192.168.0.0/16",
        ),
        (
            {"cluster": {**SMALLEST["cluster"], "private_access_cidrs": ["10.0.0.0/7"]}},
            "serving:cluster.private_access_cidrs[0]: is not valid, got '10.0.0.0/7', "
            "expected a network within 10.0.0.0/8",
        ),
        (
            {"cluster": {**SMALLEST["cluster"], "private_access_cidrs": 2 * ["10.1.0.0/16"]}},
            "serving:cluster.private_access_cidrs: is not valid, "
            "got ['10.1.0.0/16', '10.1.0.0/16'], expected each network once",
        ),
        (
            {"gateway": {"domain": "*.example.com"}},
            "serving:gateway.domain: is not valid, got '*.example.com'",
        ),
        (
            {"gateway": {"domain": "localhost"}},
            "serving:gateway.domain: is not valid, got 'localhost'",
        ),
        (
            {"gateway": {"domain": "example.com", "public_access_cidrs": ["0.0.0.0/33"]}},
            "serving:gateway.public_access_cidrs[0]: is not valid, got '0.0.0.0/33'",
        ),
        (
            {"gateway": {"domain": "example.com", "private_principals": ["*"]}},
            "serving:gateway.private_principals[0]: is not valid, got '*'",
        ),
        (
            {
                "gateway": {
                    "domain": "example.com",
                    "private_principals": ["arn:aws:iam::123456789012:root"],
                    "public_access_cidrs": ["203.0.113.0/24"],
                }
            },
            "serving:gateway: is not valid, got a mapping, "
            "expected private_principals or public_access_cidrs, not both",
        ),
        ({"traces": {"percentage": 0}}, "serving:traces.percentage: is not valid, got 0"),
        ({"traces": {"percentage": 101}}, "serving:traces.percentage: is not valid, got 101"),
        (
            {"traces": {"percentage": 1, "collector": "https://otel.example.com"}},
            "serving:traces.collector: is not valid, got 'https://otel.example.com'",
        ),
        (
            {"gitops": {"repository": "git@example.com:a", "folders": {"vision": "a"}}},
            "serving:gitops.repository: is not valid, got 'git@example.com:a'",
        ),
        (
            {"gitops": {"repository": "https://example.com/a", "folders": {}}},
            "serving:gitops.folders: is not valid",
        ),
        (
            {"digests": {"docker.io/grafana/loki:3.7.6": "3.7.6"}},
            "serving:digests",
        ),
        ({"store": {"lock_days": 0}}, "serving:store.lock_days: is not valid, got 0"),
        ({"logs": {"retention_days": 31}}, "serving:logs.retention_days: is not valid, got 31"),
    ],
)
def test_a_wrong_value_is_refused_under_its_key_in_its_file(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError) as refused:
        settings(**changes)
    assert str(refused.value).startswith(f"Pulumi.dev.yaml: {said}")


def local(**values: Any) -> LocalSettings:
    found = parse({"target": "local", "environment": "dev", **values}, "Pulumi.local.yaml")
    assert isinstance(found, LocalSettings)
    return found


IDENTITY = {"issuer": "https://id.example.com/", "audience": "inference"}


def test_a_local_stack_traces_nothing_and_trusts_its_own_issuer_unless_told() -> None:
    assert (local().traces, local().identity) == (None, None)


def test_a_collector_is_named_by_its_whole_address() -> None:
    traces = local(traces={"endpoint": "http://127.0.0.1:4318/v1/traces"}).traces
    assert traces is not None
    assert traces.sampling_percent == 10


@pytest.mark.parametrize(
    "jwks",
    [
        "https://id.example.com/keys",
        "https://id.example.com:8443/keys?p=policy",
        "http://localhost:8080/keys",
        "http://127.0.0.1/keys",
    ],
)
def test_keys_come_over_https_or_from_this_machine(jwks: str) -> None:
    identity = local(identity={**IDENTITY, "jwks": jwks}).identity
    assert identity is not None
    assert (identity.jwks, identity.refresh_seconds) == (jwks, 60)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"traces": {}}, "traces.endpoint: is missing"),
        ({"traces": {"endpoint": "127.0.0.1:4318"}}, "traces.endpoint: is not valid"),
        ({"traces": {"endpoint": "http://a:x/v1"}}, "traces.endpoint: is not valid"),
        ({"traces": {"endpoint": "http://a b/v1"}}, "traces.endpoint: is not valid"),
        (
            {"traces": {"endpoint": "https://a/v1/traces"}},
            "traces.endpoint: is not valid, got 'https://a/v1/traces', expected an address such as "
            "http://127.0.0.1:4318/v1/traces",
        ),
        ({"traces": {"endpoint": "http://a:4318"}}, "traces.endpoint: is not valid"),
        (
            {"traces": {"endpoint": "http://a/v1", "sampling_percent": 101}},
            "traces.sampling_percent: is not valid, got 101, expected ≤ 100",
        ),
        (
            {"identity": {**IDENTITY, "jwks": "http://id.example.com/keys"}},
            "identity.jwks: is not valid, got 'http://id.example.com/keys', "
            "expected https, or http on this machine itself",
        ),
        ({"identity": {**IDENTITY, "jwks": "https://10.0.0.1/keys"}}, "identity.jwks: is not"),
        ({"identity": {**IDENTITY, "jwks": "https://a:b@c/keys"}}, "identity.jwks: is not valid"),
        ({"identity": {**IDENTITY, "jwks": "file:///keys"}}, "identity.jwks: is not valid"),
        ({"identity": {**IDENTITY, "issuer": ""}}, "identity.issuer: is not valid"),
        ({"identity": {"jwks": "https://a/keys"}}, "identity.issuer: is missing"),
    ],
)
def test_a_wrong_value_of_a_local_stack_is_refused_under_its_key(
    values: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError) as refused:
        local(**values)
    assert str(refused.value).startswith(f"Pulumi.local.yaml: serving:{said}")


def test_every_mistake_is_said_at_once() -> None:
    with pytest.raises(InputError) as refused:
        settings(environment="test", region="europe", logs={})
    assert len(str(refused.value).splitlines()) == 3


@pytest.mark.parametrize(
    "release",
    [
        {"stable": 1},
        {"stable": 1, "canary": 2, "weight": 10, "revision": 7},
        {"stable": 1, "canary": 2},
        {"stable": 2, "previous": 1, "revision": 12},
        {"canary": 1},
    ],
)
def test_a_table_that_can_be_served_is_taken(release: dict[str, int]) -> None:
    assert settings(releases={"digits": release}).releases["digits"] == Release(**release)


@pytest.mark.parametrize(
    "release",
    [
        {},
        {"previous": 1},
        {"stable": 0},
        {"stable": 1, "weight": 10},
        {"stable": 1, "canary": 1},
        {"stable": 1, "previous": 1},
        {"stable": 1, "canary": 2, "previous": 2},
        {"stable": 1, "canary": 2, "weight": 101},
        {"stable": 1, "canary": 2, "weight": -1},
        {"stable": 1, "revision": -1},
        {"canary": 1, "weight": 5},
        {"canary": 2, "previous": 1},
        {"stable": 1, "weigth": 0},
    ],
)
def test_a_table_that_makes_no_sense_is_refused(release: dict[str, int]) -> None:
    with pytest.raises(InputError, match=r"serving:releases\.digits"):
        settings(releases={"digits": release})


versions = st.none() | st.integers(1, 5)


@given(stable=versions, canary=versions, previous=versions, weight=st.integers(-5, 105))
def test_whatever_is_taken_sends_traffic_to_two_versions_at_most(
    stable: int | None, canary: int | None, previous: int | None, weight: int
) -> None:
    try:
        release = Release(stable=stable, canary=canary, previous=previous, weight=weight)
    except ValidationError:
        return
    shares = {release.stable: 100 - release.weight, release.canary: release.weight}
    serving = {version: share for version, share in shares.items() if version and share}
    assert not serving or sum(serving.values()) == 100
    assert release.previous not in serving


@pytest.mark.parametrize("stack", stacks.STACKS)
def test_a_stack_file_describes_its_stack_and_repeats_no_default(stack: str) -> None:
    described = stacks.settings(stack)
    assert described.environment == stack
    assert list(repeated(described)) == []


def repeated(section: Section, path: str = "") -> list[str]:
    found = []
    for name in section.model_fields_set:
        value, field = getattr(section, name), type(section).model_fields[name]
        if isinstance(value, Section):
            found += repeated(value, f"{path}{name}.")
        elif not field.is_required() and value == field.get_default(call_default_factory=True):
            found.append(f"{path}{name}")
    return found
