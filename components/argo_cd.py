"""What keeps the cluster as a Git repository says, for all that Pulumi does not: Argo CD."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi
import pulumi_kubernetes as k8s

from components.addon import Addon, AddonArgs, Installation
from components.charts import ARGO_CD
from components.network_policy import from_monitoring, to_api_server, to_https, within
from components.pods import RESTRICTED_POD, resources, spread
from components.surroundings import Surroundings

NAMESPACE: Final = "argocd"
METRICS_PORTS: Final = (8082, 8083, 8084, 8080)
PROJECT: Final = "platform"
API: Final = "argoproj.io/v1alpha1"


@dataclass(frozen=True, kw_only=True)
class Application:
    """One folder of the repository."""

    path: str
    namespace: str


@dataclass(frozen=True, kw_only=True)
class ArgoCdArgs:
    surroundings: Surroundings
    repository: str
    """`https://…`"""
    revision: str
    """A branch that is followed, or a tag or commit that stays."""
    applications: Mapping[str, Application] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.repository.startswith("https://"):
            raise ValueError(f"repository must be https://…, got {self.repository}")


class ArgoCd(pulumi.ComponentResource):
    namespace: pulumi.Output[str]

    def __init__(
        self, name: str, args: ArgoCdArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serving:index:ArgoCd", name, None, opts)
        around = args.surroundings

        addon = Addon(
            name,
            AddonArgs(
                surroundings=around,
                namespace=NAMESPACE,
                security="restricted",
                passes={
                    "within": within(),
                    "api-server": to_api_server(around),
                    "metrics": from_monitoring(around, *METRICS_PORTS),
                    "repository": to_https(),
                },
                releases={"argo-cd": Installation(chart=ARGO_CD, values=values(around))},
            ),
            pulumi.ResourceOptions(parent=self),
        )
        project = self._object(name, "AppProject", PROJECT, project_spec(args), [addon], addon)
        for key, application in args.applications.items():
            spec = application_spec(args.repository, args.revision, application)
            self._object(name, "Application", key, spec, [project], addon)
        self.namespace = addon.namespace
        self.register_outputs({"namespace": self.namespace})

    def _object(
        self,
        name: str,
        kind: str,
        key: str,
        spec: Mapping[str, Any],
        after: Sequence[pulumi.Resource],
        addon: Addon,
    ) -> pulumi.Resource:
        return k8s.apiextensions.CustomResource(
            f"{name}-{key}",
            api_version=API,
            kind=kind,
            metadata={"name": key, "namespace": addon.namespace},
            spec=dict(spec),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(after)),
        )


def values(around: Surroundings) -> dict[str, Any]:
    several = around.replicas > 1
    measured = {"enabled": True, "serviceMonitor": {"enabled": True}}

    def workload(cpu: str, memory: str) -> dict[str, Any]:
        return {
            "resources": {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": "1Gi"}},
            "metrics": dict(measured),
        }

    replicated = {"replicas": around.replicas, "pdb": {"enabled": several, "maxUnavailable": 1}}
    return {
        "global": {
            "nodeSelector": dict(around.node_labels),
            "topologySpreadConstraints": spread({"app.kubernetes.io/part-of": "argocd"}),
            "logging": {"format": "json"},
            "securityContext": dict(RESTRICTED_POD),
        },
        # One reconciles at a time; the others answer side by side.
        "controller": workload("250m", "512Mi"),
        "repoServer": {**workload("100m", "256Mi"), **replicated},
        "server": {**workload("50m", "256Mi"), **replicated},
        "applicationSet": {"replicas": 0, "resources": resources("10m", "128Mi")},
        "redisSecretInit": {"resources": resources("10m", "128Mi")},
        "dex": {"enabled": False},
        "notifications": {"enabled": False},
        "redis": {
            "resources": {
                "requests": {"cpu": "50m", "memory": "64Mi"},
                "limits": {"memory": "256Mi"},
            }
        },
        # Its administrator's password opens everything; whoever may reach the API server has
        # `argocd --core`.
        "configs": {"cm": {"admin.enabled": False}},
    }


def project_spec(args: ArgoCdArgs) -> dict[str, Any]:
    namespaces = sorted({each.namespace for each in args.applications.values()})
    return {
        "description": "What the repository delivers, into the namespaces that it is meant for",
        "sourceRepos": [args.repository],
        "destinations": [
            {"server": "https://kubernetes.default.svc", "namespace": namespace}
            for namespace in namespaces
        ],
        "clusterResourceWhitelist": [],
        # Quotas, policies and ways in are the platform's. A route could take the requests of
        # another tenant's host.
        "namespaceResourceBlacklist": [
            {"group": "", "kind": "LimitRange"},
            {"group": "", "kind": "ResourceQuota"},
            {"group": "elbv2.k8s.aws", "kind": "*"},
            {"group": "networking.istio.io", "kind": "*"},
            {"group": "networking.k8s.io", "kind": "Ingress"},
            {"group": "networking.k8s.io", "kind": "NetworkPolicy"},
            {"group": "rbac.authorization.k8s.io", "kind": "Role"},
            {"group": "rbac.authorization.k8s.io", "kind": "RoleBinding"},
            {"group": "security.istio.io", "kind": "*"},
        ],
    }


def application_spec(repository: str, revision: str, application: Application) -> dict[str, Any]:
    return {
        "project": PROJECT,
        "source": {"repoURL": repository, "targetRevision": revision, "path": application.path},
        "destination": {
            "server": "https://kubernetes.default.svc",
            "namespace": application.namespace,
        },
        "syncPolicy": {
            "automated": {"prune": True, "selfHeal": True},
            "syncOptions": ["ServerSideApply=true", "RespectIgnoreDifferences=true"],
        },
        # Replicas are KEDA's: healing would undo them.
        "ignoreDifferences": [
            {"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]},
        ],
    }
