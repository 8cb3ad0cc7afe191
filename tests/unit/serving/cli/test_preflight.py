"""`serving preflight` of this repository's stacks, against an account in the same process."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws
from typer.testing import CliRunner, Result

from serving.catalog import PLATFORM
from serving.cli import app
from serving.errors import InputError
from serving.kubernetes_versions import kubernetes_versions
from serving.preflight import machine, unanswered
from serving.preflight.versions import Tool
from tests.cloud import ACCOUNT
from tests.unit.serving.preflight.accounts import Fake, error, make_spot_role, session

CHECKOUT = PLATFORM.parent
PAGE = CHECKOUT / unanswered.PAGE


def quota(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"Quota": {"QuotaName": f"Quota {asked['QuotaCode']}", "Value": 256.0}}


ANSWERS: Mapping[str, Any] = {
    "DescribeAddonVersions": {
        "addons": [
            {"addonName": name, "addonVersions": [{"addonVersion": version}]}
            for name, version in kubernetes_versions()["1.35"].add_ons.items()
        ]
    },
    "DescribeClusterVersions": {
        "clusterVersions": [{"clusterVersion": "1.35", "versionStatus": "STANDARD_SUPPORT"}]
    },
    "GetCallerIdentity": {
        "Account": ACCOUNT,
        "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/serving-deploy/alice",
    },
    "GetServiceQuota": quota,
    "ListCertificates": {
        "CertificateSummaryList": [
            {
                "CertificateArn": "arn:cert",
                "DomainName": "*.inference.example.com",
                "Status": "ISSUED",
                "Type": "AMAZON_ISSUED",
            }
        ]
    },
}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    """Where prod can be built, on a machine that can build it."""
    with mock_aws():
        fake = Fake(ANSWERS)
        iam = session().client("iam")
        for role in ("serving-deploy", "serving-break-glass"):
            iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}")
        monkeypatch.setattr(boto3, "Session", lambda: fake.session)
        monkeypatch.setattr(machine, "public_address", lambda: IPv4Address("203.0.113.7"))
        tool = Tool(version="3.259.0", where="/bin/tool")
        monkeypatch.setattr(machine, "pulumi", lambda: tool)
        monkeypatch.setattr(machine, "aws", lambda: tool)
        yield fake


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the stacks of the checkout; this machine is let in to prod's API server."""
    for file in CHECKOUT.glob("Pulumi.*.yaml"):
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    changed(tmp_path, cluster={"public_access_cidrs": ["203.0.113.7/32"]})
    return tmp_path


def changed(folder: Path, **sections: Mapping[str, Any]) -> None:
    file = folder / "Pulumi.prod.yaml"
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    for name, values in sections.items():
        section = document["config"].setdefault(f"serving:{name}", {})
        section.update(values)
    file.write_text(yaml.safe_dump(document), encoding="utf-8")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["preflight", *arguments])


def told(result: Result) -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """Findings by their check and what they are about."""
    return {(each["check"], each["about"]): each for each in json.loads(result.stdout)["findings"]}


def test_an_account_where_all_is_well_is_a_success(here: Path, account: Fake) -> None:
    result = run("-s", "prod", "--json")
    assert {each["outcome"] for each in told(result).values()} == {"pass"}
    assert result.exit_code == 0
    summary = json.loads(result.stdout)
    assert (summary["stack"], summary["region"]) == ("prod", "us-east-1")
    assert summary["outcomes"] == {"pass": len(summary["findings"]), "fail": 0, "unknown": 0}


def test_a_person_reads_a_table_and_what_to_do(here: Path, account: Fake) -> None:
    changed(here, gateway={"domain": "other.example.com"})
    result = run("-s", "prod")
    assert result.exit_code == 1
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "fail certificate *.other.example.com: ACM has no certificate in us-east-1" in lines
    assert (
        "do: aws acm request-certificate --region us-east-1 --domain-name '*.other.example.com' "
        "--validation-method DNS"
    ) in lines
    assert re.fullmatch(r"[0-9]+ pass, 1 fail", lines[-1])


def test_a_quota_that_is_too_small_is_a_failure(here: Path, account: Fake) -> None:
    account.answers["GetServiceQuota"] = lambda asked: {
        "Quota": {
            "QuotaName": "Running On-Demand G and VT instances",
            "Value": 0.0 if asked["QuotaCode"] == "L-DB2E81BA" else 256.0,
        }
    }
    result = run("-s", "prod", "--json")
    assert result.exit_code == 1
    found = told(result)[("quota", "Running On-Demand G and VT instances (L-DB2E81BA)")]
    assert (found["outcome"], found["said"]) == (
        "fail", "needs 12 to 144 vCPUs; 0 allowed, 0 taken by others",
    )  # fmt: skip


def test_what_may_not_be_asked_is_neither_a_success_nor_a_failure(
    here: Path, account: Fake
) -> None:
    account.answers["DescribeVpcs"] = error("UnauthorizedOperation")
    result = run("-s", "prod", "--json")
    assert result.exit_code == 3
    found = told(result)
    unknown = {about for about, each in found.items() if each["outcome"] == "unknown"}
    assert unknown == {("network", "10.20.0.0/16"), ("quota", "VPCs per Region")}
    assert {found[about]["said"] for about in unknown} == {"no permission for DescribeVpcs"}


def test_bad_credentials_are_one_failure_and_all_that_hangs_on_them_unknown(
    here: Path, account: Fake
) -> None:
    for name in ("GetCallerIdentity", "DescribeVpcs", "DescribeRegions", "GetServiceQuota"):
        account.answers[name] = error("ExpiredToken", "The token has expired")
    result = run("-s", "prod")
    assert result.exit_code == 1
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert ("fail credentials the caller: AWS does not take them: The token has expired") in lines
    (merged,) = [line for line in lines if "the credentials are not taken" in line]
    assert merged.startswith("unknown 8 checks region, network, quota, administrator:")


def test_without_an_answer_nobody_says_that_credentials_are_bad(here: Path, account: Fake) -> None:
    account.answers["GetCallerIdentity"] = error("InternalFailure", "broken")
    result = run("-s", "prod", "--json")
    assert result.exit_code == 3
    found = told(result)[("credentials", "the caller")]
    assert (found["outcome"], found["said"]) == (
        "unknown", "AWS answers GetCallerIdentity: broken",
    )  # fmt: skip


def test_a_type_whose_quota_is_not_known_is_no_success(here: Path, account: Fake) -> None:
    strange = {
        "kind": "gpu",
        "instance_types": ["p6.2xlarge"],
        "nodes_per_zone": {"min": 0, "max": 1},
        "capacity_type": "spot",
        "capacity": {"vcpu": 8, "memory": "32Gi", "gpus": 1, "gpu_memory": "32Gi"},
    }
    changed(here, pools={"gpu-new": strange})
    found = told(run("-s", "prod", "--json"))[("quota", "gpu-new")]
    assert (found["outcome"], found["said"]) == (
        "unknown", "which quota p6.2xlarge counts towards is not known here",
    )  # fmt: skip


def test_the_role_that_karpenters_spot_nodes_take_is_there_missing_or_not_to_be_seen(
    here: Path, account: Fake
) -> None:
    def outcome() -> tuple[int, str]:
        result = run("-s", "prod", "--json")
        return result.exit_code, told(result)[("Spot", "AWSServiceRoleForEC2Spot")]["outcome"]

    spot = {
        "kind": "cpu",
        "instance_types": ["c7i.2xlarge"],
        "nodes_per_zone": {"min": 0, "max": 1},
        "capacity_type": "spot",
    }
    changed(here, cluster={"autoscaler": "karpenter"}, pools={"cpu-spot": spot})
    assert outcome() == (1, "fail")
    make_spot_role(session())
    assert outcome() == (0, "pass")
    account.answers["GetRole"] = error("AccessDenied")
    assert outcome() == (3, "unknown")


def test_a_local_stack_has_nothing_to_be_looked_at_there(here: Path, account: Fake) -> None:
    result = run("-s", "local")
    assert (result.exit_code, result.stdout) == (
        0, "stack local has nothing in AWS: `serving doctor` looks at this machine\n",
    )  # fmt: skip
    assert account.asked == set()


def test_a_stack_that_is_not_there_is_bad_input(here: Path) -> None:
    result = run("-s", "staging")
    assert isinstance(result.exception, InputError)
    assert "there is no Pulumi.staging.yaml in" in str(result.exception)


def everything(folder: Path) -> None:
    """What is asked about only where settings or the account have it."""
    changed(
        folder,
        github={
            "repository": "octo-org/octo-repo",
            "owner_id": 123456,
            "repository_id": 456789,
            "environment": "prod",
            "promotion_environment": "prod-promotion",
        },
        pools={
            "gpu-reserved": {
                "kind": "gpu",
                "workload": "gpu",
                "instance_types": ["p5.48xlarge"],
                "zones": ["b"],
                "nodes_per_zone": {"min": 0, "max": 2},
                "capacity_type": "reservation",
                "reservation": "cr-0123456789abcdef0",
            }
        },
    )
    aws = session()
    (subnet, *_) = aws.client("ec2").describe_subnets()["Subnets"]
    aws.client("elbv2").create_load_balancer(
        Name="nlb", Type="network", Subnets=[subnet["SubnetId"]]
    )
    aws.client("ec2").run_instances(
        ImageId="ami-12345678", InstanceType="g5.xlarge", MinCount=1, MaxCount=1
    )


def test_it_asks_for_what_its_page_lists_and_changes_nothing(here: Path, account: Fake) -> None:
    everything(here)
    account.answers["DescribeCapacityReservations"] = error("InvalidCapacityReservationId.NotFound")
    account.answers["GetServiceQuota"] = error("NoSuchResourceException")
    account.answers["GetAWSDefaultServiceQuota"] = quota
    result = run("-s", "prod", "--json")
    wrong = {about[0] for about, each in told(result).items() if each["outcome"] != "pass"}
    assert wrong == {"reservation"}
    (policy,) = re.findall(r"^```json\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    (statement,) = json.loads(policy)["Statement"]
    needs_none = {"sts:GetCallerIdentity"}
    assert account.asked - needs_none == set(statement["Action"])
    assert statement["Action"] == sorted(statement["Action"])
    verbs = {
        re.sub(r"^[a-z0-9]+:(Describe|Get|List)[A-Z].*", r"\1", each) for each in account.asked
    }
    assert verbs == {"Describe", "Get", "List"}


def test_a_second_update_is_not_told_of_what_is_its_own(here: Path, account: Fake) -> None:
    """As many as are allowed, all of them the stack's."""
    tags = [{"Key": "Project", "Value": "serving"}, {"Key": "Env", "Value": "prod"}]

    def tagged(kind: str) -> list[Any]:
        return [{"ResourceType": kind, "Tags": tags}]

    ec2 = session().client("ec2")
    ec2.create_vpc(CidrBlock="10.20.0.0/16", TagSpecifications=tagged("vpc"))
    for _ in range(3):
        ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))
    ec2.run_instances(
        ImageId="ami-12345678", InstanceType="g5.12xlarge", MinCount=2, MaxCount=2,
        TagSpecifications=tagged("instance"),
    )  # fmt: skip
    allowed = {"L-0263D0A3": 3.0, "L-F678F1CE": 2.0, "L-DB2E81BA": 144.0}
    account.answers["GetServiceQuota"] = lambda asked: {
        "Quota": {"QuotaName": "it", "Value": allowed.get(asked["QuotaCode"], 256.0)}
    }
    result = run("-s", "prod", "--json")
    assert {each["outcome"] for each in told(result).values()} == {"pass"}
    assert result.exit_code == 0
