"""Of the AWS stack, how requests come in: through the mesh, or by a load balancer alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import tempo
from components.balancer import Balancer, BalancerArgs
from components.cert_manager import CertManager
from components.gateway import Gateway, GatewayArgs
from components.load_balancer_controller import LoadBalancerController
from components.mesh import Mesh, MeshArgs
from components.monitoring import Monitoring
from components.private_service import PrivateService
from components.vpc import Tier, layout
from serving.catalog import Catalog
from serving.gateway.access_log import MESH_FIELDS
from serving.observability.edges import histogram_edges
from serving.settings import AwsSettings
from serving.stacks import load_balancer, routes, telemetry
from serving.stacks.ground import Ground


@dataclass(frozen=True, kw_only=True)
class Beneath:
    """What either stands on."""

    monitoring: Monitoring
    certificates: CertManager
    balancers: LoadBalancerController


@dataclass(frozen=True, kw_only=True)
class WayIn:
    gateway: Gateway | Balancer
    private_service: PrivateService | None = None


def build(ground: Ground, catalog: Catalog, beneath: Beneath) -> WayIn:
    if ground.place.settings.mesh.enabled:
        return _through_the_mesh(ground, catalog, beneath)
    return WayIn(
        gateway=Balancer(
            "gateway",
            BalancerArgs(
                surroundings=ground.around,
                certificate_arn=_certificate(ground),
                public_access_cidrs=_public(ground.place.settings),
            ),
            ground.after(beneath.monitoring, beneath.balancers),
        )
    )


def load_balancer_networks(settings: AwsSettings) -> Sequence[str]:
    """Where requests come from without a mesh: the subnets that the controller finds for it."""
    tier: Tier = "public" if settings.gateway.public_access_cidrs else "private"
    zones = layout(str(settings.network.cidr), settings.zones)
    return [str(network[tier]) for network in zones.values()]


def _through_the_mesh(ground: Ground, catalog: Catalog, beneath: Beneath) -> WayIn:
    settings = ground.place.settings
    mesh = Mesh(
        "mesh",
        MeshArgs(
            surroundings=ground.around,
            region=settings.region,
            access_log=MESH_FIELDS,
            tracing=telemetry.tracing(ground),
            fetches_keys=settings.identity is not None,
        ),
        ground.after(beneath.monitoring),
    )
    gateway = Gateway(
        "gateway",
        GatewayArgs(
            surroundings=ground.around,
            domain=settings.gateway.domain,
            certificate_arn=_certificate(ground),
            public_access_cidrs=_public(settings),
            tracing_namespace=tempo.NAMESPACE if telemetry.in_tempo(ground) else None,
            collector_port=telemetry.collector_port(ground),
            latency_edges_ms=histogram_edges(catalog.models.values()),
            tokens=routes.tokens(settings.identity, catalog.tenants.values()),
        ),
        ground.after(mesh, beneath.certificates, beneath.balancers),
    )
    balancer = load_balancer.of_gateway(ground, gateway)
    load_balancer.alarms(ground, balancer)
    return WayIn(
        gateway=gateway,
        private_service=load_balancer.private_service(ground, gateway, balancer),
    )


def _certificate(ground: Ground) -> pulumi.Output[str]:
    return aws.acm.get_certificate_output(
        domain=f"*.{ground.place.settings.gateway.domain}",
        statuses=["ISSUED"],
        types=["AMAZON_ISSUED", "IMPORTED"],
        most_recent=True,
        opts=pulumi.InvokeOptions(provider=ground.account),
    ).arn


def _public(settings: AwsSettings) -> Sequence[str]:
    return [str(cidr) for cidr in settings.gateway.public_access_cidrs]
