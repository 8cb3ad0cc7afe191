"""What the clouds answer in tests, to the mock engine and to the provider doubles alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

ACCOUNT: Final = "123456789012"
ISSUER: Final = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF"
HOSTNAME: Final = "istio-ingress-0123456789abcdef.elb.us-east-1.amazonaws.com"
"""Of the load balancer that its controller makes for the gateway's Service, or for an Ingress."""
S3_CIDRS: Final = ("198.51.100.0/24", "203.0.113.0/24")

CONTROL_PLANE: Final = "aws:eks/cluster:Cluster"
"""The child of pulumi-eks' component that its users refer to."""

CLUSTER_OUTPUTS: Final = {
    "kubeconfigJson": '{"kind": "Config"}',
    "oidcProviderArn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}",
    "clusterSecurityGroupId": "sg-cluster",
}
"""Of pulumi-eks' component, beside the reference to its child."""

_COMPUTED: Final[Mapping[str, Callable[[str, Mapping[str, Any]], Mapping[str, Any]]]] = {
    "aws:cloudwatch/logGroup:LogGroup": lambda name, inputs: {"name": inputs.get("name", name)},
    "aws:ec2/vpcEndpoint:VpcEndpoint": lambda _, inputs: (
        {"cidrBlocks": list(S3_CIDRS)} if inputs["vpcEndpointType"] == "Gateway" else {}
    ),
    "aws:ec2/vpcEndpointService:VpcEndpointService": lambda name, _: {
        "serviceName": f"com.amazonaws.vpce.us-east-1.{name}"
    },
    "aws:ecr/repository:Repository": lambda _, inputs: {
        "repositoryUrl": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/{inputs['name']}"
    },
    "aws:ec2/launchTemplate:LaunchTemplate": lambda *_: {"latestVersion": 1},
    "aws:eks/cluster:Cluster": lambda name, inputs: {"name": inputs.get("name", name)},
    "aws:eks/nodeGroup:NodeGroup": lambda name, _: {"nodeGroupName": name},
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": lambda _, inputs: {
        "arn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{inputs['url'].removeprefix('https://')}"
    },
    "aws:iam/role:Role": lambda name, inputs: {"name": inputs.get("name", name)},
    "kubernetes:core/v1:Service": lambda _, inputs: (
        {"status": {"loadBalancer": {"ingress": [{"hostname": HOSTNAME}]}}}
        if inputs["spec"]["type"] == "LoadBalancer"
        else {}
    ),
    "kubernetes:networking.k8s.io/v1:Ingress": lambda *_: {
        "status": {"loadBalancer": {"ingress": [{"hostname": HOSTNAME}]}}
    },
    "pulumi-python:dynamic/serving:Process": lambda *_: {"pid": 4711},
    "aws:s3/bucket:Bucket": lambda _, inputs: {"arn": f"arn:aws:s3:::{inputs['bucket']}"},
}


def created(type_: str, name: str, inputs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The id and the properties of a new resource."""
    outputs = dict(inputs)
    if type_.startswith("aws:"):
        outputs["arn"] = f"arn:aws:{type_.split(':')[1].split('/')[0]}::{ACCOUNT}:{name}"
    if type_ in _COMPUTED:
        outputs |= _COMPUTED[type_](name, inputs)
    return str(inputs.get("bucket", name)) if type_ == "aws:s3/bucket:Bucket" else name, outputs


def looked_up(token: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a provider's function."""
    match token:
        case "aws:index/getCallerIdentity:getCallerIdentity":
            return {"accountId": ACCOUNT}
        case "aws:iam/getRole:getRole":
            return {"name": args["name"], "arn": f"arn:aws:iam::{ACCOUNT}:role/{args['name']}"}
        case "aws:acm/getCertificate:getCertificate":
            return {"arn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/{args['domain']}"}
        case "aws:lb/getLoadBalancer:getLoadBalancer":
            name = args["tags"]["service.k8s.aws/stack"].replace("/", "-")
            balancer = f"net/{name}/0123456789abcdef"
            arn = f"arn:aws:elasticloadbalancing:us-east-1:{ACCOUNT}:loadbalancer/{balancer}"
            return {"arn": arn, "arnSuffix": balancer}
    raise LookupError(f"no answer to {token} in {__name__}")
