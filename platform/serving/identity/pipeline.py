"""What the jobs of a pipeline may do: build the stack, or only say what would be built."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from serving.identity.document import ANY, Condition, Document, Statement, allow, deny, document
from serving.identity.kind import Kind, kinds
from serving.identity.scope import PARTITION, Scope
from serving.identity.state import State

_GROUPS: Final = {
    "cluster": ("autoscaling", "ecr", "eks"),
    "files": ("elasticfilesystem", "s3"),
    "identity": ("iam",),
    "keys": ("kms", "secretsmanager"),
    "network": ("ec2",),
    "watch": ("budgets", "cloudtrail", "cloudwatch", "events", "logs", "sns", "sqs"),
}
"""A policy holds 6,144 characters; the names of policies last."""

NAMES: Final = (*_GROUPS, "state")
"""Of the policies of one role."""

_BY_TAG: Final = {
    "cloudwatch": ("cloudwatch:TagResource",),
    "ec2": ("ec2:CreateTags", "ec2:DeleteTags"),
    "elasticfilesystem": ("elasticfilesystem:TagResource",),
    "kms": ("kms:TagResource",),
    "logs": ("logs:TagResource",),
    "sns": ("sns:TagResource",),
}
"""Services whose resources have names that AWS makes up, and how they are tagged."""

_PASSED_TO: Final = (
    "ec2.amazonaws.com",
    "eks.amazonaws.com",
    "pods.eks.amazonaws.com",
    "vpc-flow-logs.amazonaws.com",
)
_LINKED_TO: Final = (
    "autoscaling.amazonaws.com",
    "backup.amazonaws.com",
    "eks-nodegroup.amazonaws.com",
    "eks.amazonaws.com",
    "elasticfilesystem.amazonaws.com",
    "spot.amazonaws.com",
)


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    scope: Scope
    tags: Mapping[str, str]
    """On every resource of the stack and on none of another's."""
    roles: Sequence[str]
    """Names of its own roles, which it must not change."""
    boundary_arn: str
    lookups: Sequence[Statement]
    state: State | None

    def preview(self) -> Mapping[str, Document]:
        """Look at everything, and at no content of anything."""
        read = {group: [*self._reads(group)] for group in _GROUPS}
        state = [*self.lookups, *(self.state.read() if self.state else [])]
        return _documents({**read, "state": state})

    def deploy(self) -> Mapping[str, Document]:
        all_ = {group: [*self._reads(group), *self._writes(group)] for group in _GROUPS}
        all_["identity"] += self._identities()
        all_["network"] += self._lets_in()
        all_["cluster"] += self._launches()
        all_["keys"] += self._services()
        state = [*self.lookups, *(self._kept(self.state) if self.state else [])]
        return _documents({**all_, "state": state})

    def _reads(self, group: str) -> Iterator[Statement]:
        members = _members(group)
        if looks := _sorted(action for kind in members for action in kind.look):
            yield allow(looks, ANY)
        yield from self._named((kind.arns(self.scope), kind.read) for kind in members)

    def _writes(self, group: str) -> Iterator[Statement]:
        members = _members(group)
        yield from self._tagged([kind for kind in members if kind.service in _BY_TAG])
        yield from self._named(
            (kind.arns(self.scope), [*kind.create, *kind.change])
            for kind in members
            if kind.service not in _BY_TAG
        )
        if unnamed := _sorted(action for kind in members for action in kind.unnamed):
            here = {"StringEquals": {"aws:RequestedRegion": self.scope.region}}
            yield allow(unnamed, ANY, here)
        yield from self._named(
            ((kind.arns(self.scope), kind.bounded) for kind in members),
            {"StringEquals": {"iam:PermissionsBoundary": self.boundary_arn}},
        )

    def _tagged(self, members: Sequence[Kind]) -> Iterator[Statement]:
        """A new resource brings our tags; an old one has them, also where a new one is made in
        it."""
        for service in _sorted(kind.service for kind in members):
            ours = [kind for kind in members if kind.service == service]
            arns = _sorted(arn for kind in ours for arn in kind.arns(self.scope))
            made = _sorted(action for kind in ours for action in kind.create)
            changed = _sorted(action for kind in ours for action in kind.change)
            yield from self._named(
                ((kind.new_arns(self.scope), kind.create) for kind in ours), self._brought()
            )
            yield allow(_sorted([*made, *changed, *_BY_TAG[service]]), arns, self._had())
            yield allow(_BY_TAG[service][:1], arns, self._claimed(service, made))

    def _named(
        self,
        asked: Iterable[tuple[Sequence[str], Sequence[str]]],
        condition: Condition | None = None,
    ) -> Iterator[Statement]:
        """One statement for all that is asked of the same resources."""
        by_arns: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for arns, actions in asked:
            by_arns[tuple(arns)] |= set(actions)
        for arns, found in sorted(by_arns.items()):
            if found:
                yield allow(sorted(found), arns[0] if len(arns) == 1 else arns, condition)

    def _identities(self) -> list[Statement]:
        iam = f"arn:{PARTITION}:iam::{self.scope.account}:role"
        changed = _sorted(
            action for kind in _members("identity") for action in (*kind.change, *kind.bounded)
        )
        return [
            allow(
                ["iam:PassRole"],
                f"{iam}/{self.scope.cluster}-*",
                {"StringEquals": {"iam:PassedToService": _PASSED_TO}},
            ),
            allow(
                ["iam:CreateServiceLinkedRole"],
                f"{iam}/aws-service-role/*",
                {"StringEquals": {"iam:AWSServiceName": _LINKED_TO}},
            ),
            deny([*changed, "iam:PassRole"], [f"{iam}/{name}" for name in self.roles]),
        ]

    def _lets_in(self) -> list[Statement]:
        """To the API server, by rules of the group that EKS makes. It has none of our tags, and one
        that nobody but EKS can put on anything."""
        rules = kinds()["aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"]
        its = {"StringEquals": {"aws:ResourceTag/aws:eks:cluster-name": self.scope.cluster}}
        return [allow([*rules.create, *rules.change], self.scope.ec2("security-group"), its)]

    def _launches(self) -> list[Statement]:
        """EKS asks in the name of who makes a node group whether its launch template works."""
        used = self.scope.ec2(
            "instance", "launch-template", "network-interface", "security-group", "subnet", "volume"
        )
        image = f"arn:{PARTITION}:ec2:{self.scope.region}::image/*"
        template = {"ArnLike": {"ec2:LaunchTemplate": self.scope.arn("ec2", "launch-template/*")}}
        return [allow(["ec2:RunInstances"], [*used, image], template)]

    def _services(self) -> list[Statement]:
        """What services do in the name of who tells them to: encrypt with our keys, put the
        interface of a file system into our subnets."""
        keys = {**self._had(), "Bool": {"kms:GrantIsForAWSResource": "true"}}
        interfaces = (
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:ModifyNetworkInterfaceAttribute",
        )
        return [
            allow(["kms:CreateGrant"], self.scope.arn("kms", "key/*"), keys),
            allow(
                interfaces,
                self.scope.ec2("network-interface", "security-group", "subnet"),
                {"Bool": {"aws:ViaAWSService": "true"}},
            ),
        ]

    def _kept(self, state: State) -> list[Statement]:
        arn = state.bucket.arn
        changed = _sorted(a for kind in _members("files") for a in kind.change if "s3:" in a)
        return [
            *state.write(),
            deny([*changed, "s3:DeleteObjectVersion"], [arn, f"{arn}/*"]),
        ]

    def _brought(self) -> Condition:
        return {"StringEquals": {f"aws:RequestTag/{k}": v for k, v in self.tags.items()}}

    def _had(self) -> Condition:
        return {"StringEquals": {f"aws:ResourceTag/{k}": v for k, v in self.tags.items()}}

    def _claimed(self, service: str, made: Sequence[str]) -> Condition:
        """Tags go on what is just made; where AWS does not say so, on what is nobody's yet."""
        brought = self._brought()["StringEquals"]
        if service == "ec2":
            creating = [action.partition(":")[2] for action in made]
            return {"StringEquals": {**brought, "ec2:CreateAction": creating}}
        nobodys = {f"aws:ResourceTag/{key}": "true" for key in self.tags}
        return {"StringEquals": brought, "Null": nobodys}


def _members(group: str) -> list[Kind]:
    return [kind for kind in kinds().values() if kind.service in _GROUPS[group]]


def _sorted(values: Iterable[str]) -> list[str]:
    return sorted(set(values))


def _documents(groups: Mapping[str, Sequence[Statement]]) -> Mapping[str, Document]:
    return {group: document(*statements) for group, statements in groups.items()}
