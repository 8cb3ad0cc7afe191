"""Where models, images, logs and keys lie: who reaches them, and that they are not lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from serving_policies.cluster import CLUSTER
from serving_policies.documents import anyone, denies_plain_text, read
from serving_policies.rule import (
    Context,
    Finding,
    Level,
    Resource,
    Rule,
    belonging,
    differing,
    lacking,
)
from serving_policies.values import Props

FILE_SYSTEM: Final = "aws:efs/fileSystem:FileSystem"
FILE_SYSTEM_POLICY: Final = "aws:efs/fileSystemPolicy:FileSystemPolicy"
MOUNTING: Final = tuple(
    f"elasticfilesystem:Client{what}" for what in ("Mount", "Write", "RootAccess")
)

BUCKET: Final = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
BUCKET_POLICY: Final = ("aws:s3/bucketPolicy:BucketPolicy",)
PUBLIC_BLOCK: Final = ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",)
VERSIONING: Final = (
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:s3/bucketVersioningV2:BucketVersioningV2",
)
"""The provider has had two names for the same thing."""
SWITCHES: Final = (
    "blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets",
)  # fmt: skip
TOUCHING: Final = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket")

KEY: Final = "aws:kms/key:Key"
KEY_POLICY: Final = "aws:kms/keyPolicy:KeyPolicy"
CALLERS: Final = ("kms:ViaService", "kms:CallerAccount")
REPOSITORY: Final = "aws:ecr/repository:Repository"
TEMPLATE: Final = "aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate"


def _encrypted(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    return differing(props, "encrypted", True, "true")


def _mounted_over_tls(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    policies = belonging(ctx, props, "fileSystemId", FILE_SYSTEM_POLICY)
    if not policies:
        value = lacking(ctx, props, "fileSystemId", FILE_SYSTEM_POLICY)
        yield Finding(path="its policy", value=value, must_be="one that asks for TLS")
    for policy in policies:
        yield from _tls_only(policy, MOUNTING)
        for statement in read(policy.props, "policy")[0]:
            if statement.allows and anyone(statement) and not statement.conditions:
                path = f"'{policy.name}'.{statement.path}.Principal"
                value = statement.said.get("Principal", statement.said.get("NotPrincipal"))
                yield Finding(path=path, value=value, must_be="somebody whom IAM knows")


def _tls_only(policy: Resource, actions: tuple[str, ...]) -> Iterator[Finding]:
    found, wrong = read(policy.props, "policy")
    for each in wrong:
        yield Finding(path=f"'{policy.name}'.{each.path}", value=each.value, must_be=each.must_be)
    if not wrong and not denies_plain_text(found, actions):
        must_be = f"a Deny of {', '.join(actions)} for everybody without aws:SecureTransport"
        value = [each.said.get("Sid", "?") for each in found]
        yield Finding(path=f"'{policy.name}'.policy.Statement", value=value, must_be=must_be)


def _bucket_tls(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    policies = belonging(ctx, props, "bucket", *BUCKET_POLICY)
    if not policies:
        value = lacking(ctx, props, "bucket", *BUCKET_POLICY)
        yield Finding(path="its bucket policy", value=value, must_be="one that asks for TLS")
    for policy in policies:
        yield from _tls_only(policy, TOUCHING)


def _not_public(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    blocks = belonging(ctx, props, "bucket", *PUBLIC_BLOCK)
    if not blocks:
        value = lacking(ctx, props, "bucket", *PUBLIC_BLOCK)
        yield Finding(path="its public access block", value=value, must_be="all four switches on")
    for block in blocks:
        for switch in SWITCHES:
            for each in differing(block.props, switch, True, "true"):
                path = f"'{block.name}'.{each.path}"
                yield Finding(path=path, value=each.value, must_be=each.must_be)


def _versioned(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    found = belonging(ctx, props, "bucket", *VERSIONING)
    if not found:
        value = lacking(ctx, props, "bucket", *VERSIONING)
        yield Finding(path="its versioning", value=value, must_be="Enabled")
    for each in found:
        path = "versioningConfiguration.status"
        for wrong in differing(each.props, path, "Enabled", "Enabled"):
            yield Finding(path=f"'{each.name}'.{path}", value=wrong.value, must_be="Enabled")


def _nobody_in_particular(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    found, wrong = read(props, "policy")
    yield from wrong
    for statement in found:
        bounded = any(
            operator.startswith("StringEquals") and key.lower() == wanted.lower()
            for operator, key, _ in statement.conditions
            for wanted in CALLERS
        )
        if statement.allows and anyone(statement) and not bounded:
            must_be = f"named, or bound by {' or '.join(CALLERS)}"
            value = statement.said.get("Principal", "everybody but some")
            yield Finding(path=f"{statement.path}.Principal", value=value, must_be=must_be)


def _immutable(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    return differing(props, "imageTagMutability", "IMMUTABLE", "IMMUTABLE")


def _protected(kind: str, props: Props, ctx: Context) -> Iterator[Finding]:
    if not ctx.protect:
        yield Finding(path="opts.protect", value=False, must_be="true")


RULES: Final = (
    Rule(
        id="efs-encrypted",
        level=Level.EVERYWHERE,
        kinds=(FILE_SYSTEM,),
        holds="File systems are encrypted.",
        risk="It cannot be turned on later: all models would have to move to another one.",
        fix="set encrypted to true",
        source="EFS.1, EFS.8, CKV_AWS_42",
        check=_encrypted,
    ),
    Rule(
        id="efs-tls-only",
        level=Level.EVERYWHERE,
        stack=True,
        kinds=(FILE_SYSTEM,),
        holds="A file system is mounted over TLS, and by nobody whom IAM does not know.",
        risk="Without a policy everybody in the network mounts it, and writes what servers run.",
        fix="give it an aws.efs.FileSystemPolicy as components/model_store.py does",
        source="Amazon EFS user guide: resource-based policies",
        check=_mounted_over_tls,
    ),
    Rule(
        id="s3-public-block",
        level=Level.EVERYWHERE,
        stack=True,
        kinds=BUCKET,
        holds="No bucket can be made public, by whatever policy or ACL.",
        risk="Weights, logs and audit records of everybody, found by scanners within hours.",
        fix="give it an aws.s3.BucketPublicAccessBlock with all four switches on",
        source="S3.8, CKV_AWS_53 to 56",
        check=_not_public,
    ),
    Rule(
        id="s3-tls-only",
        level=Level.EVERYWHERE,
        stack=True,
        kinds=BUCKET,
        holds="Buckets talk over TLS alone.",
        risk="What is read or written over plain HTTP can be read and changed on its way.",
        fix="deny aws:SecureTransport=false in its policy as components/bucket.py does",
        source="S3.5, CKV_AWS_379",
        check=_bucket_tls,
    ),
    Rule(
        id="s3-versioned",
        level=Level.EVERYWHERE,
        stack=True,
        kinds=BUCKET,
        holds="Buckets keep what is overwritten or deleted.",
        risk="One wrong command is the end of a model, and of every way back to it.",
        fix="give it an aws.s3.BucketVersioning that is Enabled",
        source="CKV_AWS_21",
        check=_versioned,
    ),
    Rule(
        id="kms-no-star-principal",
        level=Level.EVERYWHERE,
        kinds=(KEY, KEY_POLICY),
        holds="Keys name who may use them.",
        risk="Everybody, of every account, who finds encrypted data can decrypt it.",
        fix="name the account's root, or bind everybody by kms:CallerAccount or kms:ViaService",
        source="KMS.5, CKV_AWS_33",
        check=_nobody_in_particular,
    ),
    Rule(
        id="ecr-immutable",
        level=Level.EVERYWHERE,
        kinds=(REPOSITORY, TEMPLATE),
        holds="Tags of images never move.",
        risk="Whoever can push once changes what every node runs at its next pull.",
        fix="set imageTagMutability to IMMUTABLE",
        source="ECR.2, CKV_AWS_51",
        check=_immutable,
    ),
    Rule(
        id="stateful-protected",
        level=Level.IN_PRODUCTION,
        kinds=(CLUSTER, FILE_SYSTEM, KEY, *BUCKET),
        holds="In production, what cannot be made again is protected from deletion.",
        risk="A renamed resource or a `destroy` in the wrong terminal takes models and keys along.",
        fix="set opts.protect (serving:retain is what does it)",
        source="own",
        check=_protected,
    ),
)
