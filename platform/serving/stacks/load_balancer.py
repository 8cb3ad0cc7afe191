"""The gateway's load balancer, which its controller makes: who else comes by it, how it fails."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pulumi
import pulumi_aws as aws

from components.alarms import Alarms, AlarmsArgs, MetricAlarm
from components.gateway import Gateway, load_balancer_tags
from components.private_service import PrivateService, PrivateServiceArgs
from serving.stacks.ground import Ground


def of_gateway(ground: Ground, gateway: Gateway) -> pulumi.Output[aws.lb.GetLoadBalancerResult]:
    """Known by the tags of the Service that it is made for, and looked up once there is one."""
    tags = pulumi.Output.all(ground.cluster.name, gateway.hostname).apply(
        lambda known: load_balancer_tags(str(known[0]))
    )
    return aws.lb.get_load_balancer_output(
        tags=tags, opts=pulumi.InvokeOptions(provider=ground.account)
    )


def private_service(
    ground: Ground, gateway: Gateway, balancer: pulumi.Output[aws.lb.GetLoadBalancerResult]
) -> PrivateService | None:
    place = ground.place
    principals = place.settings.gateway.private_principals
    if not principals:
        return None
    return PrivateService(
        "gateway",
        PrivateServiceArgs(load_balancer_arn=balancer.arn, principals=principals),
        pulumi.ResourceOptions.merge(place.opts, pulumi.ResourceOptions(depends_on=[gateway])),
    )


def alarms(ground: Ground, balancer: pulumi.Output[aws.lb.GetLoadBalancerResult]) -> None:
    args = AlarmsArgs(topic_arn=ground.topic_arn, alarms=failing(balancer.arn_suffix))
    Alarms("gateway", args, ground.place.opts)


def failing(balancer: pulumi.Input[str]) -> Mapping[str, MetricAlarm]:
    """Unhealthy targets are counted for each target group alone, and those are the controller's;
    as targets serve all zones, the health of zones says the same of the whole balancer. Next to
    none, or to all, an average is beyond its threshold whenever a sum or a minimum is.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-cloudwatch-metrics.html
    """
    alarm = partial(MetricAlarm, namespace="AWS/NetworkELB", dimensions={"LoadBalancer": balancer})
    return {
        "zones": alarm(
            description=(
                "The gateway's load balancer takes a zone out of its name, or all of them, so "
                "callers may reach no model: see which of its targets are unhealthy and why, and "
                "whether AWS or somebody shifts a zone away."
            ),
            metric="ZonalHealthStatus",
            comparison="LessThanThreshold",
            threshold=1,
            # Proxies that are new to it are no alarm.
            minutes=10,
        ),
        "ports": alarm(
            description=(
                "The gateway's load balancer drops connections for want of ports towards its "
                "proxies, which callers by PrivateLink share: let more proxies run."
            ),
            metric="PortAllocationErrorCount",
            threshold=0,
            minutes=5,
        ),
        "rejections": alarm(
            description=(
                "The gateway's load balancer rejects connections before any proxy sees them, so "
                "no log of ours has them: see its targets, and ask AWS if those are healthy."
            ),
            metric="RejectedFlowCount",
            threshold=0,
            minutes=15,
        ),
        "handshakes": alarm(
            description=(
                "TLS between the gateway's load balancer and its proxies fails, which health "
                "checks do not try: see the proxies' certificate, `gateway` in istio-ingress."
            ),
            metric="TargetTLSNegotiationErrorCount",
            threshold=0,
            minutes=15,
        ),
    }
