"""What takes nodes with broken GPUs out of use, and back in when they are sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgsDict

from components.addon import Addon, AddonArgs
from components.network_policy import out_to, pods_of, to_api_server
from components.pods import RESTRICTED_POD
from components.python_program import container, volumes
from components.surroundings import Surroundings

NAMESPACE: Final = "node-health"
NAME: Final = "quarantine"
PROMETHEUS_PORT: Final = 9090
USER: Final = 65534

RULES: Final[list[PolicyRuleArgsDict]] = [
    {"api_groups": [""], "resources": ["nodes"], "verbs": ["list", "patch"]},
]


@dataclass(frozen=True, kw_only=True)
class NodeHealthArgs:
    surroundings: Surroundings
    script: str
    """A Python program that needs nothing but Python."""
    rule: str
    """Recorded by Prometheus, by node: 1 while it must not be used, 0 while it is sound."""


class NodeHealth(pulumi.ComponentResource):
    namespace: pulumi.Output[str]

    def __init__(
        self, name: str, args: NodeHealthArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:NodeHealth", name, None, opts)
        within = pulumi.ResourceOptions(parent=self)
        around = args.surroundings

        addon = Addon(
            name,
            AddonArgs(
                surroundings=around,
                namespace=NAMESPACE,
                security="restricted",
                passes={
                    "api-server": to_api_server(around),
                    "metrics": out_to(
                        pods_of(around.monitoring_namespace), ports=[PROMETHEUS_PORT]
                    ),
                },
                releases={},
            ),
            within,
        )

        def metadata() -> Any:
            return {"name": NAME, "namespace": addon.namespace}

        account = k8s.core.v1.ServiceAccount(
            name,
            metadata=metadata(),
            automount_service_account_token=False,
            opts=within,
        )
        role = k8s.rbac.v1.ClusterRole(name, metadata={"name": NAME}, rules=RULES, opts=within)
        binding = k8s.rbac.v1.ClusterRoleBinding(
            name,
            metadata={"name": NAME},
            role_ref={
                "api_group": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": NAME,
            },
            subjects=[{"kind": "ServiceAccount", "name": NAME, "namespace": addon.namespace}],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role]),
        )
        # Its name follows from its content, so that another script means other pods.
        script = k8s.core.v1.ConfigMap(
            name,
            metadata={"namespace": addon.namespace},
            data={"quarantine.py": args.script},
            immutable=True,
            opts=within,
        )
        k8s.apps.v1.Deployment(
            name,
            metadata=metadata(),
            spec=deployment(args, script.metadata.apply(lambda of: str(of.name))),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[account, binding, addon]),
        )
        self.namespace = addon.namespace
        self.register_outputs({"namespace": self.namespace})


def deployment(args: NodeHealthArgs, script: pulumi.Input[str]) -> Any:
    around = args.surroundings
    labels = {"app.kubernetes.io/name": NAME}
    host = f"kube-prometheus-stack-prometheus.{around.monitoring_namespace}.svc"
    env = {"PROMETHEUS": f"http://{host}:{PROMETHEUS_PORT}", "RULE": args.rule}
    return {
        "replicas": 1,
        # Two of them would only be in each other's way.
        "strategy": {"type": "Recreate"},
        "selector": {"match_labels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "service_account_name": NAME,
                "automount_service_account_token": True,
                "node_selector": dict(around.node_labels),
                "security_context": {
                    "run_as_non_root": True,
                    "run_as_user": USER,
                    "seccomp_profile": RESTRICTED_POD["seccompProfile"],
                },
                "containers": [container(NAME, "quarantine.py", around, env)],
                "volumes": volumes(script),
            },
        },
    }
