"""An account that pods run as, with the role that its annotations give it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as k8s


@dataclass(frozen=True, kw_only=True)
class ServiceAccountArgs:
    namespace: pulumi.Input[str]
    account: str
    annotations: pulumi.Input[Mapping[str, str]] = field(default_factory=dict)
    """What gives it a role in AWS."""


class ServiceAccount(pulumi.ComponentResource):
    account: pulumi.Output[str]
    """What a pod of the namespace names to run as it."""

    def __init__(
        self, name: str, args: ServiceAccountArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:ServiceAccount", name, None, opts)
        account = k8s.core.v1.ServiceAccount(
            name,
            metadata={
                "name": args.account,
                "namespace": args.namespace,
                "annotations": args.annotations,
            },
            # Nobody of them asks the API server; a role in AWS has a token of its own.
            automount_service_account_token=False,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.account = account.metadata.apply(lambda metadata: str(metadata.name))
        self.register_outputs({"account": self.account})
