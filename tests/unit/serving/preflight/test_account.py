"""What AWS says, as facts: on moto where it has the service, on recorded answers elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Network
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.stub import Stubber
from moto import mock_aws

from serving.preflight import quota
from serving.preflight.account import Account
from serving.preflight.instances import SPOT_ROLE, Reservation
from serving.preflight.people import Provider
from serving.preflight.quota import Instance, Limit
from serving.preflight.ready import Secret
from tests.cloud import ACCOUNT
from tests.unit.serving.preflight.accounts import REGION, make_spot_role, session
from tests.unit.serving.preflight.prepared import OURS, stack

TAGS = [{"Key": key, "Value": value} for key, value in OURS.items()]


@pytest.fixture
def aws() -> Iterator[boto3.Session]:
    with mock_aws():
        yield session()


@pytest.fixture
def account(aws: boto3.Session) -> Account:
    return Account(REGION, aws)


def test_who_calls(account: Account) -> None:
    found = account.caller()
    assert (found.account, found.arn, found.role) == (
        ACCOUNT, f"arn:aws:sts::{ACCOUNT}:user/moto", None,
    )  # fmt: skip


def test_a_role_is_known_by_its_name(account: Account, aws: boto3.Session) -> None:
    role = aws.client("iam").create_role(
        RoleName="serving-deploy", Path="/people/", AssumeRolePolicyDocument="{}"
    )
    assert account.has_role("serving-deploy")
    assert not account.has_role("serving-other")
    lent = aws.client("sts").assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="alice")
    keys = lent["Credentials"]
    his = session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    assert Account(REGION, his).caller().role == "serving-deploy"


def test_the_role_that_spot_takes_is_known_once_it_is_made(
    account: Account, aws: boto3.Session
) -> None:
    assert not account.has_role(SPOT_ROLE)
    make_spot_role(aws)
    assert account.has_role(SPOT_ROLE)


def test_regions_and_how_the_account_stands_to_them(account: Account) -> None:
    found = account.regions()
    assert (found["us-east-1"], found["ap-east-1"]) == ("opt-in-not-required", "not-opted-in")


def test_a_region_that_is_not_enabled_is_asked_for_elsewhere(aws: boto3.Session) -> None:
    account = Account("ap-east-1", aws)
    assert account.client("ec2", "us-east-1").meta.region_name == "us-east-1"
    assert account.regions()["ap-east-1"] == "not-opted-in"


def test_zones_and_their_ids(account: Account) -> None:
    found = account.zones()
    assert found["us-east-1a"].id == "use1-az6"
    assert found["us-east-1e"].id == "use1-az3"
    assert found["us-east-1a"].available


def test_networks_of_vpcs_with_those_that_came_later(account: Account, aws: boto3.Session) -> None:
    ec2 = aws.client("ec2")
    id_ = ec2.create_vpc(
        CidrBlock="10.30.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": TAGS}]
    )["Vpc"]["VpcId"]
    ec2.associate_vpc_cidr_block(VpcId=id_, CidrBlock="10.31.0.0/16")
    (found,) = [each for each in account.vpcs() if each.id == id_]
    assert found.networks == [IPv4Network("10.30.0.0/16"), IPv4Network("10.31.0.0/16")]
    assert stack().owns(found.tags)


def test_instances_count_while_they_run(account: Account, aws: boto3.Session) -> None:
    ec2 = aws.client("ec2")
    one = {"ImageId": "ami-12345678", "MinCount": 1, "MaxCount": 1}
    ec2.run_instances(
        **one,
        InstanceType="g5.12xlarge",
        TagSpecifications=[{"ResourceType": "instance", "Tags": TAGS}],
    )
    gone = ec2.run_instances(**one, InstanceType="m5.large")["Instances"][0]["InstanceId"]
    ec2.terminate_instances(InstanceIds=[gone])
    assert account.instances() == [Instance(type="g5.12xlarge", spot=False, vcpu=48, tags=OURS)]


def test_addresses_that_are_allocated(account: Account, aws: boto3.Session) -> None:
    ec2 = aws.client("ec2")
    ec2.allocate_address(Domain="vpc")
    ec2.allocate_address(
        Domain="vpc", TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": TAGS}]
    )
    assert sorted(map(len, account.addresses())) == [0, 2]


def test_network_load_balancers_and_whose_they_are(account: Account, aws: boto3.Session) -> None:
    (subnet, *_) = aws.client("ec2").describe_subnets()["Subnets"]
    elb = aws.client("elbv2")
    for number in range(21):
        tags = TAGS if number == 20 else [{"Key": "a", "Value": "b"}]
        elb.create_load_balancer(
            Name=f"nlb-{number}", Type="network", Subnets=[subnet["SubnetId"]], Tags=tags
        )
    elb.create_load_balancer(Name="alb", Type="application", Subnets=[subnet["SubnetId"]])
    found = account.load_balancers()
    assert len(found) == 21
    assert [each for each in found if stack().owns(each)] == [OURS]


def test_zones_that_offer_a_type(account: Account) -> None:
    found = account.offers({"g5.12xlarge", "nothing.large"})
    assert found.keys() == {"g5.12xlarge"}
    assert "us-east-1a" in found["g5.12xlarge"]
    assert "us-east-1e" not in found["g5.12xlarge"]


def test_a_cluster_that_is_not_there_has_no_endpoint(account: Account, aws: boto3.Session) -> None:
    assert account.endpoint("serving-prod") is None
    aws.client("eks").create_cluster(
        name="serving-prod", roleArn=f"arn:aws:iam::{ACCOUNT}:role/eks", resourcesVpcConfig={}
    )
    found = account.endpoint("serving-prod")
    assert found is not None
    assert found.endswith(".us-east-1.eks.amazonaws.com")


def test_certificates_and_their_state(account: Account, aws: boto3.Session) -> None:
    acm = aws.client("acm")
    acm.request_certificate(DomainName="*.inference.example.com", ValidationMethod="DNS")
    (found,) = account.certificates()
    assert (found.domain, found.status, found.type) == (
        "*.inference.example.com", "PENDING_VALIDATION", "AMAZON_ISSUED",
    )  # fmt: skip


def test_secrets_with_and_without_a_value(account: Account, aws: boto3.Session) -> None:
    manager = aws.client("secretsmanager")
    assert account.secret("serving-prod/grafana") is None
    manager.create_secret(Name="serving-prod/grafana", Tags=TAGS)
    empty = Secret(has_value=False, deleted=False, tags=OURS)
    assert account.secret("serving-prod/grafana") == empty
    manager.put_secret_value(SecretId="serving-prod/grafana", SecretString="word")
    filled = Secret(has_value=True, deleted=False, tags=OURS)
    assert account.secret("serving-prod/grafana") == filled
    manager.delete_secret(SecretId="serving-prod/grafana")
    gone = account.secret("serving-prod/grafana")
    assert gone is not None
    assert gone.deleted


def test_the_provider_for_github_and_whose_it_is(account: Account, aws: boto3.Session) -> None:
    assert account.github(stack(), ACCOUNT) is None
    iam = aws.client("iam")
    iam.create_open_id_connect_provider(
        Url="https://token.actions.githubusercontent.com", ThumbprintList=["0" * 40]
    )
    assert account.github(stack(), ACCOUNT) == Provider(ours=False)
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
    iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=arn, Tags=TAGS)
    assert account.github(stack(), ACCOUNT) == Provider(ours=True)


def test_without_credentials_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = session()
    looked: list[int] = []
    monkeypatch.setattr(nobody, "get_credentials", lambda: looked.append(1))
    with pytest.raises(NoCredentialsError):
        Account(REGION, nobody).caller()
    assert looked == [1]


def test_every_call_has_an_end(account: Account) -> None:
    config = account.client("ec2").meta.config
    assert (config.connect_timeout, config.read_timeout) == (5, 15)
    assert config.retries["total_max_attempts"] == 3


def stubbed(service: str) -> tuple[Account, Stubber]:
    account = Account(REGION, session())
    return account, Stubber(account.client(service))


ASKED = {"ServiceCode": "ec2", "QuotaCode": "L-DB2E81BA"}
QUOTA = {"QuotaName": "Running On-Demand G and VT instances", "Value": 64.0}


def test_a_quota_that_was_raised_is_the_accounts() -> None:
    account, stubber = stubbed("service-quotas")
    stubber.add_response("get_service_quota", {"Quota": QUOTA}, ASKED)
    with stubber:
        found = account.limit(quota.ON_DEMAND_G)
    assert found == Limit(name="Running On-Demand G and VT instances", value=64)


def test_a_quota_that_was_never_raised_is_that_of_all() -> None:
    account, stubber = stubbed("service-quotas")
    stubber.add_client_error("get_service_quota", "NoSuchResourceException")
    stubber.add_response("get_aws_default_service_quota", {"Quota": {**QUOTA, "Value": 0.0}}, ASKED)
    with stubber:
        assert account.limit(quota.ON_DEMAND_G).value == 0


def test_a_quota_that_may_not_be_read_is_no_quota_of_none() -> None:
    account, stubber = stubbed("service-quotas")
    stubber.add_client_error("get_service_quota", "AccessDeniedException")
    with stubber, pytest.raises(ClientError, match="AccessDenied"):
        account.limit(quota.ON_DEMAND_G)


@pytest.mark.parametrize("status", ["STANDARD_SUPPORT", "EXTENDED_SUPPORT"])
def test_how_eks_supports_a_version(status: str) -> None:
    account, stubber = stubbed("eks")
    told = {"clusterVersions": [{"clusterVersion": "1.35", "versionStatus": status}]}
    stubber.add_response(
        "describe_cluster_versions", told, {"clusterVersions": ["1.35"], "includeAll": True}
    )
    with stubber:
        assert account.support("1.35") == status


def test_a_version_that_eks_does_not_know() -> None:
    account, stubber = stubbed("eks")
    stubber.add_response("describe_cluster_versions", {"clusterVersions": []})
    with stubber:
        assert account.support("1.99") is None


def test_versions_of_add_ons_over_all_pages() -> None:
    def page(name: str, *offered: str) -> dict[str, Any]:
        return {"addonName": name, "addonVersions": [{"addonVersion": each} for each in offered]}

    account, stubber = stubbed("eks")
    asked = {"kubernetesVersion": "1.35"}
    first = {"addons": [page("vpc-cni", "v2", "v1")], "nextToken": "more"}
    stubber.add_response("describe_addon_versions", first, asked)
    second = {"addons": [page("coredns", "v3")]}
    stubber.add_response("describe_addon_versions", second, {**asked, "nextToken": "more"})
    with stubber:
        assert account.add_ons("1.35") == {"vpc-cni": ["v2", "v1"], "coredns": ["v3"]}


ID = "cr-0123456789abcdef0"


def test_a_reservation_as_ec2_has_it() -> None:
    account, stubber = stubbed("ec2")
    told = {
        "CapacityReservationId": ID,
        "InstanceType": "p5.48xlarge",
        "AvailabilityZone": "us-east-1b",
        "State": "active",
        "TotalInstanceCount": 2,
        "EndDate": datetime(2027, 1, 1, tzinfo=UTC),
    }
    stubber.add_response(
        "describe_capacity_reservations",
        {"CapacityReservations": [told]},
        {"CapacityReservationIds": [ID]},
    )
    with stubber:
        found = account.reservation(ID)
    assert found == Reservation(type="p5.48xlarge", zone="us-east-1b", state="active", instances=2)


def test_a_reservation_that_ec2_does_not_know() -> None:
    account, stubber = stubbed("ec2")
    stubber.add_client_error(
        "describe_capacity_reservations", "InvalidCapacityReservationId.NotFound"
    )
    with stubber:
        assert account.reservation(ID) is None


def test_a_reservation_of_which_ec2_says_nothing() -> None:
    account, stubber = stubbed("ec2")
    stubber.add_response("describe_capacity_reservations", {"CapacityReservations": []})
    with stubber:
        assert account.reservation(ID) is None


@pytest.mark.parametrize(
    ("service", "operation", "ask"),
    [
        ("ec2", "describe_capacity_reservations", lambda account: account.reservation(ID)),
        ("eks", "describe_cluster", lambda account: account.endpoint("serving-prod")),
        ("secretsmanager", "describe_secret", lambda account: account.secret("a")),
    ],
)
def test_what_may_not_be_read_is_never_taken_for_missing(
    service: str, operation: str, ask: Any
) -> None:
    account, stubber = stubbed(service)
    stubber.add_client_error(operation, "AccessDeniedException")
    with stubber, pytest.raises(ClientError, match="AccessDenied"):
        ask(account)


def test_roles_that_may_not_be_read_are_not_missing_either() -> None:
    account = Account(REGION, session())
    stubber = Stubber(account.client("iam", "us-east-1"))
    stubber.add_client_error("get_role", "AccessDenied")
    stubber.add_client_error("get_open_id_connect_provider", "AccessDenied")
    with stubber:
        with pytest.raises(ClientError, match="AccessDenied"):
            account.has_role("serving-deploy")
        with pytest.raises(ClientError, match="AccessDenied"):
            account.github(stack(), ACCOUNT)
