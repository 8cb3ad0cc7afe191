"""SEC-1, SEC-2, SEC-3, STO-7, NET-5: what each role may ask AWS for, and what not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cloud import ACCOUNT
from tests.iam import Call, allows, listed, statements
from tests.unit.serving.identity.documents import (
    CLUSTER,
    DOCUMENTS,
    LOGS,
    MODELS,
    NODES,
    QUEUE,
    REGION,
    SCOPE,
    SECRET,
    STATE,
    TOPIC,
    key,
    managed,
)

FIXTURES: Final = Path(__file__).resolve().parents[3] / "fixtures" / "iam"
OTHER: Final = "serving-dev"


def ec2(resource: str, region: str = REGION) -> str:
    return f"arn:aws:ec2:{region}:{ACCOUNT}:{resource}"


def elb(resource: str, region: str = REGION) -> str:
    return f"arn:aws:elasticloadbalancing:{region}:{ACCOUNT}:{resource}"


def call(action: str, resource: str = "*", **context: str) -> Call:
    known = {KEYS[name]: value for name, value in context.items()}
    return Call(action=action, resource=resource, context=known)


KEYS: Final = {
    "balancer": "aws:ResourceTag/elbv2.k8s.aws/cluster",
    "new_balancer": "aws:RequestTag/elbv2.k8s.aws/cluster",
    "creating": "elasticloadbalancing:CreateAction",
    "ec2_creating": "ec2:CreateAction",
    "vpc": "ec2:Vpc",
    "service": "iam:AWSServiceName",
    "interface": "aws:ResourceTag/cluster.k8s.amazonaws.com/name",
    "new_interface": "aws:RequestTag/cluster.k8s.amazonaws.com/name",
    "node": f"aws:ResourceTag/kubernetes.io/cluster/{CLUSTER}",
    "volume": "aws:ResourceTag/ebs.csi.aws.com/cluster-name",
    "new_volume": "aws:RequestTag/ebs.csi.aws.com/cluster-name",
    "managed_node": "aws:ResourceTag/eks:cluster-name",
    "karpenter_node": "aws:ResourceTag/eks:eks-cluster-name",
    "group": f"aws:ResourceTag/k8s.io/cluster-autoscaler/{CLUSTER}",
    "enabled": "aws:ResourceTag/k8s.io/cluster-autoscaler/enabled",
    "via": "kms:ViaService",
    "for_aws": "kms:GrantIsForAWSResource",
    "here": "aws:RequestedRegion",
    "owned": f"aws:RequestTag/kubernetes.io/cluster/{CLUSTER}",
    "owned_one": f"aws:ResourceTag/kubernetes.io/cluster/{CLUSTER}",
    "named": "aws:RequestTag/eks:eks-cluster-name",
    "pool": "aws:RequestTag/karpenter.sh/nodepool",
    "pool_of": "aws:ResourceTag/karpenter.sh/nodepool",
    "passed": "iam:PassedToService",
}


NLB: Final = elb("loadbalancer/net/k8s-gateway/0123456789abcdef")
LISTENER: Final = elb("listener/net/k8s-gateway/0123456789abcdef/fedcba9876543210")
TARGETS: Final = elb("targetgroup/k8s-gateway/0123456789abcdef")
ALB: Final = NLB.replace("/net/", "/app/")
ALB_LISTENER: Final = LISTENER.replace("/net/", "/app/")
RULE: Final = elb(
    "listener-rule/app/k8s-gateway/0123456789abcdef/fedcba9876543210/0011223344556677"
)
GROUP: Final = ec2("security-group/sg-1")
OUR_VPC: Final = ec2(f"vpc/{SCOPE.vpc}")
THEIR_VPC: Final = ec2("vpc/vpc-other")
SERVICE: Final = "elasticloadbalancing.amazonaws.com"
LINKED: Final = (
    f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/{SERVICE}/AWSServiceRoleForElasticLoadBalancing"
)

BALANCES: Final = [
    call("ec2:DescribeSubnets"),
    call("elasticloadbalancing:DescribeLoadBalancers"),
    call("iam:CreateServiceLinkedRole", LINKED, service=SERVICE),
    call("ec2:CreateSecurityGroup", OUR_VPC),
    call("ec2:CreateSecurityGroup", GROUP, new_balancer=CLUSTER),
    call("ec2:CreateTags", GROUP, ec2_creating="CreateSecurityGroup", new_balancer=CLUSTER),
    call("ec2:CreateTags", GROUP, balancer=CLUSTER),
    call("ec2:DeleteSecurityGroup", GROUP, balancer=CLUSTER),
    call("ec2:AuthorizeSecurityGroupIngress", GROUP, vpc=OUR_VPC),
    call("ec2:RevokeSecurityGroupIngress", GROUP, vpc=OUR_VPC),
    call("elasticloadbalancing:CreateLoadBalancer", NLB, new_balancer=CLUSTER),
    call("elasticloadbalancing:CreateTargetGroup", TARGETS, new_balancer=CLUSTER),
    call("elasticloadbalancing:AddTags", NLB, creating="CreateLoadBalancer", new_balancer=CLUSTER),
    call("elasticloadbalancing:AddTags", LISTENER, creating="CreateListener", new_balancer=CLUSTER),
    call("elasticloadbalancing:AddTags", NLB, balancer=CLUSTER),
    call("elasticloadbalancing:CreateListener", NLB, balancer=CLUSTER),
    call("elasticloadbalancing:ModifyListener", LISTENER, balancer=CLUSTER),
    call("elasticloadbalancing:DeleteListener", LISTENER, balancer=CLUSTER),
    call("elasticloadbalancing:RegisterTargets", TARGETS, balancer=CLUSTER),
    call("elasticloadbalancing:ModifyLoadBalancerAttributes", NLB, balancer=CLUSTER),
    call("elasticloadbalancing:DeleteLoadBalancer", NLB, balancer=CLUSTER),
]


def of_applications(calls: Sequence[Call]) -> Iterator[Call]:
    for each in calls:
        yield replace(each, resource=each.resource.replace("/net/", "/app/"))


ROUTES: Final = [
    *of_applications(BALANCES),
    call("elasticloadbalancing:DescribeRules"),
    call("elasticloadbalancing:CreateRule", ALB_LISTENER, balancer=CLUSTER),
    call("elasticloadbalancing:AddTags", RULE, creating="CreateRule", new_balancer=CLUSTER),
    call("elasticloadbalancing:AddTags", RULE, balancer=CLUSTER),
    call("elasticloadbalancing:ModifyRule", RULE, balancer=CLUSTER),
    call("elasticloadbalancing:SetRulePriorities", RULE, balancer=CLUSTER),
    call("elasticloadbalancing:DeleteRule", RULE, balancer=CLUSTER),
]

EC2: Final = f"ec2.{REGION}.amazonaws.com"

INSIGHTS: Final = (
    f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/containerinsights/{CLUSTER}/performance"
)

ALLOWED: Final[Mapping[str, list[Call]]] = {
    "alertmanager": [call("sns:Publish", TOPIC)],
    "cloudwatch": [
        call("logs:DescribeLogStreams", INSIGHTS),
        call("logs:PutLogEvents", f"{INSIGHTS}:log-stream:node"),
        call("ec2:DescribeVolumes"),
    ],
    "ingress-controller": ROUTES,
    "load-balancer-controller": BALANCES,
    "vpc-cni": [
        call("ec2:DescribeInstances"),
        call("ec2:CreateNetworkInterface", ec2("network-interface/*"), new_interface=CLUSTER),
        call("ec2:CreateNetworkInterface", ec2("subnet/subnet-1"), vpc=OUR_VPC),
        call("ec2:CreateTags", ec2("network-interface/eni-1")),
        call("ec2:AssignPrivateIpAddresses", ec2("network-interface/eni-1"), interface=CLUSTER),
        call("ec2:AttachNetworkInterface", ec2("network-interface/eni-1"), interface=CLUSTER),
        call("ec2:AttachNetworkInterface", ec2("instance/i-1"), node="owned"),
        call("ec2:ModifyNetworkInterfaceAttribute", GROUP, vpc=OUR_VPC),
    ],
    "ebs-csi": [
        call("ec2:DescribeVolumes"),
        call("ec2:CreateVolume", ec2("volume/*"), new_volume=CLUSTER),
        call(
            "ec2:CreateTags", ec2("volume/vol-1"), ec2_creating="CreateVolume", new_volume=CLUSTER
        ),
        call("ec2:AttachVolume", ec2("volume/vol-1"), volume=CLUSTER),
        call("ec2:AttachVolume", ec2("instance/i-1"), managed_node=CLUSTER),
        call("ec2:AttachVolume", ec2("instance/i-1"), karpenter_node=CLUSTER),
        call("ec2:ModifyVolume", ec2("volume/vol-1"), volume=CLUSTER),
        call("ec2:DeleteVolume", ec2("volume/vol-1"), volume=CLUSTER),
        call("kms:Decrypt", key("volumes"), via=f"ec2.{REGION}.amazonaws.com"),
        call("kms:CreateGrant", key("volumes"), for_aws="true"),
    ],
    "cluster-autoscaler": [
        call("autoscaling:DescribeAutoScalingGroups"),
        call("ec2:DescribeLaunchTemplateVersions"),
        call("eks:DescribeNodegroup", f"arn:aws:eks:{REGION}:{ACCOUNT}:nodegroup/{CLUSTER}/gpu/1"),
        call(
            "autoscaling:SetDesiredCapacity",
            f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:1:autoScalingGroupName/eks-a",
            group="owned",
        ),
    ],
    "karpenter": [
        call("ec2:DescribeInstanceTypes", here=REGION),
        call("ec2:RunInstances", ec2("instance/*"), owned="owned", named=CLUSTER, pool="gpu"),
        call("ec2:RunInstances", ec2("image/ami-1").replace(ACCOUNT, "")),
        call("ec2:CreateFleet", ec2("launch-template/lt-1"), owned_one="owned", pool_of="gpu"),
        call("ec2:TerminateInstances", ec2("instance/i-1"), owned_one="owned", pool_of="gpu"),
        call("iam:PassRole", NODES, passed="ec2.amazonaws.com"),
        call("kms:GenerateDataKeyWithoutPlaintext", key("volumes"), via=EC2),
        call("kms:Decrypt", key("volumes"), via=EC2),
        call("kms:CreateGrant", key("volumes"), via=EC2, for_aws="true"),
        call("sqs:ReceiveMessage", QUEUE),
        call("ssm:GetParameter", f"arn:aws:ssm:{REGION}::parameter/aws/service/eks/x"),
    ],
    "external-secrets": [
        call("secretsmanager:GetSecretValue", SECRET),
        call("secretsmanager:DescribeSecret", SECRET),
        call("kms:Decrypt", key("secrets"), via=f"secretsmanager.{REGION}.amazonaws.com"),
    ],
    "loki": [
        call("s3:ListBucket", LOGS.arn),
        call("s3:PutObject", f"{LOGS.arn}/index/1"),
        call("s3:GetObject", f"{LOGS.arn}/index/1"),
        call("s3:DeleteObject", f"{LOGS.arn}/index/1"),
        call("kms:GenerateDataKey", LOGS.key_arn),
    ],
    "promotion": [
        call("eks:DescribeCluster", SCOPE.cluster_arn),
        call("s3:GetObject", f"{MODELS.arn}/digits/2/manifest.json"),
        call("kms:Decrypt", MODELS.key_arn),
        call("s3:PutObject", f"{STATE.bucket.arn}/.pulumi/stacks/serving/prod.json"),
        call("s3:PutObject", f"{STATE.bucket.arn}/promotions/prod/journals/digits/1/00000001.json"),
        call("s3:PutObject", f"{STATE.bucket.arn}/promotions/prod/leases/digits/lease.json"),
        call("s3:DeleteObject", f"{STATE.bucket.arn}/promotions/prod/leases/digits/asks/1.json"),
        call("kms:GenerateDataKey", STATE.bucket.key_arn),
    ],
}

UNBALANCED: Final = [
    call("elasticloadbalancing:DeleteLoadBalancer", NLB, balancer=OTHER),
    call("elasticloadbalancing:DeleteLoadBalancer", NLB),
    call("elasticloadbalancing:DeleteLoadBalancer", NLB.replace(REGION, "eu-west-1")),
    call("elasticloadbalancing:CreateLoadBalancer", NLB, new_balancer=OTHER),
    call("elasticloadbalancing:CreateLoadBalancer", NLB),
    call("elasticloadbalancing:AddTags", NLB, new_balancer=CLUSTER),
    call("elasticloadbalancing:AddTags", NLB, balancer=CLUSTER, new_balancer=OTHER),
    call("elasticloadbalancing:RegisterTargets", TARGETS, balancer=OTHER),
    call("elasticloadbalancing:SetWebAcl", NLB, balancer=CLUSTER),
    call("ec2:CreateSecurityGroup", THEIR_VPC),
    call("ec2:CreateSecurityGroup", GROUP),
    call("ec2:CreateTags", GROUP, new_balancer=CLUSTER),
    call("ec2:CreateTags", ec2("instance/i-1"), balancer=CLUSTER),
    call("ec2:AuthorizeSecurityGroupIngress", GROUP, vpc=THEIR_VPC),
    call("ec2:AuthorizeSecurityGroupEgress", GROUP, vpc=OUR_VPC),
    call("ec2:DeleteSecurityGroup", GROUP, vpc=OUR_VPC),
    call("iam:CreateServiceLinkedRole", LINKED, service="spot.amazonaws.com"),
    call("iam:CreateServiceLinkedRole", f"arn:aws:iam::{ACCOUNT}:role/x", service=SERVICE),
    call("wafv2:AssociateWebACL"),
    call("shield:DeleteProtection"),
    call("cognito-idp:DescribeUserPoolClient"),
]

DENIED: Final[Mapping[str, list[Call]]] = {
    "alertmanager": [
        call("sns:Publish", TOPIC.replace("alarms", "others")),
        call("sns:Subscribe", TOPIC),
        call("sns:DeleteTopic", TOPIC),
    ],
    "cloudwatch": [
        call("logs:CreateLogGroup", INSIGHTS),
        call("logs:PutLogEvents", f"{INSIGHTS.replace(CLUSTER, OTHER)}:log-stream:node"),
        call("logs:DeleteLogGroup", INSIGHTS),
        call("logs:GetLogEvents", f"{INSIGHTS}:log-stream:node"),
        call("cloudwatch:PutMetricData"),
        call("ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/AmazonCloudWatch-x"),
    ],
    "ingress-controller": [
        *of_applications(UNBALANCED),
        call("elasticloadbalancing:DeleteLoadBalancer", NLB, balancer=CLUSTER),
        call("elasticloadbalancing:CreateRule", ALB_LISTENER, balancer=OTHER),
        call("elasticloadbalancing:CreateRule", ALB_LISTENER),
        call("elasticloadbalancing:AddTags", RULE, new_balancer=CLUSTER),
        call("elasticloadbalancing:AddTags", RULE, balancer=CLUSTER, new_balancer=OTHER),
        call("elasticloadbalancing:AddTags", RULE, creating="CreateRule"),
        call("elasticloadbalancing:ModifyRule", RULE, balancer=OTHER),
        call("elasticloadbalancing:ModifyRule", RULE),
    ],
    "load-balancer-controller": UNBALANCED,
    "vpc-cni": [
        call("ec2:CreateNetworkInterface", ec2("network-interface/*"), new_interface=OTHER),
        call("ec2:CreateNetworkInterface", ec2("subnet/subnet-1"), vpc=THEIR_VPC),
        call("ec2:DeleteNetworkInterface", ec2("network-interface/eni-1"), interface=OTHER),
        call("ec2:DeleteNetworkInterface", ec2("network-interface/eni-1")),
        call("ec2:AttachNetworkInterface", ec2("instance/i-1")),
        call("ec2:ModifyNetworkInterfaceAttribute", GROUP, vpc=THEIR_VPC),
        call("ec2:CreateTags", ec2("instance/i-1")),
        call("ec2:RunInstances", ec2("instance/*")),
    ],
    "ebs-csi": [
        call("ec2:CreateVolume", ec2("volume/*"), new_volume=OTHER),
        call("ec2:DeleteVolume", ec2("volume/vol-1"), volume=OTHER),
        call("ec2:DeleteVolume", ec2("volume/vol-1")),
        call("ec2:AttachVolume", ec2("instance/i-1"), managed_node=OTHER),
        call("ec2:AttachVolume", ec2("instance/i-1")),
        call("ec2:CreateTags", ec2("volume/vol-1"), new_volume=CLUSTER),
        call("ec2:DeleteTags", ec2("volume/vol-1"), volume=CLUSTER),
        call("ec2:CreateSnapshot", ec2("snapshot/*"), new_volume=CLUSTER),
        call("kms:Decrypt", key("volumes")),
        call("kms:Decrypt", key("models"), via=f"ec2.{REGION}.amazonaws.com"),
        call("kms:CreateGrant", key("volumes")),
    ],
    "cluster-autoscaler": [
        call(
            "autoscaling:TerminateInstanceInAutoScalingGroup",
            f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:1:autoScalingGroupName/other",
            enabled="true",
        ),
        call("autoscaling:UpdateAutoScalingGroup", group="owned"),
        call("autoscaling:DeleteAutoScalingGroup", group="owned"),
        call("eks:DescribeNodegroup", f"arn:aws:eks:{REGION}:{ACCOUNT}:nodegroup/{OTHER}/gpu/1"),
        call(
            "eks:UpdateNodegroupConfig", f"arn:aws:eks:{REGION}:{ACCOUNT}:nodegroup/{CLUSTER}/a/1"
        ),
        call("ec2:TerminateInstances", ec2("instance/i-1")),
    ],
    "karpenter": [
        call("ec2:DescribeInstanceTypes", here="eu-west-1"),
        call("ec2:RunInstances", ec2("instance/*"), owned="owned", named=OTHER, pool="gpu"),
        call("ec2:RunInstances", ec2("instance/*"), owned="owned", named=CLUSTER),
        call("ec2:RunInstances", ec2("instance/*")),
        call("ec2:CreateFleet", ec2("launch-template/lt-1"), owned_one="owned"),
        call("ec2:CreateTags", ec2("instance/i-1"), owned="owned", named=CLUSTER, pool="gpu"),
        call("ec2:CreateTags", ec2("instance/i-1"), named=CLUSTER),
        call("ec2:TerminateInstances", ec2("instance/i-1"), owned_one="owned"),
        call("ec2:TerminateInstances", ec2("instance/i-1"), pool_of="gpu"),
        call("iam:PassRole", NODES, passed="lambda.amazonaws.com"),
        call(
            "iam:PassRole",
            f"arn:aws:iam::{ACCOUNT}:role/{CLUSTER}-deploy",
            passed="ec2.amazonaws.com",
        ),
        call("iam:CreateInstanceProfile", f"arn:aws:iam::{ACCOUNT}:instance-profile/x"),
        call("iam:TagInstanceProfile", f"arn:aws:iam::{ACCOUNT}:instance-profile/x"),
        call("iam:DeleteInstanceProfile", f"arn:aws:iam::{ACCOUNT}:instance-profile/x"),
        call("arc-zonal-shift:GetManagedResource"),
        call("kms:GenerateDataKeyWithoutPlaintext", key("volumes")),
        call("kms:Decrypt", key("volumes"), via=f"s3.{REGION}.amazonaws.com"),
        call("kms:Decrypt", key("models"), via=EC2),
        call("kms:CreateGrant", key("volumes"), for_aws="true"),
        call("kms:CreateGrant", key("volumes"), via=EC2),
        call("kms:CreateGrant", key("models"), via=EC2, for_aws="true"),
        call("sqs:SendMessage", QUEUE),
    ],
    "external-secrets": [
        call("secretsmanager:GetSecretValue", SECRET.replace(CLUSTER, OTHER)),
        call("secretsmanager:PutSecretValue", SECRET),
        call("secretsmanager:ListSecrets"),
        call("kms:Decrypt", key("secrets")),
        call("kms:Decrypt", key("secrets"), via=f"s3.{REGION}.amazonaws.com"),
        call("kms:Decrypt", key("models"), via=f"secretsmanager.{REGION}.amazonaws.com"),
    ],
    "loki": [
        call("s3:GetObject", f"{MODELS.arn}/digits/1/manifest.json"),
        call("s3:DeleteObjectVersion", f"{LOGS.arn}/index/1"),
        call("s3:DeleteBucket", LOGS.arn),
        call("s3:PutBucketPolicy", LOGS.arn),
        call("kms:Decrypt", MODELS.key_arn),
    ],
    "promotion": [
        call("s3:PutObject", f"{MODELS.arn}/digits/2/manifest.json"),
        call("s3:DeleteObject", f"{MODELS.arn}/digits/2/manifest.json"),
        call("s3:GetObject", f"{STATE.bucket.arn}/.pulumi/stacks/serving/prod-2.json"),
        call("s3:GetObject", f"{STATE.bucket.arn}/.pulumi/stacks/serving/dev.json"),
        call("s3:PutObject", f"{STATE.bucket.arn}/.pulumi/stacks/serving/dev.json"),
        call("s3:PutObject", f"{STATE.bucket.arn}/.pulumi/stacks/other/prod.json"),
        call("s3:PutObject", f"{STATE.bucket.arn}/.pulumi/meta.yaml"),
        call("s3:DeleteObject", f"{STATE.bucket.arn}/.pulumi/stacks/serving/prod.json"),
        call("s3:DeleteObject", f"{STATE.bucket.arn}/.pulumi/history/serving/prod/1.history.json"),
        call("s3:DeleteObject", f"{STATE.bucket.arn}/promotions/prod/journals/digits/1/1.json"),
        call("s3:DeleteObjectVersion", f"{STATE.bucket.arn}/.pulumi/stacks/serving/prod.json"),
        call("s3:PutObject", f"{STATE.bucket.arn}/promotions/dev/leases/digits/lease.json"),
        call("s3:BypassGovernanceRetention", f"{STATE.bucket.arn}/promotions/prod/journals/a"),
        call("kms:GenerateDataKey", MODELS.key_arn),
        call("kms:ScheduleKeyDeletion", STATE.bucket.key_arn),
        call("eks:UpdateClusterConfig", SCOPE.cluster_arn),
        call("eks:DescribeCluster", SCOPE.cluster_arn.replace(CLUSTER, OTHER)),
        call("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/{CLUSTER}-promote"),
        call("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/{CLUSTER}-deploy"),
    ],
}


def cases(table: Mapping[str, list[Call]]) -> list[Any]:
    return [
        pytest.param(name, each, id=f"{name}-{number}-{each.action}")
        for name, calls in table.items()
        for number, each in enumerate(calls)
    ]


@pytest.mark.parametrize(("name", "each"), cases(ALLOWED))
def test_a_role_may_do_its_work(name: str, each: Call) -> None:
    assert allows(DOCUMENTS[name], each)


@pytest.mark.parametrize(("name", "each"), cases(DENIED))
def test_a_role_may_do_nothing_else(name: str, each: Call) -> None:
    assert not allows(DOCUMENTS[name], each)


def test_every_document_is_tried_both_ways() -> None:
    assert ALLOWED.keys() == DENIED.keys() == DOCUMENTS.keys()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_condition_is_for_nothing(name: str) -> None:
    """Without any one of them, something that must be denied would be allowed."""
    for position, statement in enumerate(statements(DOCUMENTS[name])):
        if "Condition" not in statement:
            continue
        wider = [dict(each) for each in statements(DOCUMENTS[name])]
        del wider[position]["Condition"]
        document = {"Version": "2012-10-17", "Statement": wider}
        assert any(allows(document, each) for each in DENIED[name]), statement


BALANCERS: Final = json.loads(
    (FIXTURES / "aws-load-balancer-controller.json").read_text(encoding="utf-8")
)
UPSTREAM: Final = {
    "ingress-controller": BALANCERS,
    "load-balancer-controller": BALANCERS,
    "vpc-cni": managed("AmazonEKS_CNI_Policy"),
}


def named(document: Any) -> set[str]:
    return {action for each in statements(document) for action in listed(each["Action"])}


@pytest.mark.parametrize("name", UPSTREAM)
def test_nothing_is_allowed_that_its_makers_do_not_ask_for(name: str) -> None:
    """Their documents name condition keys that ours narrow, so what ours let through, theirs do."""
    assert named(DOCUMENTS[name]) <= named(UPSTREAM[name])
    for each in ALLOWED[name]:
        assert allows(UPSTREAM[name], each), each


def test_what_the_controllers_makers_ask_for_beside_is_for_what_is_switched_off() -> None:
    """A chart with a new feature shows up here, with the actions that it needs."""
    beside = named(UPSTREAM["load-balancer-controller"]) - named(
        DOCUMENTS["load-balancer-controller"]
    )
    off = ("acm:", "cognito-idp:", "iam:GetServer", "iam:ListServer", "shield:", "waf", "wafv2:")
    balancer = "elasticloadbalancing:"
    assert {action for action in beside if not action.startswith(off)} == {
        "ec2:DescribeCoipPools",
        "ec2:DescribeIpamPools",
        "ec2:GetCoipPoolUsage",
        # Rules are an application load balancer's.
        f"{balancer}CreateRule",
        f"{balancer}DeleteRule",
        f"{balancer}DescribeRules",
        f"{balancer}DescribeTrustStores",
        f"{balancer}ModifyRule",
        f"{balancer}SetRulePriorities",
        f"{balancer}SetWebAcl",
        # Capacity is reserved, and addresses are taken from a pool, where a Service asks for it.
        f"{balancer}ModifyCapacityReservation",
        f"{balancer}ModifyIpPools",
    }


def test_volumes_are_as_in_awss_policy_for_one_cluster() -> None:
    """It writes the role's tag where ours has the cluster's name."""
    theirs = json.loads(
        json.dumps(managed("AmazonEBSCSIDriverEKSClusterScopedPolicy")).replace(
            "${aws:PrincipalTag/eks-cluster-name}", CLUSTER
        )
    )
    ours = {action for action in named(DOCUMENTS["ebs-csi"]) if action.startswith("ec2:")}
    assert ours <= named(theirs)
    rest = named(theirs) - ours
    assert {action for action in rest if "Snapshot" not in action} == {
        "ec2:CopyVolumes",
        "ec2:DeleteTags",
    }


def test_karpenter_uses_a_key_as_in_awss_policy_for_disks_under_keys_of_ones_own() -> None:
    """Without it every node that it launches ends at once (karpenter-provider-aws#4935)."""
    theirs = named(managed("ROSAKarpenterControllerPolicy"))
    ours = named(DOCUMENTS["karpenter"])
    of_keys = {action for action in ours if action.startswith("kms:")}
    assert of_keys == {action for action in theirs if action.startswith("kms:")}
