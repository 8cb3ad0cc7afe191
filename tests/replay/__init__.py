"""A stack's AWS inputs, asked of moto: what the mock engine registers becomes calls of boto3.

moto checks what AWS checks as far as it knows a service, boto3 that every argument is one that
the service takes. `Replay().created` goes to `synthesise`, inside `mock_aws`. What a resource's
entry does not read was not sent, which is an error; so is a type of a service that is replayed but
has no entry. A new type gets an entry in the module of its service.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from tests.cloud import created
from tests.replay import ec2, ecr, efs, eks, iam, kms, s3, sqs, watching
from tests.replay.account import Account, Inputs, Made

Entry: TypeAlias = Callable[[Account, str, Inputs], Made]

ENTRIES: Final[Mapping[str, Entry]] = {
    **ec2.ENTRIES,
    **ecr.ENTRIES,
    **efs.ENTRIES,
    **eks.ENTRIES,
    **iam.ENTRIES,
    **kms.ENTRIES,
    **s3.ENTRIES,
    **sqs.ENTRIES,
    **watching.ENTRIES,
}

NOT_IN_MOTO: Final = frozenset(
    {
        "aws:ecr/pullThroughCacheRule:PullThroughCacheRule",
        "aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate",
        "aws:eks/accessEntry:AccessEntry",
        "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
        "aws:eks/addon:Addon",
        "aws:eks/podIdentityAssociation:PodIdentityAssociation",
    }
)

SERVICES: Final = frozenset(type_.partition("/")[0] for type_ in ENTRIES)


class Replay:
    def __init__(self, region: str = "us-east-1") -> None:
        self.account = Account(region)
        self.asked: list[str] = []
        """The type of each resource that was asked for."""
        self.refused: list[str] = []
        self._one_at_a_time = threading.Lock()

    def created(
        self, type_: str, name: str, inputs: Mapping[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        entry = ENTRIES.get(type_)
        if entry is None:
            if type_.partition("/")[0] in SERVICES and type_ not in NOT_IN_MOTO:
                raise LookupError(f"no entry for {type_} in {__name__}")
            return created(type_, name, inputs)
        given = Inputs(inputs)
        with self._one_at_a_time:
            try:
                id_, outputs = entry(self.account, name, given)
            except Exception as error:
                self.refused.append(f"{type_} {name}: {error}")
                raise
            self.asked.append(type_)
        if unread := given.unread():
            raise LookupError(f"{type_} {name}: {', '.join(unread)} was not sent to AWS")
        return id_, {**inputs, **outputs}
