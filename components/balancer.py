"""The way in without a mesh: an application load balancer, and the door that it stands behind."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s

from components.addon import Addon, AddonArgs, CustomObject
from components.load_balancer_controller import READINESS, TLS_POLICY, hostname
from components.surroundings import Surroundings

NAMESPACE: Final = "ingress"
CLASS: Final = "serving"
"""Of the Ingresses that the load balancer is made of, and what they share it by."""

PREFIX: Final = "alb.ingress.kubernetes.io/"
SCHEME: Final = f"{PREFIX}scheme"
USE_ANNOTATION: Final = "use-annotation"
"""The controller's word in the place of a port: the annotation `actions.<service>` says what is
done, and there is no such Service."""

CLASS_API: Final = "elbv2.k8s.aws"
HTTP_PORT: Final = 80
HTTPS_PORT: Final = 443
IDLE_SECONDS: Final = 300
"""How long an answer may say nothing before it is cut off."""

_SAID: Final = "__meta_kubernetes_pod_annotation_prometheus_io"
METRICS: Final = CustomObject(
    api_version="monitoring.coreos.com/v1",
    kind="PodMonitor",
    spec={
        "selector": {"matchLabels": {"component": "inference"}},
        "namespaceSelector": {"any": True},
        "podMetricsEndpoints": [
            {
                # All have this one. Where their metrics are, they say as they do to a proxy.
                "port": "http",
                "interval": "15s",
                "relabelings": [
                    {"sourceLabels": [f"{_SAID}_scrape"], "regex": "true", "action": "keep"},
                    {
                        "sourceLabels": ["__meta_kubernetes_pod_ip", f"{_SAID}_port"],
                        "separator": ":",
                        "targetLabel": "__address__",
                    },
                ],
            }
        ],
    },
)
"""Where there is a mesh, pods are asked through their proxies."""


@dataclass(frozen=True, kw_only=True)
class BalancerArgs:
    surroundings: Surroundings
    certificate_arn: pulumi.Input[str]
    """Of a certificate for every host that is routed, in ACM."""
    public_access_cidrs: Sequence[str] = ()
    """Who may come from the internet; unless any is named, nobody finds it there."""


class Balancer(pulumi.ComponentResource):
    """Routes join it by their Ingresses' class. One that the controller cannot make keeps it from
    changing any other."""

    hostname: pulumi.Output[str]
    """Of the load balancer: what the domain's records point to."""

    def __init__(
        self, name: str, args: BalancerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:Balancer", name, None, opts)

        addon = Addon(
            name,
            AddonArgs(
                surroundings=args.surroundings,
                namespace=NAMESPACE,
                security="restricted",
                labels=READINESS,
                passes={},
                releases={},
                after={"models": METRICS},
            ),
            pulumi.ResourceOptions(parent=self),
        )
        parameters = k8s.apiextensions.CustomResource(
            name,
            api_version=f"{CLASS_API}/v1beta1",
            kind="IngressClassParams",
            metadata={"name": CLASS},
            spec=class_parameters(args),
            opts=pulumi.ResourceOptions(parent=self),
        )
        ingress_class = k8s.networking.v1.IngressClass(
            name,
            metadata={"name": CLASS},
            spec={
                "controller": "ingress.k8s.aws/alb",
                "parameters": {
                    "api_group": CLASS_API, "kind": "IngressClassParams", "name": CLASS,
                },
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[parameters]),
        )  # fmt: skip
        door = k8s.networking.v1.Ingress(
            name,
            metadata={
                "name": "door",
                "namespace": addon.namespace,
                "annotations": door_annotations(public=bool(args.public_access_cidrs)),
            },
            spec={
                "ingress_class_name": CLASS,
                "default_backend": {
                    "service": {"name": "unknown", "port": {"name": USE_ANNOTATION}}
                },
            },
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[ingress_class],
                # Another scheme is another load balancer, and an Ingress that is updated has the
                # old one's name until then.
                replace_on_changes=[f'metadata.annotations["{SCHEME}"]'],
                delete_before_replace=True,
            ),
        )
        self.hostname = door.status.apply(hostname)
        self.register_outputs({"hostname": self.hostname})


def scheme(*, public: bool) -> str:
    return "internet-facing" if public else "internal"


def class_parameters(args: BalancerArgs) -> dict[str, Any]:
    """Of the load balancer as a whole; what an Ingress says otherwise is not heard."""
    spec: dict[str, Any] = {
        "group": {"name": CLASS},
        "namespaceSelector": {"matchLabels": dict(READINESS)},
        "scheme": scheme(public=bool(args.public_access_cidrs)),
        "targetType": "ip",
        "certificateArn": [args.certificate_arn],
        "sslPolicy": TLS_POLICY,
        "sslRedirectPort": str(HTTPS_PORT),
        "loadBalancerAttributes": [
            {"key": key, "value": value} for key, value in ATTRIBUTES.items()
        ],
    }
    if args.public_access_cidrs:
        spec["inboundCIDRs"] = list(args.public_access_cidrs)
    return spec


ATTRIBUTES: Final[Mapping[str, str]] = {
    "routing.http.drop_invalid_header_fields.enabled": "true",
    "idle_timeout.timeout_seconds": str(IDLE_SECONDS),
}


def door_annotations(*, public: bool) -> Mapping[str, str]:
    unknown = {
        "type": "fixed-response",
        "fixedResponseConfig": {
            "contentType": "text/plain",
            "statusCode": "404",
            "messageBody": "no such model here",
        },
    }
    return {
        SCHEME: scheme(public=public),
        f"{PREFIX}listen-ports": json.dumps([{"HTTP": HTTP_PORT}, {"HTTPS": HTTPS_PORT}]),
        f"{PREFIX}actions.unknown": json.dumps(unknown),
    }
