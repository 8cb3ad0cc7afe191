"""The AWS Load Balancer Controller: a network load balancer for each Service that asks for one, or
an application load balancer for the Ingresses of one class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from components.addon import Addon, AddonArgs, Installation
from components.charts import LOAD_BALANCER_CONTROLLER
from components.network_policy import from_api_server, from_monitoring, to_api_server, to_aws
from components.pods import RESTRICTED_CONTAINER, RESTRICTED_POD, resources, spread
from components.surroundings import Surroundings

NAMESPACE: Final = "aws-load-balancer-controller"
SERVICE_ACCOUNT: Final = "aws-load-balancer-controller"
METRICS_PORT: Final = 8080
WEBHOOK_PORT: Final = 9443

TLS_POLICY: Final = "ELBSecurityPolicy-TLS13-1-2-2021-06"
"""TLS 1.2 and 1.3, with forward secrecy."""

READINESS: Final[Mapping[str, str]] = {"elbv2.k8s.aws/pod-readiness-gate-inject": "enabled"}
"""Label of the namespaces whose pods are ready when their load balancer says so."""


@dataclass(frozen=True, kw_only=True)
class LoadBalancerControllerArgs:
    surroundings: Surroundings
    account_annotations: pulumi.Input[Mapping[str, str]]
    """Of its service account: what gives its pods their role."""
    cluster_name: pulumi.Input[str]
    region: str
    vpc_id: pulumi.Input[str]
    """Nodes tell their metadata to no pod, so it cannot find region and VPC by itself."""
    tags: Mapping[str, str]
    """Of what it makes, which no provider of Pulumi's tags."""


class LoadBalancerController(pulumi.ComponentResource):
    namespace: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: LoadBalancerControllerArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("serving:index:LoadBalancerController", name, None, opts)
        around = args.surroundings

        addon = Addon(
            name,
            AddonArgs(
                surroundings=around,
                namespace=NAMESPACE,
                security="restricted",
                passes={
                    "api-server": to_api_server(around),
                    "webhook": from_api_server(around, WEBHOOK_PORT),
                    "metrics": from_monitoring(around, METRICS_PORT),
                    "aws": to_aws(),
                },
                releases={
                    "aws-load-balancer-controller": Installation(
                        chart=LOAD_BALANCER_CONTROLLER, values=values(args)
                    ),
                },
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.namespace = addon.namespace
        self.register_outputs({"namespace": self.namespace})


def hostname(status: Any) -> str:
    """Of the load balancer that it made for a Service or an Ingress, by the object's status.
    Nothing is known of it in a preview."""
    if status is None or status.load_balancer is None or not status.load_balancer.ingress:
        return ""
    return str(status.load_balancer.ingress[0].hostname)


def values(args: LoadBalancerControllerArgs) -> dict[str, Any]:
    around = args.surroundings
    return {
        "clusterName": args.cluster_name,
        "region": args.region,
        "vpcId": args.vpc_id,
        "defaultTags": dict(args.tags),
        "serviceAccount": {"name": SERVICE_ACCOUNT, "annotations": args.account_annotations},
        "defaultTargetType": "ip",
        "defaultSSLPolicy": TLS_POLICY,
        # It would stand in the way of every new Service of the cluster, for the sake of those
        # that ask for a load balancer without saying which.
        "enableServiceMutatorWebhook": False,
        # Ingresses have a class of their own or none, and nobody a web application firewall.
        "createIngressClassResource": False,
        "ingressClassParams": {"create": False},
        "enableShield": False,
        "enableWaf": False,
        "enableWafv2": False,
        # Its own certificate is another one each time that the chart is rendered.
        "enableCertManager": True,
        "serviceMonitor": {"enabled": True},
        "replicaCount": around.replicas,
        "podDisruptionBudget": {"maxUnavailable": 1} if around.replicas > 1 else {},
        "nodeSelector": dict(around.node_labels),
        "topologySpreadConstraints": spread(
            {"app.kubernetes.io/name": LOAD_BALANCER_CONTROLLER.name}
        ),
        "podSecurityContext": {"fsGroup": 65534, **RESTRICTED_POD},
        "securityContext": dict(RESTRICTED_CONTAINER),
        "resources": resources("50m", "256Mi"),
    }
