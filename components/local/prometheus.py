"""LocalPrometheus: scrapes what runs here, and reads its files again when they change."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.local.document import Document, DocumentArgs
from components.local.process import Process, ProcessArgs


@dataclass(frozen=True, kw_only=True)
class LocalPrometheusArgs:
    rules: DocumentArgs
    """Recording rules and alerts."""
    configuration: DocumentArgs
    process: ProcessArgs


class LocalPrometheus(pulumi.ComponentResource):
    pid: pulumi.Output[int]

    def __init__(
        self, name: str, args: LocalPrometheusArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:LocalPrometheus", name, None, opts)
        rules = Document(f"{name}-rules", args.rules, pulumi.ResourceOptions(parent=self))
        configuration = Document(
            f"{name}-configuration",
            args.configuration,
            pulumi.ResourceOptions(parent=self, depends_on=[rules]),
        )
        process = Process(
            name,
            args.process,
            pulumi.ResourceOptions(parent=self, depends_on=[configuration]),
        )
        self.pid = process.pid
        self.register_outputs({"pid": self.pid})
