"""The bucket that Pulumi keeps the state of stacks in, and promotions what they know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from serving.identity.bucket import Bucket
from serving.identity.document import Statement

_PULUMI: Final = ".pulumi"


@dataclass(frozen=True, kw_only=True)
class State:
    """Of one stack, below the names that Pulumi's S3 backend gives it."""

    bucket: Bucket
    project: str
    stack: str

    def read(self) -> list[Statement]:
        """What a preview does: it takes no lock."""
        return [
            self._listed(),
            self.bucket.objects(["s3:GetObject"], f"{_PULUMI}/meta.yaml", self._files()),
            self.bucket.key("kms:Decrypt"),
        ]

    def write(self) -> list[Statement]:
        """What an update does. Only locks are deleted, and no version of anything."""
        own = f"{self.project}/{self.stack}/*"
        history, backups = f"{_PULUMI}/history/{own}", f"{_PULUMI}/backups/{own}"
        locks = f"{_PULUMI}/locks/organization/{own}"
        return [
            self._listed(),
            self.bucket.objects(
                ["s3:GetObject"], f"{_PULUMI}/meta.yaml", self._files(), history, locks
            ),
            self.bucket.objects(["s3:PutObject"], self._files(), history, backups, locks),
            self.bucket.objects(["s3:DeleteObject"], locks),
            self.bucket.key("kms:Decrypt", "kms:GenerateDataKey"),
        ]

    def promote(self) -> list[Statement]:
        """Records are added and kept; leases change hands, and what was asked is taken down."""
        journals, leases = f"{self.promotions}/journals/*", f"{self.promotions}/leases/*"
        return [
            self.bucket.objects(["s3:GetObject", "s3:PutObject"], journals, leases),
            self.bucket.objects(["s3:PutObjectRetention"], journals),
            self.bucket.objects(["s3:DeleteObject"], leases),
        ]

    @property
    def promotions(self) -> str:
        """Where journals and leases lie."""
        return f"promotions/{self.stack}"

    def _listed(self) -> Statement:
        # Whole: asked for an object that is missing, S3 says so only to who may list it.
        return self.bucket.listed()

    def _files(self) -> str:
        """The state, the one before it, the stack's tags; the dot tells `prod` from `prod-2`."""
        return f"{_PULUMI}/stacks/{self.project}/{self.stack}.*"
