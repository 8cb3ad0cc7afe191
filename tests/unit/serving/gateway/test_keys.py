from __future__ import annotations

from dataclasses import replace
from typing import Any

from serving.gateway.clusters import clusters
from serving.gateway.filters import filters
from serving.gateway.table import RemoteKeys
from tests.contracts import contract
from tests.unit.serving.gateway.gateways import gateway, served

LOCAL = gateway(served(contract("scan"), stable=1))
REMOTE = replace(
    LOCAL,
    issuer="https://id.example.com/",
    jwks=RemoteKeys(
        address="https://id.example.com/keys?p=a", refresh_seconds=60, authorities="/ca.pem"
    ),
)


def provider(of: Any) -> dict[str, Any]:
    found: dict[str, Any] = filters(of)[0]["typed_config"]["providers"]["issuer"]
    return found


def cluster(of: Any, name: str) -> dict[str, Any]:
    (found,) = (each for each in clusters(of)["resources"] if each["name"] == name)
    return found


def test_keys_that_never_change_are_in_the_document_itself() -> None:
    assert provider(LOCAL)["local_jwks"] == {"inline_string": '{"keys":[]}'}
    assert "identity" not in {each["name"] for each in clusters(LOCAL)["resources"]}


def test_keys_of_another_issuer_are_asked_for_in_time() -> None:
    assert "local_jwks" not in provider(REMOTE)
    keys = provider(REMOTE)["remote_jwks"]
    assert keys["http_uri"]["uri"] == "https://id.example.com/keys?p=a"
    assert keys["http_uri"]["cluster"] == "identity"
    # Envoy asks 5 s before this, and its own keys never expire while it asks
    assert keys["cache_duration"] == "65s"
    assert keys["async_fetch"] == {"failed_refetch_duration": "1s"}


def test_a_token_does_not_outlive_a_key_that_may_be_withdrawn() -> None:
    assert "jwt_cache_config" in provider(LOCAL)
    assert "jwt_cache_config" not in provider(REMOTE)


def test_the_issuer_is_believed_by_its_certificate_and_its_name() -> None:
    found = cluster(REMOTE, "identity")
    (locality,) = found["load_assignment"]["endpoints"]
    (one,) = locality["lb_endpoints"]
    assert one["endpoint"]["address"]["socket_address"] == {
        "address": "id.example.com", "port_value": 443,
    }  # fmt: skip
    tls = found["transport_socket"]["typed_config"]
    trusted = tls["common_tls_context"]["validation_context"]
    assert tls["sni"] == "id.example.com"
    assert trusted["trusted_ca"] == {"filename": "/ca.pem"}
    (name,) = trusted["match_typed_subject_alt_names"]
    assert name == {"san_type": "DNS", "matcher": {"exact": "id.example.com"}}


def test_an_issuer_on_this_machine_needs_no_certificate() -> None:
    here = RemoteKeys(address="http://127.0.0.1:8080/keys", refresh_seconds=1, authorities="")
    assert "transport_socket" not in cluster(replace(REMOTE, jwks=here), "identity")
