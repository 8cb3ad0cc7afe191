"""Metrics: Prometheus, its alerts, Grafana, and what they know of nodes and objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pulumi
from pulumi_kubernetes.networking.v1 import NetworkPolicySpecArgsDict

from components.addon import Addon, AddonArgs, CustomObject, Installation
from components.alertmanager_values import Notifications
from components.charts import KUBE_PROMETHEUS_STACK
from components.grafana_values import PASSWORD, Source
from components.monitoring_values import NODE_NAMESPACE, Storage, values
from components.network_policy import (
    addresses,
    from_api_server,
    into,
    out_to,
    pods_of,
    to_api_server,
    to_aws,
    within,
)
from components.surroundings import Surroundings

RELEASE: Final = "kube-prometheus-stack"
QUERY_PORT: Final = 9090
WEBHOOK_PORT: Final = 10250


@dataclass(frozen=True, kw_only=True)
class Password:
    """A secret that External Secrets brings."""

    store: pulumi.Input[str]
    key: str


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    surroundings: Surroundings
    cluster_name: str
    storage: Storage
    readers: Sequence[str] = ()
    """Namespaces that may ask Prometheus."""
    sources: Mapping[str, Source] = field(default_factory=dict)
    notifications: Notifications
    password: Password | None = None
    """Of Grafana's administrator; without, the chart draws one, which lies in the cluster alone."""
    objects: Mapping[str, CustomObject] = field(default_factory=dict)
    """Monitors of what is there before it."""


class Monitoring(pulumi.ComponentResource):
    namespace: pulumi.Output[str]

    def __init__(
        self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:Monitoring", name, None, opts)
        around = args.surroundings
        within_this = pulumi.ResourceOptions(parent=self)

        # Its pods see the whole node, which those of the other namespace may not.
        nodes = Addon(
            f"{name}-nodes",
            AddonArgs(
                surroundings=around,
                namespace=NODE_NAMESPACE,
                security="privileged",
                passes={},
                releases={},
            ),
            within_this,
        )
        addon = Addon(
            name,
            AddonArgs(
                surroundings=around,
                namespace=around.monitoring_namespace,
                security="restricted",
                passes=passes(args),
                before={} if args.password is None else {PASSWORD: external(args.password)},
                releases={
                    RELEASE: Installation(
                        chart=KUBE_PROMETHEUS_STACK,
                        values=values(
                            around,
                            cluster_name=args.cluster_name,
                            storage=args.storage,
                            sources=args.sources,
                            notifications=args.notifications,
                            has_password=args.password is not None,
                        ),
                    )
                },
                after=args.objects,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=[nodes]),
        )
        self.namespace = addon.namespace
        self.register_outputs({"namespace": self.namespace})


def external(password: Password) -> CustomObject:
    """Grafana does not start without, so what is missing is told here and not there."""
    return CustomObject(
        api_version="external-secrets.io/v1",
        kind="ExternalSecret",
        spec={
            "refreshInterval": "1h",
            "secretStoreRef": {"kind": "ClusterSecretStore", "name": password.store},
            "target": {
                "name": PASSWORD,
                "template": {"data": {"admin-user": "admin", "admin-password": "{{ .value }}"}},
            },
            "data": [{"secretKey": "value", "remoteRef": {"key": password.key}}],
        },
        annotations={"pulumi.com/waitFor": "condition=Ready"},
    )


def passes(args: MonitoringArgs) -> Mapping[str, NetworkPolicySpecArgsDict]:
    around = args.surroundings
    found: dict[str, NetworkPolicySpecArgsDict] = {
        "within": within(),
        "api-server": to_api_server(around),
        "webhook": from_api_server(around, WEBHOOK_PORT),
        "notifications": to_aws(pods={"app.kubernetes.io/name": "alertmanager"}),
        # Whoever is measured says in a policy of its own which port may be asked.
        "targets": out_to(
            *addresses(around.vpc_cidr), pods={"app.kubernetes.io/name": "prometheus"}
        ),
    }
    if args.readers:
        found["readers"] = into(*map(pods_of, args.readers), ports=[QUERY_PORT])
    for key, source in args.sources.items():
        found[key] = out_to(
            pods_of(source.namespace),
            ports=[source.port],
            pods={"app.kubernetes.io/name": "grafana"},
        )
    return found
