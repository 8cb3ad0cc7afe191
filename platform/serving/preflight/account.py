"""The account as AWS describes it: reads, and nothing else; every call has an end."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from ipaddress import IPv4Network
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, NoCredentialsError

from serving.preflight.instances import Reservation
from serving.preflight.people import GITHUB, Caller, Provider
from serving.preflight.place import Vpc, Zone
from serving.preflight.quota import Instance, Limit, Quota
from serving.preflight.ready import Certificate, Secret
from serving.preflight.stack import Stack
from serving.preflight.unanswered import code

Client: TypeAlias = Any

GLOBAL: Final = "us-east-1"
"""What is not of one region is answered here, also where the stack's own is not enabled."""

_CALLS: Final = Config(
    connect_timeout=5, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 3}
)


class Account:
    """Asks with the caller's credentials. May be used by several threads."""

    def __init__(self, region: str, session: boto3.Session | None = None) -> None:
        self._region = region
        self._session = session
        self._clients: dict[tuple[str, str], Client] = {}
        self._making = threading.Lock()

    def client(self, service: str, region: str | None = None) -> Client:
        wanted = (service, region or self._region)
        with self._making:
            if self._session is None:
                self._session = boto3.Session()
            if wanted not in self._clients:
                # Without this every client would look for them anew, which can take seconds.
                if self._session.get_credentials() is None:
                    raise NoCredentialsError()
                make: Any = self._session.client
                self._clients[wanted] = make(service, region_name=wanted[1], config=_CALLS)
            return self._clients[wanted]

    def caller(self) -> Caller:
        told = self.client("sts", GLOBAL).get_caller_identity()
        return Caller(arn=told["Arn"], account=told["Account"])

    def regions(self) -> Mapping[str, str]:
        told = self.client("ec2", GLOBAL).describe_regions(AllRegions=True)
        return {each["RegionName"]: each["OptInStatus"] for each in told["Regions"]}

    def zones(self) -> Mapping[str, Zone]:
        told = self.client("ec2").describe_availability_zones(
            Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}],
            AllAvailabilityZones=True,
        )
        return {
            each["ZoneName"]: Zone(id=each["ZoneId"], available=each["State"] == "available")
            for each in told["AvailabilityZones"]
        }

    def vpcs(self) -> Sequence[Vpc]:
        return [
            Vpc(
                id=each["VpcId"],
                networks=[
                    IPv4Network(block["CidrBlock"])
                    for block in each.get("CidrBlockAssociationSet", ())
                    if block["CidrBlockState"]["State"] in ("associated", "associating")
                ],
                tags=_tags(each),
            )
            for each in self._all("ec2", "describe_vpcs", "Vpcs")
        ]

    def instances(self) -> Sequence[Instance]:
        """Those that count."""
        states = {"Name": "instance-state-name", "Values": ["pending", "running"]}
        groups = self._all("ec2", "describe_instances", "Reservations", Filters=[states])
        found = [each for group in groups for each in group["Instances"]]
        vcpus = self._vcpus({each["InstanceType"] for each in found})
        return [
            Instance(
                type=each["InstanceType"],
                spot=each.get("InstanceLifecycle") == "spot",
                vcpu=vcpus[each["InstanceType"]],
                tags=_tags(each),
            )
            for each in found
        ]

    def addresses(self) -> Sequence[Mapping[str, str]]:
        """The tags of each."""
        return [_tags(each) for each in self.client("ec2").describe_addresses()["Addresses"]]

    def load_balancers(self) -> Sequence[Mapping[str, str]]:
        """The tags of each network load balancer."""
        arns = [
            each["LoadBalancerArn"]
            for each in self._all("elbv2", "describe_load_balancers", "LoadBalancers")
            if each["Type"] == "network"
        ]
        ask = self.client("elbv2").describe_tags
        told = [ask(ResourceArns=page)["TagDescriptions"] for page in _pages(arns, 20)]
        return [_tags(each) for page in told for each in page]

    def limit(self, quota: Quota) -> Limit:
        ask = {"ServiceCode": quota.service, "QuotaCode": quota.code}
        quotas = self.client("service-quotas")
        try:
            told = quotas.get_service_quota(**ask)
        except ClientError as error:
            # Never raised for this account.
            if code(error) != "NoSuchResourceException":
                raise
            told = quotas.get_aws_default_service_quota(**ask)
        return Limit(name=told["Quota"]["QuotaName"], value=int(told["Quota"]["Value"]))

    def offers(self, types: Collection[str]) -> Mapping[str, Collection[str]]:
        """Instance type → the zones that offer it."""
        found: dict[str, set[str]] = {}
        for each in self._all(
            "ec2",
            "describe_instance_type_offerings",
            "InstanceTypeOfferings",
            LocationType="availability-zone",
            Filters=[{"Name": "instance-type", "Values": sorted(types)}],
        ):
            found.setdefault(each["InstanceType"], set()).add(each["Location"])
        return found

    def reservation(self, id_: str) -> Reservation | None:
        try:
            told = self.client("ec2").describe_capacity_reservations(CapacityReservationIds=[id_])
        except ClientError as error:
            if code(error).startswith("InvalidCapacityReservationId"):
                return None
            raise
        if not told["CapacityReservations"]:
            return None
        (found,) = told["CapacityReservations"]
        return Reservation(
            type=found["InstanceType"],
            zone=found["AvailabilityZone"],
            state=found["State"],
            instances=found["TotalInstanceCount"],
        )

    def support(self, version: str) -> str | None:
        """Of a version of Kubernetes."""
        ask = self.client("eks").describe_cluster_versions
        told = ask(clusterVersions=[version], includeAll=True)["clusterVersions"]
        return str(told[0]["versionStatus"]) if told else None

    def add_ons(self, version: str) -> Mapping[str, Sequence[str]]:
        """Name → its versions for one of Kubernetes, newest first."""
        found = self._all("eks", "describe_addon_versions", "addons", kubernetesVersion=version)
        return {
            each["addonName"]: [offered["addonVersion"] for offered in each["addonVersions"]]
            for each in found
        }

    def endpoint(self, cluster: str) -> str | None:
        """The name of its API server."""
        try:
            told = self.client("eks").describe_cluster(name=cluster)
        except ClientError as error:
            if code(error) == "ResourceNotFoundException":
                return None
            raise
        return urlsplit(str(told["cluster"].get("endpoint", ""))).hostname

    def certificates(self) -> Sequence[Certificate]:
        """Those that the program's own look-up sees: with keys of RSA."""
        return [
            Certificate(
                domain=each["DomainName"],
                arn=each["CertificateArn"],
                status=each["Status"],
                type=each["Type"],
            )
            for each in self._all("acm", "list_certificates", "CertificateSummaryList")
        ]

    def has_role(self, name: str) -> bool:
        try:
            self.client("iam", GLOBAL).get_role(RoleName=name)
        except ClientError as error:
            if code(error) == "NoSuchEntity":
                return False
            raise
        return True

    def github(self, stack: Stack, account: str) -> Provider | None:
        arn = f"arn:aws:iam::{account}:oidc-provider/{GITHUB}"
        try:
            told = self.client("iam", GLOBAL).get_open_id_connect_provider(
                OpenIDConnectProviderArn=arn
            )
        except ClientError as error:
            if code(error) == "NoSuchEntity":
                return None
            raise
        return Provider(ours=stack.owns(_tags(told)))

    def secret(self, name: str) -> Secret | None:
        """Whether there is a value, and not which."""
        try:
            told = self.client("secretsmanager").describe_secret(SecretId=name)
        except ClientError as error:
            if code(error) == "ResourceNotFoundException":
                return None
            raise
        stages = told.get("VersionIdsToStages", {}).values()
        return Secret(
            has_value=any("AWSCURRENT" in each for each in stages),
            deleted="DeletedDate" in told,
            tags=_tags(told),
        )

    def _vcpus(self, types: Collection[str]) -> Mapping[str, int]:
        """By which they count, however many of them an instance has turned off."""
        ask = self.client("ec2").describe_instance_types
        told = [ask(InstanceTypes=page)["InstanceTypes"] for page in _pages(sorted(types), 100)]
        return {
            each["InstanceType"]: each["VCpuInfo"]["DefaultVCpus"] for page in told for each in page
        }

    def _all(self, service: str, ask: str, key: str, **arguments: Any) -> Iterator[Any]:
        for page in self.client(service).get_paginator(ask).paginate(**arguments):
            yield from page.get(key, ())


def _pages(names: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    """As many at once as may be asked for."""
    return (names[start : start + most] for start in range(0, len(names), most))


def _tags(described: Mapping[str, Any]) -> Mapping[str, str]:
    return {each["Key"]: each["Value"] for each in described.get("Tags", ())}
