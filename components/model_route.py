"""One model's way from the gateway to its versions, and who may go it.

Weights and copies are in the VirtualService alone: a step of a promotion changes nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s

from components.addon import CustomObject
from components.gateway import NAMESPACE
from components.model_route_args import ModelRouteArgs
from components.model_route_http import virtual_service
from components.model_route_objects import askers, body_limit, callers, destination_rule


class ModelRoute(pulumi.ComponentResource):
    host: pulumi.Output[str]
    """Where callers ask the model."""

    def __init__(
        self, name: str, args: ModelRouteArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:ModelRoute", name, None, opts)
        pods, gateway = args.namespace, NAMESPACE

        before = [
            self._object(f"{name}-callers", gateway, args.model, callers(args)),
            self._object(f"{name}-bodies", gateway, args.model, body_limit(args)),
            self._object(f"{name}-askers", pods, args.model, askers(args)),
            *(
                self._object(
                    f"{name}-{version}",
                    pods,
                    f"{args.model}-{version}",
                    destination_rule(args, version),
                )
                for version in args.versions
            ),
        ]
        route = self._object(name, pods, args.model, virtual_service(args), before)
        self.host = route.urn.apply(lambda _: args.host)
        self.register_outputs({"host": self.host})

    def _object(
        self,
        name: str,
        namespace: str,
        object_name: str,
        described: CustomObject,
        after: Sequence[pulumi.Resource] = (),
    ) -> k8s.apiextensions.CustomResource:
        return k8s.apiextensions.CustomResource(
            name,
            api_version=described.api_version,
            kind=described.kind,
            metadata={"namespace": namespace, "name": object_name},
            spec=dict(described.spec),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(after)),
        )
