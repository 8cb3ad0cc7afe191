"""Who may tell people."""

from __future__ import annotations

from serving.identity.document import Document, allow, document


def alertmanager(topic_arn: str) -> Document:
    return document(allow(["sns:Publish"], topic_arn))
