"""What a gateway consists of beside its proxies: its load balancer, its certificate, its doors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pulumi
from pulumi_kubernetes.core.v1 import ServiceSpecArgsDict

from components.addon import CustomObject
from components.load_balancer_controller import TLS_POLICY

HTTP_PORT: Final = 80
HTTPS_PORT: Final = 443
STATUS_PORT: Final = 15021
CERTIFICATE: Final = "gateway"

WORKLOAD: Final = "istio-ingressgateway"
"""Of the proxies: metrics say so of every request that they pass on."""
SELECTOR: Final[Mapping[str, str]] = {"istio": "ingressgateway"}
"""The chart's own label, from the name of the workload."""

DEREGISTRATION_SECONDS: Final = 60

PREFIX: Final = "service.beta.kubernetes.io/aws-load-balancer-"
SCHEME: Final = f"{PREFIX}scheme"


def load_balancer(
    certificate_arn: pulumi.Input[str], *, public: bool
) -> Mapping[str, pulumi.Input[str]]:
    """Annotations for its controller. TLS ends at the load balancer, which has the certificate
    that callers trust, and begins anew from there to the proxies."""
    said: dict[str, pulumi.Input[str]] = {
        "scheme": "internet-facing" if public else "internal",
        "nlb-target-type": "ip",
        "ssl-cert": certificate_arn,
        "ssl-ports": str(HTTPS_PORT),
        "ssl-negotiation-policy": TLS_POLICY,
        "backend-protocol": "ssl",
        # Without it no client is offered HTTP/2, and gRPC knows nothing else.
        "alpn-policy": "HTTP2Preferred",
        "attributes": "load_balancing.cross_zone.enabled=true",
        "target-group-attributes": ",".join(
            [
                "preserve_client_ip.enabled=true",
                f"deregistration_delay.timeout_seconds={DEREGISTRATION_SECONDS}",
            ]
        ),
        "healthcheck-protocol": "http",
        "healthcheck-port": str(STATUS_PORT),
        "healthcheck-path": "/healthz/ready",
    }
    return {f"{PREFIX}{key}": value for key, value in said.items()}


def service_spec(public_access_cidrs: Sequence[str]) -> ServiceSpecArgsDict:
    spec: ServiceSpecArgsDict = {
        "type": "LoadBalancer",
        "load_balancer_class": "service.k8s.aws/nlb",
        "allocate_load_balancer_node_ports": False,
        "selector": SELECTOR,
        "ports": [
            {"name": "http2", "port": HTTP_PORT, "target_port": HTTP_PORT},
            {"name": "https", "port": HTTPS_PORT, "target_port": HTTPS_PORT},
        ],
    }
    if public_access_cidrs:
        spec["load_balancer_source_ranges"] = list(public_access_cidrs)
    return spec


def objects(domain: str) -> Mapping[str, CustomObject]:
    hosts = [f"*.{domain}"]
    return {
        # Only the load balancer sees it, and it asks for no name.
        "issuer": _certificates("Issuer", {"selfSigned": {}}),
        "certificate": _certificates(
            "Certificate",
            {
                "secretName": CERTIFICATE,
                "dnsNames": hosts,
                "issuerRef": {"name": "issuer", "kind": "Issuer"},
                "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
            },
        ),
        "models": CustomObject(
            api_version="networking.istio.io/v1",
            kind="Gateway",
            spec={"selector": dict(SELECTOR), "servers": [_https(), _redirected(hosts)]},
        ),
        # The one thing that needs no permission: to be sent to where TLS is.
        "redirect": CustomObject(
            api_version="security.istio.io/v1",
            kind="AuthorizationPolicy",
            spec={
                "selector": {"matchLabels": dict(SELECTOR)},
                "action": "ALLOW",
                "rules": [{"to": [{"operation": {"ports": [str(HTTP_PORT)]}}]}],
            },
        ),
    }


def _certificates(kind: str, spec: Mapping[str, Any]) -> CustomObject:
    return CustomObject(api_version="cert-manager.io/v1", kind=kind, spec=spec)


def _https() -> dict[str, Any]:
    return {
        "port": {"number": HTTPS_PORT, "name": "https", "protocol": "HTTPS"},
        # Istio asks a handshake for the name of one of these, and a network load balancer names
        # none to its targets: https://github.com/istio/istio/issues/22795. Which hosts there are is
        # for VirtualServices to say.
        "hosts": ["*"],
        "tls": {
            "mode": "SIMPLE",
            "credentialName": CERTIFICATE,
            "minProtocolVersion": "TLSV1_2",
        },
    }


def _redirected(hosts: Sequence[str]) -> dict[str, Any]:
    return {
        "port": {"number": HTTP_PORT, "name": "http", "protocol": "HTTP"},
        "hosts": list(hosts),
        "tls": {"httpsRedirect": True},
    }
