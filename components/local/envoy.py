"""LocalEnvoy: the gateway, started on what it is told and told of changes while it runs."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.local.document import Document, DocumentArgs
from components.local.gateway_documents import GatewayDocuments, GatewayDocumentsArgs
from components.local.process import Process, ProcessArgs


@dataclass(frozen=True, kw_only=True)
class LocalEnvoyArgs:
    bootstrap: DocumentArgs
    """What only a restart can change."""
    documents: GatewayDocumentsArgs
    process: ProcessArgs


class LocalEnvoy(pulumi.ComponentResource):
    pid: pulumi.Output[int]

    def __init__(
        self, name: str, args: LocalEnvoyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:LocalEnvoy", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)
        bootstrap = Document(f"{name}-bootstrap", args.bootstrap, within)
        documents = GatewayDocuments(f"{name}-documents", args.documents, within)
        process = Process(
            name,
            args.process,
            pulumi.ResourceOptions(parent=self, depends_on=[bootstrap, documents]),
        )
        self.pid = process.pid
        self.register_outputs({"pid": self.pid})
