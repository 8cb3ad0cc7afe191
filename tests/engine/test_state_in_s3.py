"""SEC-3, T12: the engine with its state in S3, as the roles of the pipeline and nobody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import boto3
import pulumi
import pytest
import yaml
from moto import settings
from moto.core.responses import ActionAuthenticatorMixin
from pulumi import automation as auto

from serving.identity.document import Document, document, written
from serving.toolchain.programs import locate
from tests.live.buckets import cloud
from tests.unit.serving.identity.documents import DOCUMENTS, REGION, STATE

pytestmark = pytest.mark.engine

DENIED: Final = r"AccessDenied|StatusCode: 403"
BUCKET: Final = STATE.bucket.arn.rpartition(":")[2]
TRUST: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "x"}, "Action": "sts:AssumeRole"}],
}
ROLES: Final[dict[str, Document]] = {
    "promotion": DOCUMENTS["promotion"],
    "preview": document(*STATE.read()),
}


class Account:
    """Of moto: first anybody may do anything, then a role only what its document says."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self._folder = folder
        self._keys = {name: self._role(name, content) for name, content in ROLES.items()}

    def become(self, role: str) -> None:
        for name, key in (
            ("AWS_ACCESS_KEY_ID", "AccessKeyId"),
            ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
            ("AWS_SESSION_TOKEN", "SessionToken"),
        ):
            self._patch.setenv(name, self._keys[role][key])
        self._patch.setattr(settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)
        self._patch.setattr(ActionAuthenticatorMixin, "request_count", 0)

    def stack(self, name: str, value: int) -> auto.Stack:
        workspace = auto.LocalWorkspace(
            work_dir=str(self._folder), program=lambda: pulumi.export("weight", value)
        )
        return auto.Stack.create_or_select(name, workspace)

    def _role(self, name: str, content: Document) -> Any:
        iam = boto3.client("iam")
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
        iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=written(content))
        arn = role["Role"]["Arn"]
        return boto3.client("sts").assume_role(RoleArn=arn, RoleSessionName="job")["Credentials"]


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    (tmp_path / "Pulumi.yaml").write_text(
        yaml.safe_dump({"name": STATE.project, "runtime": "python"}), encoding="utf-8"
    )
    with cloud() as s3, pytest.MonkeyPatch.context() as patch:
        s3.create_bucket(Bucket=BUCKET)
        endpoint = s3.meta.endpoint_url
        for name, value in {
            "PATH": f"{locate('pulumi').path.parent}:/usr/bin:/bin",
            "PULUMI_HOME": str(tmp_path / "home"),
            "PULUMI_BACKEND_URL": f"s3://{BUCKET}?endpoint={endpoint}&s3ForcePathStyle=true"
            f"&region={REGION}",
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }.items():
            patch.setenv(name, value)
        made = Account(tmp_path, patch)
        for stack in (STATE.stack, "dev"):
            made.stack(stack, 5).up()
        yield made


def test_a_promotion_moves_its_own_stack_and_no_other(account: Account) -> None:
    account.become("promotion")
    assert account.stack(STATE.stack, 10).up().outputs["weight"].value == 10
    with pytest.raises(auto.CommandError, match=DENIED):
        account.stack("dev", 10).up()
    with pytest.raises(auto.CommandError, match=DENIED):
        auto.Stack.create("prod-2", account.stack(STATE.stack, 10).workspace)
    # Says that it has removed the stack, and has been denied every deletion.
    account.stack(STATE.stack, 10).workspace.remove_stack(STATE.stack)
    assert account.stack(STATE.stack, 10).outputs()["weight"].value == 10


def test_a_preview_reads_and_writes_nothing(account: Account) -> None:
    account.become("preview")
    account.stack(STATE.stack, 10).preview()
    assert account.stack(STATE.stack, 10).outputs()["weight"].value == 5
    with pytest.raises(auto.CommandError, match=DENIED):
        account.stack(STATE.stack, 10).up()
    with pytest.raises(auto.CommandError, match=DENIED):
        account.stack("dev", 10).preview()
    assert account.stack(STATE.stack, 10).outputs()["weight"].value == 5
