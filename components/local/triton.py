"""LocalTriton: the servers of one version, one process each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.local.process import Process, ProcessArgs


@dataclass(frozen=True, kw_only=True)
class LocalTritonArgs:
    replicas: Mapping[str, ProcessArgs]
    """By number."""


class LocalTriton(pulumi.ComponentResource):
    pids: pulumi.Output[Mapping[str, int]]
    """Of the servers, by number."""

    def __init__(
        self, name: str, args: LocalTritonArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:LocalTriton", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)
        processes = {
            number: Process(f"{name}-{number}", process, within)
            for number, process in args.replicas.items()
        }
        pids = {number: process.pid for number, process in processes.items()}
        self.pids = pulumi.Output.all(**pids)
        self.register_outputs({"pids": self.pids})
