"""For each rule what violates it, what complies with it, and what decides neither."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from serving_policies import RULES
from serving_policies.cluster import CLUSTER, LOG_TYPES
from serving_policies.iam import ATTACHMENTS, GITHUB, ROLE
from serving_policies.network import (
    AUTHENTICATION,
    CLASSIC_RULE,
    DEFAULT_GROUP,
    GROUP,
    INGRESS_RULE,
    RELEASE,
    VPC,
)
from serving_policies.nodes import (
    ASSOCIATION,
    INTERNET_GATEWAY,
    LAUNCH_TEMPLATE,
    NODE_CLASS,
    NODE_GROUP,
    ROUTE,
    SUBNET,
    TABLE,
)
from serving_policies.rule import Context, Message, Resource, Rule
from serving_policies.storage import (
    BUCKET,
    BUCKET_POLICY,
    FILE_SYSTEM,
    FILE_SYSTEM_POLICY,
    KEY,
    KEY_POLICY,
    MOUNTING,
    PUBLIC_BLOCK,
    REPOSITORY,
    SWITCHES,
    TEMPLATE,
    VERSIONING,
)
from serving_policies.values import UNKNOWN

BY_ID: Final[Mapping[str, Rule]] = {rule.id: rule for rule in RULES}

ISSUER: Final = "oidc.eks.eu-west-1.amazonaws.com/id/0123"
PROVIDERS: Final = "arn:aws:iam::123456789012:oidc-provider/"


@dataclass(frozen=True)
class Case:
    kind: str
    props: Mapping[str, Any]
    around: Sequence[Resource] = ()
    protect: bool = False
    links: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def judged(self, rule: Rule, **changes: Any) -> list[Message]:
        props = changes.get("props", self.props)
        own = Resource(kind=self.kind, name="own", urn="own", props=props, links=self.links)
        context = Context(
            name="own",
            urn="own",
            protect=self.protect,
            links=self.links,
            stack=[own, *changes.get("around", self.around)],
        )
        return rule(self.kind, props, context)


@dataclass(frozen=True, kw_only=True)
class Examples:
    violate: Sequence[Case]
    comply: Sequence[Case]
    undecided: Sequence[Case]


def near(kind: str, name: str, props: Mapping[str, Any], **links: str) -> Resource:
    """A resource beside the one that is judged; a link names what a property comes from."""
    found = {key: frozenset([urn]) for key, urn in links.items()}
    props = {**dict.fromkeys(links, UNKNOWN), **props}
    return Resource(kind=kind, name=name, urn=name, props=props, links=found)


def document(*said: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(said)})


def allow(**said: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Resource": "*", **said}


def tls(actions: Any, **said: Any) -> dict[str, Any]:
    return {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": actions,
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        **said,
    }


def cluster(**props: Any) -> Case:
    return Case(CLUSTER, props)


def vpc(*around: Resource) -> Case:
    return Case(VPC, {"cidrBlock": "10.0.0.0/16"}, around)


def bucket(*around: Resource, kind: str = BUCKET[0]) -> Case:
    return Case(kind, {"bucket": "models"}, around)


def files(*around: Resource) -> Case:
    return Case(FILE_SYSTEM, {"encrypted": True}, around)


def template(**props: Any) -> Case:
    return Case(LAUNCH_TEMPLATE, props)


def policy(*said: Mapping[str, Any], kind: str = "aws:iam/rolePolicy:RolePolicy") -> Case:
    return Case(kind, {"policy": document(*said)})


def inline(*said: Mapping[str, Any]) -> Case:
    return Case(ROLE, {"inlinePolicies": [{"name": "work", "policy": document(*said)}]})


def trust(principal: Any, condition: Mapping[str, Any] | None = None, **said: Any) -> Case:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **said}
    if condition is not None:
        statement["Condition"] = condition
    return Case(ROLE, {"assumeRolePolicy": document(statement)})


def pod(sub: Any, audience: str = "sts.amazonaws.com", operator: str = "StringEquals") -> Case:
    condition = {"StringEquals": {f"{ISSUER}:aud": audience}}
    condition.setdefault(operator, {})[f"{ISSUER}:sub"] = sub
    return trust({"Federated": f"{PROVIDERS}{ISSUER}"}, condition)


def job(sub: Any, operator: str = "StringEquals") -> Case:
    condition = {"StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"}}
    condition.setdefault(operator, {})[f"{GITHUB}:sub"] = sub
    return trust({"Federated": f"{PROVIDERS}{GITHUB}"}, condition)


def attached(arn: Any) -> Case:
    return Case(ATTACHMENTS[0], {"policyArn": arn})


def authentication(spec: Mapping[str, Any], namespace: str = "istio-system") -> Resource:
    return near(AUTHENTICATION[0], "peers", {"metadata": {"namespace": namespace}, "spec": spec})


def istiod(*around: Resource, namespace: Any = "istio-system") -> Case:
    return Case(RELEASE, {"chart": "istiod", "namespace": namespace}, around)


def peers(spec: Any) -> Case:
    return Case(AUTHENTICATION[0], {"metadata": {"namespace": "istio-system"}, "spec": spec})


def network(*extra: Resource, public: bool) -> Sequence[Resource]:
    """A subnet with a route table of its own, and an internet gateway that one may lead to."""
    route = (
        near(ROUTE, "way-out", {}, routeTableId="table", gatewayId="gateway")
        if public
        else near(ROUTE, "way-out", {}, routeTableId="table", natGatewayId="nat")
    )
    return [
        near(SUBNET, "subnet", {"mapPublicIpOnLaunch": False}),
        near(INTERNET_GATEWAY, "gateway", {}),
        near(TABLE, "table", {}),
        near(ASSOCIATION, "association", {}, subnetId="subnet", routeTableId="table"),
        route,
        *extra,
    ]


def group(around: Sequence[Resource], ids: Any = UNKNOWN, *of: str) -> Case:
    return Case(NODE_GROUP, {"subnetIds": [ids]}, around, links={"subnetIds": frozenset(of)})


ALL_ON: Final = dict.fromkeys(SWITCHES, True)

EXAMPLES: Final[Mapping[str, Examples]] = {
    "eks-endpoint-not-public": Examples(
        violate=[
            cluster(vpcConfig={"endpointPublicAccess": True}),
            cluster(vpcConfig={}),
            cluster(),
            cluster(vpcConfig={"endpointPublicAccess": None}),
        ],
        comply=[cluster(vpcConfig={"endpointPublicAccess": False})],
        undecided=[
            cluster(vpcConfig={"endpointPublicAccess": UNKNOWN}),
            cluster(vpcConfig=UNKNOWN),
        ],
    ),
    "eks-public-cidrs-bounded": Examples(
        violate=[
            cluster(vpcConfig={"endpointPublicAccess": True}),
            cluster(),
            cluster(vpcConfig={"endpointPublicAccess": True, "publicAccessCidrs": []}),
            cluster(vpcConfig={"publicAccessCidrs": ["203.0.113.0/23"]}),
            cluster(vpcConfig={"publicAccessCidrs": ["203.0.113.5/32", "0.0.0.0/0"]}),
            cluster(vpcConfig={"publicAccessCidrs": ["::/0"]}),
            cluster(vpcConfig={"publicAccessCidrs": ["office"]}),
        ],
        comply=[
            cluster(
                vpcConfig={"endpointPublicAccess": True, "publicAccessCidrs": ["203.0.113.5/32"]}
            ),
            cluster(vpcConfig={"publicAccessCidrs": ["203.0.113.0/24", "2001:db8::/48"]}),
            cluster(vpcConfig={"endpointPublicAccess": False}),
        ],
        undecided=[
            cluster(vpcConfig={"endpointPublicAccess": True, "publicAccessCidrs": UNKNOWN}),
            cluster(vpcConfig={"publicAccessCidrs": ["203.0.113.5/32", UNKNOWN]}),
            cluster(vpcConfig={"endpointPublicAccess": UNKNOWN}),
            cluster(vpcConfig=UNKNOWN),
        ],
    ),
    "eks-control-plane-logs": Examples(
        violate=[
            cluster(enabledClusterLogTypes=["api"]),
            cluster(enabledClusterLogTypes=[]),
            cluster(),
        ],
        comply=[cluster(enabledClusterLogTypes=list(reversed(LOG_TYPES)))],
        undecided=[
            cluster(enabledClusterLogTypes=UNKNOWN),
            cluster(enabledClusterLogTypes=[*LOG_TYPES[1:], UNKNOWN]),
        ],
    ),
    "eks-secrets-cmk": Examples(
        violate=[
            cluster(),
            cluster(encryptionConfig={"resources": [], "provider": {"keyArn": "arn:x"}}),
            cluster(encryptionConfig={"resources": ["secrets"], "provider": {}}),
            cluster(encryptionConfig={"resources": ["secrets"], "provider": {"keyArn": ""}}),
        ],
        comply=[
            cluster(encryptionConfig={"resources": ["secrets"], "provider": {"keyArn": "arn:x"}}),
            # the key is made in the same update
            cluster(encryptionConfig={"resources": ["secrets"], "provider": {"keyArn": UNKNOWN}}),
        ],
        undecided=[cluster(encryptionConfig=UNKNOWN)],
    ),
    "ng-private-subnets": Examples(
        violate=[
            group(network(public=True), UNKNOWN, "subnet"),
            group([near(SUBNET, "subnet", {"mapPublicIpOnLaunch": True})], UNKNOWN, "subnet"),
            group(
                [near(SUBNET, "subnet", {"id": "subnet-1", "mapPublicIpOnLaunch": True})],
                "subnet-1",
            ),
            group(
                [
                    *network(public=False)[:2],
                    near(TABLE, "table", {"routes": [{"gatewayId": "igw-1"}]}),
                    near(ASSOCIATION, "association", {}, subnetId="subnet", routeTableId="table"),
                ],
                UNKNOWN,
                "subnet",
            ),
            Case(NODE_GROUP, {}),
        ],
        comply=[
            group(network(public=False), UNKNOWN, "subnet"),
            # another subnet that is public is none of its business
            group(
                network(near(SUBNET, "other", {"mapPublicIpOnLaunch": True}), public=False),
                UNKNOWN,
                "subnet",
            ),
        ],
        undecided=[
            group(network(public=True), "subnet-of-somebody-else"),
            group([], UNKNOWN),
            Case(
                NODE_GROUP,
                {"subnetIds": ["subnet-of-somebody-else", UNKNOWN]},
                network(public=False),
                links={"subnetIds": frozenset(["subnet"])},
            ),
        ],
    ),
    "lt-imdsv2": Examples(
        violate=[
            template(metadataOptions={"httpTokens": "optional"}),
            template(metadataOptions={}),
            template(),
            Case(NODE_CLASS, {"spec": {"metadataOptions": {"httpTokens": "optional"}}}),
        ],
        comply=[
            template(metadataOptions={"httpTokens": "required"}),
            Case(NODE_CLASS, {"spec": {"metadataOptions": {"httpTokens": "required"}}}),
        ],
        undecided=[template(metadataOptions=UNKNOWN)],
    ),
    "lt-imds-hop-1": Examples(
        violate=[
            template(metadataOptions={"httpPutResponseHopLimit": 2}),
            template(metadataOptions={"httpPutResponseHopLimit": "2"}),
            template(metadataOptions={"httpPutResponseHopLimit": True}),
            template(metadataOptions={}),
            template(),
            Case(NODE_CLASS, {"spec": {"metadataOptions": {"httpPutResponseHopLimit": 2}}}),
        ],
        comply=[
            template(metadataOptions={"httpPutResponseHopLimit": 1.0}),  # as the engine says it
            template(metadataOptions={"httpPutResponseHopLimit": "1"}),
            Case(NODE_CLASS, {"spec": {"metadataOptions": {"httpPutResponseHopLimit": 1}}}),
        ],
        undecided=[template(metadataOptions={"httpPutResponseHopLimit": UNKNOWN})],
    ),
    "lt-ebs-encrypted": Examples(
        violate=[
            template(blockDeviceMappings=[{"ebs": {"volumeSize": 100}}]),
            template(blockDeviceMappings=[{"ebs": {"encrypted": "false"}}]),
            template(blockDeviceMappings=[{"ebs": {"encrypted": "true"}}, {"ebs": {}}]),
            template(blockDeviceMappings=[]),
            template(),
            Case(NODE_CLASS, {"spec": {"blockDeviceMappings": [{"ebs": {"encrypted": False}}]}}),
        ],
        comply=[
            template(blockDeviceMappings=[{"ebs": {"encrypted": "true", "kmsKeyId": UNKNOWN}}]),
            template(blockDeviceMappings=[{"ebs": {"encrypted": True}}, {"noDevice": ""}]),
            Case(NODE_CLASS, {"spec": {"blockDeviceMappings": [{"ebs": {"encrypted": True}}]}}),
        ],
        undecided=[
            template(blockDeviceMappings=UNKNOWN),
            template(blockDeviceMappings=[UNKNOWN]),
            template(blockDeviceMappings=[{"ebs": {"encrypted": UNKNOWN}}]),
        ],
    ),
    "vpc-default-sg-closed": Examples(
        violate=[
            vpc(),
            vpc(
                near(
                    DEFAULT_GROUP,
                    "default",
                    {"ingress": [{"cidrBlocks": ["10.0.0.0/8"]}]},
                    vpcId="own",
                )
            ),
            vpc(near(DEFAULT_GROUP, "default", {"egress": [{"self": True}]}, vpcId="own")),
            # one that belongs to another network
            vpc(near(DEFAULT_GROUP, "default", {"ingress": [], "egress": []}, vpcId="other")),
        ],
        comply=[
            vpc(near(DEFAULT_GROUP, "default", {}, vpcId="own")),
            vpc(near(DEFAULT_GROUP, "default", {"ingress": [], "egress": []}, vpcId="own")),
        ],
        undecided=[
            vpc(near(DEFAULT_GROUP, "default", {"ingress": UNKNOWN}, vpcId="own")),
            vpc(near(DEFAULT_GROUP, "default", {"vpcId": UNKNOWN})),
        ],
    ),
    "sg-no-world-ingress": Examples(
        violate=[
            Case(INGRESS_RULE, {"cidrIpv4": "0.0.0.0/0", "fromPort": 8000}),
            Case(INGRESS_RULE, {"cidrIpv6": "::/0", "fromPort": 443}),
            # two halves are a whole
            Case(GROUP, {"ingress": [{"cidrBlocks": ["0.0.0.0/1", "128.0.0.0/1"]}]}),
            Case(GROUP, {"ingress": [{"ipv6CidrBlocks": ["2000::/3"]}]}),
            Case(CLASSIC_RULE, {"type": "ingress", "cidrBlocks": ["0.0.0.0/0"]}),
            Case(DEFAULT_GROUP, {"ingress": [{"cidrBlocks": ["0.0.0.0/0"]}]}),
            Case(INGRESS_RULE, {"cidrIpv4": "everywhere"}),
        ],
        comply=[
            Case(INGRESS_RULE, {"referencedSecurityGroupId": UNKNOWN, "fromPort": 8000}),
            Case(INGRESS_RULE, {"cidrIpv4": "10.0.0.0/8"}),
            Case(GROUP, {"egress": [{"cidrBlocks": ["0.0.0.0/0"]}]}),
            Case(CLASSIC_RULE, {"type": "egress", "cidrBlocks": ["0.0.0.0/0"]}),
        ],
        undecided=[
            Case(INGRESS_RULE, {"cidrIpv4": UNKNOWN}),
            Case(GROUP, {"ingress": UNKNOWN}),
            Case(GROUP, {"ingress": [UNKNOWN]}),
            Case(GROUP, {"ingress": [{"cidrBlocks": ["10.0.0.0/8", UNKNOWN]}]}),
        ],
    ),
    "mesh-strict-mtls": Examples(
        violate=[
            istiod(),
            istiod(authentication({"mtls": {"mode": "PERMISSIVE"}})),
            istiod(authentication({"mtls": {"mode": "STRICT"}}, namespace="tenant-a")),
            istiod(authentication({"mtls": {"mode": "STRICT"}, "selector": {"matchLabels": {}}})),
            peers({"mtls": {"mode": "PERMISSIVE"}}),
            peers({"mtls": {"mode": "DISABLE"}}),
            peers({"mtls": {"mode": "STRICT"}, "portLevelMtls": {"8002": {"mode": "DISABLE"}}}),
        ],
        comply=[
            istiod(authentication({"mtls": {"mode": "STRICT"}})),
            peers({"mtls": {"mode": "STRICT"}}),
            peers({"mtls": {"mode": "UNSET"}}),
            Case(RELEASE, {"chart": "loki", "namespace": "loki"}),
        ],
        undecided=[
            istiod(authentication({"mtls": UNKNOWN})),
            istiod(authentication({"mtls": {"mode": "STRICT"}}), namespace=UNKNOWN),
            peers({"mtls": {"mode": "STRICT"}, "portLevelMtls": UNKNOWN}),
            peers(UNKNOWN),
        ],
    ),
    "efs-encrypted": Examples(
        violate=[Case(FILE_SYSTEM, {}), Case(FILE_SYSTEM, {"encrypted": False})],
        comply=[Case(FILE_SYSTEM, {"encrypted": True})],
        undecided=[Case(FILE_SYSTEM, {"encrypted": UNKNOWN})],
    ),
    "efs-tls-only": Examples(
        violate=[
            files(),
            files(near(FILE_SYSTEM_POLICY, "p", {"policy": document()}, fileSystemId="own")),
            files(
                near(
                    FILE_SYSTEM_POLICY,
                    "p",
                    {"policy": document(tls([MOUNTING[0]]))},
                    fileSystemId="own",
                )
            ),
            files(
                near(
                    FILE_SYSTEM_POLICY,
                    "p",
                    {"policy": document(tls("*"), allow(Principal={"AWS": "*"}, Action="*"))},
                    fileSystemId="own",
                )
            ),
            files(near(FILE_SYSTEM_POLICY, "p", {"policy": "{"}, fileSystemId="own")),
        ],
        comply=[
            files(
                near(
                    FILE_SYSTEM_POLICY,
                    "p",
                    {"policy": document(tls(list(MOUNTING)))},
                    fileSystemId="own",
                )
            )
        ],
        undecided=[
            files(near(FILE_SYSTEM_POLICY, "p", {"policy": UNKNOWN}, fileSystemId="own")),
            files(near(FILE_SYSTEM_POLICY, "p", {"fileSystemId": UNKNOWN})),
        ],
    ),
    "s3-public-block": Examples(
        violate=[
            bucket(),
            bucket(kind=BUCKET[1]),
            bucket(near(PUBLIC_BLOCK[0], "b", {"blockPublicAcls": True}, bucket="own")),
            bucket(
                near(PUBLIC_BLOCK[0], "b", {**ALL_ON, "restrictPublicBuckets": False}, bucket="own")
            ),
            bucket(near(PUBLIC_BLOCK[0], "b", {**ALL_ON, "bucket": "logs"})),
        ],
        comply=[
            bucket(near(PUBLIC_BLOCK[0], "b", ALL_ON, bucket="own")),
            bucket(near(PUBLIC_BLOCK[0], "b", {**ALL_ON, "bucket": "models"})),
        ],
        undecided=[
            bucket(
                near(PUBLIC_BLOCK[0], "b", {**ALL_ON, "blockPublicAcls": UNKNOWN}, bucket="own")
            ),
            bucket(near(PUBLIC_BLOCK[0], "b", {**ALL_ON, "bucket": UNKNOWN})),
        ],
    ),
    "s3-tls-only": Examples(
        violate=[
            bucket(),
            bucket(
                near(
                    BUCKET_POLICY[0],
                    "p",
                    {"policy": document(allow(Principal={"AWS": "r"}, Action="s3:GetObject"))},
                    bucket="own",
                )
            ),
            # a Deny that asks for one thing more turns away only who lacks both
            bucket(
                near(
                    BUCKET_POLICY[0],
                    "p",
                    {
                        "policy": document(
                            tls(
                                "s3:*",
                                Condition={
                                    "Bool": {"aws:SecureTransport": "false"},
                                    "StringEquals": {"aws:PrincipalArn": "r"},
                                },
                            )
                        )
                    },
                    bucket="own",
                )
            ),
            bucket(
                near(
                    BUCKET_POLICY[0],
                    "p",
                    {"policy": document(tls("s3:GetObject"))},
                    bucket="own",
                )
            ),
        ],
        comply=[
            bucket(
                near(BUCKET_POLICY[0], "p", {"policy": document(tls("S3:*"))}, bucket="own"),
                kind=BUCKET[1],
            )
        ],
        undecided=[
            bucket(near(BUCKET_POLICY[0], "p", {"policy": UNKNOWN}, bucket="own")),
            bucket(near(BUCKET_POLICY[0], "p", {"bucket": UNKNOWN})),
        ],
    ),
    "s3-versioned": Examples(
        violate=[
            bucket(),
            bucket(
                near(
                    VERSIONING[0],
                    "v",
                    {"versioningConfiguration": {"status": "Suspended"}},
                    bucket="own",
                )
            ),
            bucket(near(VERSIONING[1], "v", {}, bucket="own")),
        ],
        comply=[
            bucket(
                near(
                    VERSIONING[0],
                    "v",
                    {"versioningConfiguration": {"status": "Enabled"}},
                    bucket="own",
                )
            )
        ],
        undecided=[
            bucket(near(VERSIONING[0], "v", {"versioningConfiguration": UNKNOWN}, bucket="own")),
            bucket(near(VERSIONING[0], "v", {"bucket": UNKNOWN})),
        ],
    ),
    "kms-no-star-principal": Examples(
        violate=[
            policy(allow(Principal="*", Action="kms:*"), kind=KEY),
            policy(allow(Principal={"AWS": ["*"]}, Action="kms:Decrypt"), kind=KEY_POLICY),
            policy(allow(NotPrincipal={"AWS": "r"}, Action="kms:Decrypt"), kind=KEY),
            policy(
                allow(
                    Principal="*",
                    Action="kms:Decrypt",
                    Condition={"StringLike": {"kms:CallerAccount": "*"}},
                ),
                kind=KEY,
            ),
            Case(KEY, {"policy": "no policy"}),
            Case(KEY, {"policy": '{"Statement": [], "Statement": []}'}),
        ],
        comply=[
            policy(
                allow(Principal={"AWS": "arn:aws:iam::123456789012:root"}, Action="kms:*"),
                kind=KEY,
            ),
            policy(
                allow(
                    Principal={"AWS": "*"},
                    Action="kms:Decrypt",
                    Condition={"StringEquals": {"kms:CallerAccount": "123456789012"}},
                ),
                kind=KEY,
            ),
            Case(KEY, {}),  # KMS' own policy names the account
        ],
        undecided=[Case(KEY, {"policy": UNKNOWN})],
    ),
    "ecr-immutable": Examples(
        violate=[
            Case(REPOSITORY, {"imageTagMutability": "MUTABLE"}),
            Case(REPOSITORY, {}),
            Case(TEMPLATE, {}),
        ],
        comply=[
            Case(REPOSITORY, {"imageTagMutability": "IMMUTABLE"}),
            Case(TEMPLATE, {"imageTagMutability": "IMMUTABLE"}),
        ],
        undecided=[Case(REPOSITORY, {"imageTagMutability": UNKNOWN})],
    ),
    "stateful-protected": Examples(
        violate=[Case(kind, {}) for kind in (CLUSTER, FILE_SYSTEM, KEY, *BUCKET)],
        comply=[Case(CLUSTER, {}, protect=True)],
        undecided=[],  # it asks for nothing that can be unknown
    ),
    "iam-no-star-action": Examples(
        violate=[
            policy(allow(Action="s3:*")),
            policy(allow(Action=["s3:GetObject", "*"])),
            policy(allow(Action="*:*")),
            policy(allow(Action="iam:**"), kind="aws:iam/policy:Policy"),
            policy(allow(NotAction="iam:*")),
            inline(allow(Action="sqs:*")),
            Case("aws:iam/policy:Policy", {"policy": "{"}),
        ],
        comply=[
            policy(allow(Action=["s3:GetObject", "s3:ListBucket"])),
            policy({"Effect": "Deny", "Action": "s3:*", "Resource": "*"}),
            policy(allow(Action="ec2:Describe*")),
            Case(ROLE, {}),
        ],
        undecided=[
            Case("aws:iam/rolePolicy:RolePolicy", {"policy": UNKNOWN}),
            Case(ROLE, {"inlinePolicies": [UNKNOWN]}),
            Case(ROLE, {"inlinePolicies": [{"policy": UNKNOWN}]}),
        ],
    ),
    "iam-no-escalation": Examples(
        violate=[
            policy(allow(Action="iam:PassRole")),
            policy(allow(Action="IAM:passrole")),
            policy(allow(Action="iam:Pass?ole")),
            policy(allow(Action="iam:Put*", Resource="arn:aws:iam::123456789012:role/*")),
            policy(allow(Action="sts:AssumeRole", Resource=["arn:aws:iam::*:role/*"])),
            policy(allow(Action="iam:AttachRolePolicy", Resource="arn:aws:iam::123456789012:r*")),
            policy(allow(NotAction="s3:*")),
            policy(
                {"Effect": "Allow", "Action": "iam:CreatePolicyVersion", "NotResource": "arn:x"}
            ),
            inline(allow(Action="iam:PassRole")),
        ],
        comply=[
            policy(
                allow(
                    Action="iam:PassRole",
                    Resource="arn:aws:iam::123456789012:role/nodes",
                    Condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
                )
            ),
            policy(
                allow(
                    Action=["iam:PutRolePolicy", "iam:AttachRolePolicy"],
                    Resource="arn:aws:iam::123456789012:role/serving-prod-*",
                )
            ),
            policy(allow(Action=["iam:GetRole", "ec2:DescribeInstances"])),
            policy({"Effect": "Deny", "Action": "iam:*", "Resource": "*"}),
        ],
        undecided=[Case("aws:iam/policy:Policy", {"policy": UNKNOWN})],
    ),
    "iam-no-managed-admin": Examples(
        violate=[
            attached("arn:aws:iam::aws:policy/AdministratorAccess"),
            attached("arn:aws:iam::aws:policy/IAMFullAccess"),
            Case(ROLE, {"managedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]}),
        ],
        comply=[
            attached("arn:aws:iam::123456789012:policy/work"),
            attached("arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"),
            Case(ROLE, {}),
        ],
        undecided=[attached(UNKNOWN), Case(ROLE, {"managedPolicyArns": [UNKNOWN]})],
    ),
    "iam-trust-bounded": Examples(
        violate=[
            trust({"AWS": "*"}),
            trust("*"),
            trust({"AWS": "arn:aws:iam::123456789012:root"}),
            trust({"AWS": ["123456789012"]}),
            trust(None, NotPrincipal={"AWS": "r"}),
            Case(ROLE, {"assumeRolePolicy": "{"}),
        ],
        comply=[
            trust({"Service": "eks.amazonaws.com"}),
            trust({"AWS": "arn:aws:iam::123456789012:role/deploy"}),
        ],
        undecided=[Case(ROLE, {"assumeRolePolicy": UNKNOWN})],
    ),
    "irsa-trust-exact": Examples(
        violate=[
            pod("system:serviceaccount:*:*", operator="StringLike"),
            pod("system:serviceaccount:ml-a:*"),
            pod(["system:serviceaccount:ml-a:triton", "system:serviceaccount:ml-b:triton"]),
            pod("system:serviceaccount:ml-a:triton", audience="somebody"),
            trust({"Federated": f"{PROVIDERS}{ISSUER}"}),
        ],
        comply=[
            pod("system:serviceaccount:ml-a:triton"),
            trust({"Service": "ec2.amazonaws.com"}),
            trust({"Federated": f"{PROVIDERS}{GITHUB}"}),
        ],
        undecided=[Case(ROLE, {"assumeRolePolicy": UNKNOWN})],
    ),
    "gha-sub-pinned": Examples(
        violate=[
            job("repo:org/*", operator="StringLike"),
            job("repo:org/infra:*"),
            job("repo:org/infra:ref:refs/heads/main"),
            job(["repo:org/infra:environment:prod", "repo:other/infra:environment:prod"]),
            job(["repo:org/infra:environment:prod", "repo:org/infra:pull_request"]),
            trust({"Federated": f"{PROVIDERS}{GITHUB}"}),
        ],
        comply=[
            job("repo:org/infra:environment:prod"),
            job(["repo:org@123/infra@456:environment:prod", "repo:org/infra:environment:prod"]),
            job("repo:org/infra:pull_request"),
            trust({"Federated": f"{PROVIDERS}{ISSUER}"}),
        ],
        undecided=[Case(ROLE, {"assumeRolePolicy": UNKNOWN})],
    ),
}
