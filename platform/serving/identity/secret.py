"""Secrets that are brought into the cluster."""

from __future__ import annotations

from collections.abc import Sequence

from serving.identity.document import Document, allow, document


def external_secrets(secret_arns: Sequence[str], key_arn: str, region: str) -> Document:
    """Read these by name; it can neither list what there is nor change it."""
    read = (
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetResourcePolicy",
        "secretsmanager:GetSecretValue",
        "secretsmanager:ListSecretVersionIds",
    )
    through = {"StringEquals": {"kms:ViaService": f"secretsmanager.{region}.amazonaws.com"}}
    return document(allow(read, secret_arns), allow(["kms:Decrypt"], key_arn, through))
