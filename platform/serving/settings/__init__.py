"""A stack's configuration: `serving:*` of `Pulumi.<stack>.yaml`."""

from __future__ import annotations

from serving.settings.aws import AwsSettings
from serving.settings.local import LocalSettings
from serving.settings.parsing import parse
from serving.settings.stack import Release, Settings

__all__ = ["AwsSettings", "LocalSettings", "Release", "Settings", "parse"]
