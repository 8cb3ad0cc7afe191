"""Pod addresses and load balancers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from serving.identity.document import ANY, Condition, Document, Statement, allow, document
from serving.identity.scope import PARTITION, Scope

_LOAD_BALANCER: Final = "elbv2.k8s.aws/cluster"
"""The controller's tag on all that it makes; its value is the cluster's name."""

_ELB: Final = "elasticloadbalancing"

_Kind: TypeAlias = Literal["net", "app"]
"""Of a load balancer, as ARNs have it."""


def vpc_cni(scope: Scope) -> Document:
    """As amazon-vpc-cni-k8s scopes it to a cluster (docs/iam-policy.md), which it knows by
    CLUSTER_NAME. EKS sets that for its add-on, whose configuration has no such key: seen in
    daemon sets of v1.18.1-eksbuild.3, written down by none of its pages. Without it, no interface
    would be made or changed, and pods would wait for their addresses."""
    ours = {"StringEquals": {"aws:ResourceTag/cluster.k8s.amazonaws.com/name": scope.cluster}}
    new = {"StringEquals": {"aws:RequestTag/cluster.k8s.amazonaws.com/name": scope.cluster}}
    nodes = {"StringEquals": {f"aws:ResourceTag/kubernetes.io/cluster/{scope.cluster}": "owned"}}
    described = (
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeInstances",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeTags",
    )
    attached = (
        "ec2:AttachNetworkInterface",
        "ec2:DetachNetworkInterface",
        "ec2:ModifyNetworkInterfaceAttribute",
    )
    owned = (
        "ec2:AssignPrivateIpAddresses",
        "ec2:DeleteNetworkInterface",
        "ec2:UnassignPrivateIpAddresses",
    )
    return document(
        allow(described, ANY),
        allow(["ec2:CreateNetworkInterface"], scope.ec2("network-interface"), new),
        allow(
            ["ec2:CreateNetworkInterface"], scope.ec2("subnet", "security-group"), _within(scope)
        ),
        # Also on a node's first interface, which is tagged before it is used.
        allow(["ec2:CreateTags"], scope.ec2("network-interface")),
        allow([*attached, *owned], scope.ec2("network-interface"), ours),
        allow(attached, scope.ec2("instance"), nodes),
        allow(["ec2:ModifyNetworkInterfaceAttribute"], scope.ec2("security-group"), _within(scope)),
    )


def load_balancer_controller(scope: Scope) -> Document:
    """Of what its own policy (v3.5.0) allows for every load balancer of the account, the part for
    network load balancers of one cluster: there is no Ingress, and no web application firewall."""
    return document(
        _looking(), _linked_role(scope), *_security_groups(scope), *_balancing(scope, "net")
    )


def ingress_controller(scope: Scope) -> Document:
    """The same controller where there is no mesh, and no Service but an Ingress asks for a load
    balancer. Its certificate is told, so none is looked for."""
    return document(
        _looking("DescribeRules"),
        _linked_role(scope),
        *_security_groups(scope),
        *_balancing(scope, "app"),
        *_routing(scope),
    )


def _looking(*more: str) -> Statement:
    ec2 = (
        "DescribeAccountAttributes",
        "DescribeAddresses",
        "DescribeAvailabilityZones",
        "DescribeInstances",
        "DescribeInternetGateways",
        "DescribeNetworkInterfaces",
        "DescribeRouteTables",
        "DescribeSecurityGroups",
        "DescribeSubnets",
        "DescribeTags",
        "DescribeVpcPeeringConnections",
        "DescribeVpcs",
        "GetSecurityGroupsForVpc",
    )
    elb = (
        "DescribeCapacityReservation",
        "DescribeListenerAttributes",
        "DescribeListenerCertificates",
        "DescribeListeners",
        "DescribeLoadBalancerAttributes",
        "DescribeLoadBalancers",
        "DescribeSSLPolicies",
        "DescribeTags",
        "DescribeTargetGroupAttributes",
        "DescribeTargetGroups",
        "DescribeTargetHealth",
        *more,
    )
    return allow([*(f"ec2:{each}" for each in ec2), *(f"{_ELB}:{each}" for each in elb)], ANY)


def _linked_role(scope: Scope) -> Statement:
    service = f"{_ELB}.amazonaws.com"
    name = f"aws-service-role/{service}/AWSServiceRoleForElasticLoadBalancing"
    return allow(
        ["iam:CreateServiceLinkedRole"],
        f"arn:{PARTITION}:iam::{scope.account}:role/{name}",
        {"StringEquals": {"iam:AWSServiceName": service}},
    )


def _security_groups(scope: Scope) -> list[Statement]:
    rules = ("ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress")
    groups = scope.ec2("security-group")
    new = {"StringEquals": {**_requested(scope), "ec2:CreateAction": "CreateSecurityGroup"}}
    return [
        allow(["ec2:CreateSecurityGroup"], scope.vpc_arn),
        allow(["ec2:CreateSecurityGroup"], groups, {"StringEquals": _requested(scope)}),
        allow(["ec2:CreateTags"], groups, new),
        allow(["ec2:CreateTags", "ec2:DeleteTags"], groups, _ours_kept(scope)),
        allow(["ec2:DeleteSecurityGroup"], groups, _ours(scope)),
        # The nodes' own group, which is not the controller's, lets the load balancers in.
        allow(rules, groups, _within(scope)),
        allow(rules, scope.ec2("security-group-rule")),
    ]


def _balancing(scope: Scope, balancer: _Kind) -> list[Statement]:
    tops = [scope.arn(_ELB, f"{kind}/*/*") for kind in (f"loadbalancer/{balancer}", "targetgroup")]
    all_ = [*tops, scope.arn(_ELB, f"listener/{balancer}/*/*/*")]
    creating = ("CreateListener", "CreateLoadBalancer", "CreateTargetGroup")
    changing = (
        "AddListenerCertificates",
        "CreateListener",
        "DeleteListener",
        "DeleteLoadBalancer",
        "DeleteTargetGroup",
        "DeregisterTargets",
        "ModifyListener",
        "ModifyListenerAttributes",
        "ModifyLoadBalancerAttributes",
        "ModifyTargetGroup",
        "ModifyTargetGroupAttributes",
        "RegisterTargets",
        "RemoveListenerCertificates",
        "SetIpAddressType",
        "SetSecurityGroups",
        "SetSubnets",
    )
    new = {"StringEquals": {**_requested(scope), f"{_ELB}:CreateAction": creating}}
    return [
        allow(
            [f"{_ELB}:CreateLoadBalancer", f"{_ELB}:CreateTargetGroup"],
            tops,
            {"StringEquals": _requested(scope)},
        ),
        allow([f"{_ELB}:AddTags"], all_, new),
        allow([f"{_ELB}:AddTags", f"{_ELB}:RemoveTags"], all_, _ours_kept(scope)),
        # A new listener is asked for by its load balancer.
        allow([f"{_ELB}:{action}" for action in changing], all_, _ours(scope)),
    ]


def _routing(scope: Scope) -> list[Statement]:
    listeners = scope.arn(_ELB, "listener/app/*/*/*")
    rules = scope.arn(_ELB, "listener-rule/app/*/*/*/*")
    new = {"StringEquals": {**_requested(scope), f"{_ELB}:CreateAction": "CreateRule"}}
    changing = ("DeleteRule", "ModifyRule", "SetRulePriorities")
    return [
        # A new rule is asked for by its listener.
        allow([f"{_ELB}:CreateRule"], listeners, _ours(scope)),
        allow([f"{_ELB}:AddTags"], rules, new),
        allow([f"{_ELB}:AddTags", f"{_ELB}:RemoveTags"], rules, _ours_kept(scope)),
        allow([f"{_ELB}:{action}" for action in changing], rules, _ours(scope)),
    ]


def _within(scope: Scope) -> Condition:
    return {"ArnEquals": {"ec2:Vpc": scope.vpc_arn}}


def _requested(scope: Scope) -> Mapping[str, str]:
    """What a request to make something must bring."""
    return {f"aws:RequestTag/{_LOAD_BALANCER}": scope.cluster}


def _ours(scope: Scope) -> Condition:
    return {"StringEquals": {f"aws:ResourceTag/{_LOAD_BALANCER}": scope.cluster}}


def _ours_kept(scope: Scope) -> Condition:
    """Ours, and not made somebody else's by the same request."""
    return {**_ours(scope), "Null": {f"aws:RequestTag/{_LOAD_BALANCER}": "true"}}
