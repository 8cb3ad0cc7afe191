"""Secrets that pods get from Secrets Manager. Their values never pass through this program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class SecretsArgs:
    prefix: str
    """Before every name: people type them, to put a value in."""
    secrets: Mapping[str, str]
    """Name → what it holds."""
    key_arn: pulumi.Input[str]
    retain: bool = True


class Secrets(pulumi.ComponentResource):
    arns: pulumi.Output[Mapping[str, str]]

    def __init__(
        self, name: str, args: SecretsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:Secrets", name, None, opts)

        secrets = {
            key: aws.secretsmanager.Secret(
                f"{name}-{key}",
                name=f"{args.prefix}/{key}",
                description=description,
                kms_key_id=args.key_arn,
                # A name is taken for as long as its secret can come back.
                recovery_window_in_days=30 if args.retain else 0,
                opts=pulumi.ResourceOptions(parent=self, protect=args.retain),
            )
            for key, description in args.secrets.items()
        }

        self.arns = pulumi.Output.all(**{key: secret.arn for key, secret in secrets.items()})
        self.register_outputs({"arns": self.arns})
