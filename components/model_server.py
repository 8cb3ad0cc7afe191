"""The servers of one version of a model: pods of their own, and how many of them."""

from __future__ import annotations

from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s

from components.model_server_args import ModelServerArgs, Scaling
from components.model_server_files import QUESTION
from components.model_server_pod import template

NODE_SECONDS: Final = 900
"""Until a node that is not there yet has joined, with an image of several gigabytes on it."""
POLLING_SECONDS: Final = 15
"""As often as what is asked is measured."""
POLLING_FAILURES: Final = 3


class ModelServer(pulumi.ComponentResource):
    service: pulumi.Output[str]
    """Name of the Service that leads to them, in their namespace."""

    def __init__(
        self, name: str, args: ModelServerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:ModelServer", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)

        def metadata(annotations: dict[str, str] | None = None) -> Any:
            return {
                "name": args.workload,
                "namespace": args.namespace,
                "labels": {**args.labels, **args.selector},
                **({"annotations": annotations} if annotations else {}),
            }

        k8s.policy.v1.PodDisruptionBudget(name, metadata=metadata(), spec=budget(args), opts=within)
        # Before the Deployment, and not waited for: it leads nowhere until a server is ready.
        service = k8s.core.v1.Service(
            name,
            metadata=metadata({"pulumi.com/skipAwait": "true"}),
            spec=service_spec(args),
            opts=within,
        )
        patience = f"{args.probes.startup_seconds + NODE_SECONDS}s"
        deployment = k8s.apps.v1.Deployment(
            name,
            metadata=metadata(None if args.waited_for else {"pulumi.com/skipAwait": "true"}),
            spec=deployment_spec(args, self._question(name, args)),
            opts=pulumi.ResourceOptions(
                parent=self,
                custom_timeouts=pulumi.CustomTimeouts(create=patience, update=patience),
            ),
        )
        if args.scaling.triggers:
            k8s.apiextensions.CustomResource(
                name,
                api_version="keda.sh/v1alpha1",
                kind="ScaledObject",
                metadata=metadata(),
                spec=scaled_object(args.workload, args.scaling),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[deployment]),
            )

        self.service = service.metadata.apply(lambda of: str(of.name))
        self.register_outputs({"service": self.service})

    def _question(self, name: str, args: ModelServerArgs) -> pulumi.Output[str] | None:
        question = args.probes.question
        if question is None:
            return None
        # Its name follows from its content, so that another question means other pods.
        kept = k8s.core.v1.ConfigMap(
            f"{name}-question",
            metadata={"namespace": args.namespace},
            data={QUESTION: question.body},
            immutable=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return kept.metadata.apply(lambda of: str(of.name))


def deployment_spec(args: ModelServerArgs, question: pulumi.Input[str] | None) -> Any:
    scaled = bool(args.scaling.triggers)
    return {
        # Where KEDA decides it is not said here, so that no update ever takes it back.
        **({} if scaled else {"replicas": args.scaling.min_replicas}),
        "selector": {"matchLabels": dict(args.selector)},
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}
            if args.spare
            else {"maxSurge": 0, "maxUnavailable": 1},
        },
        "revisionHistoryLimit": 2,
        "progressDeadlineSeconds": args.probes.startup_seconds + NODE_SECONDS,
        "template": template(args, question),
    }


def service_spec(args: ModelServerArgs) -> Any:
    return {
        "type": "ClusterIP",
        "selector": dict(args.selector),
        "ports": [
            {
                "name": name,
                "port": port,
                "targetPort": name,
                "protocol": "TCP",
                # Without it the mesh would balance calls of gRPC by connections.
                "appProtocol": "grpc" if name == "grpc" else "http",
            }
            for name, port in args.ports.items()
        ],
    }


def budget(args: ModelServerArgs) -> Any:
    """A server that is ill anyway holds up no drain of its node."""
    return {
        "maxUnavailable": 1,
        "selector": {"matchLabels": dict(args.selector)},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }


def scaled_object(workload: str, scaling: Scaling) -> dict[str, Any]:
    up, down = (
        {"stabilizationWindowSeconds": seconds}
        for seconds in (scaling.scale_up_delay_seconds, scaling.scale_down_delay_seconds)
    )
    return {
        "scaleTargetRef": {"name": workload},
        "pollingInterval": POLLING_SECONDS,
        "cooldownPeriod": scaling.scale_down_delay_seconds,
        "minReplicaCount": scaling.min_replicas,
        "maxReplicaCount": scaling.max_replicas,
        # Nobody goes away because nobody can tell how much there is to do.
        "fallback": {
            "failureThreshold": POLLING_FAILURES,
            "replicas": max(1, scaling.min_replicas),
            "behavior": "currentReplicasIfHigher",
        },
        "advanced": {
            "horizontalPodAutoscalerConfig": {"behavior": {"scaleUp": up, "scaleDown": down}}
        },
        "triggers": [
            {
                "type": "prometheus",
                "name": name,
                "metricType": "AverageValue",
                "metadata": {
                    "serverAddress": scaling.prometheus,
                    "query": trigger.query,
                    "threshold": f"{trigger.threshold:g}",
                    "ignoreNullValues": "false",
                },
            }
            for name, trigger in scaling.triggers.items()
        ],
    }
