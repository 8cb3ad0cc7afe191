"""What the gateway itself asks: the issuer for its keys, a collector to take its spans."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from serving.gateway.documents import named, seconds

_PORTS: Final = {"http": 80, "https": 443}
TIMEOUT_SECONDS: Final = 2.0


def outside(name: str, address: str, authorities: str = "") -> dict[str, Any]:
    """Its cluster. `authorities`, a file of certificates, says whom https is believed."""
    parts = urlsplit(address)
    host, port = parts.hostname, parts.port or _PORTS[parts.scheme]
    socket = {"address": host, "port_value": port}
    endpoint = {"endpoint": {"address": {"socket_address": socket}}}
    return {
        "name": name,
        "connect_timeout": "1s",
        "cluster_type": named(
            "envoy.clusters.dns",
            "clusters.dns.v3.DnsCluster",
            # one server, of which any address may be out of reach
            dns_lookup_family="ALL",
            all_addresses_in_single_endpoint=True,
        ),
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        **({"transport_socket": _tls(host, authorities)} if parts.scheme == "https" else {}),
    }


def asked(cluster: str, address: str) -> dict[str, Any]:
    return {"uri": address, "cluster": cluster, "timeout": seconds(TIMEOUT_SECONDS)}


def _tls(host: str | None, authorities: str) -> dict[str, Any]:
    itself = {"san_type": "DNS", "matcher": {"exact": host}}
    trusted = {
        "trusted_ca": {"filename": authorities},
        "match_typed_subject_alt_names": [itself],
    }
    return named(
        "envoy.transport_sockets.tls",
        "transport_sockets.tls.v3.UpstreamTlsContext",
        sni=host,
        common_tls_context={"validation_context": trusted},
    )
