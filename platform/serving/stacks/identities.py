"""Of the AWS stack, who may do what in AWS: a role for each service account that needs one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from components import cluster_autoscaler, external_secrets, load_balancer_controller
from components.cluster import Cluster
from components.irsa import Irsa, PodIdentity, ServiceAccountRole, ServiceAccountRoleArgs
from components.keys import Keys
from components.model_bucket import ModelBucket
from components.model_store import ModelStore, mount_policy
from components.secrets import Secrets
from components.vpc import Vpc
from serving.identity import logs, network, scaling, secret, storage
from serving.identity.bucket import Bucket
from serving.identity.document import Document, written
from serving.identity.lookups import lookups
from serving.identity.promotion import promotion
from serving.identity.scope import PARTITION, Scope
from serving.identity.state import State
from serving.stacks.foundation import Place

SYSTEM: Final = "kube-system"
PROMOTION: Final = "promotion"
"""Namespace, service account and role."""


def scope_of(place: Place, vpc: Vpc) -> pulumi.Output[Scope]:
    return pulumi.Output.all(place.account_id, vpc.id).apply(
        lambda known: Scope(
            region=place.settings.region, account=known[0], cluster=place.name, vpc=known[1]
        )
    )


@dataclass(frozen=True, kw_only=True)
class Identities:
    place: Place
    scope: pulumi.Output[Scope]
    through: Irsa | PodIdentity

    def role(
        self, name: str, namespace: str, service_account: str, document: pulumi.Input[str]
    ) -> ServiceAccountRole:
        """Nobody else has it: what shares a role shares what it may do."""
        return ServiceAccountRole(
            name,
            ServiceAccountRoleArgs(
                identity=self.through,
                namespace=namespace,
                service_account=service_account,
                policies={"work": document},
            ),
            self.place.opts,
        )

    def within(self, policy: Callable[[Scope], Document]) -> pulumi.Output[str]:
        """A document that depends on nothing but where the stack is."""
        return self.scope.apply(lambda scope: written(policy(scope)))

    def over(
        self,
        bucket_arn: pulumi.Input[str],
        key_arn: pulumi.Input[str],
        policy: Callable[[Bucket], Document],
    ) -> pulumi.Output[str]:
        """A document about one bucket."""
        return pulumi.Output.all(bucket_arn, key_arn).apply(
            lambda arns: written(policy(Bucket(arn=arns[0], key_arn=arns[1])))
        )


def state_of(place: Place) -> State | None:
    kept = place.settings.state
    if kept is None:
        return None
    return State(
        bucket=Bucket(arn=f"arn:{PARTITION}:s3:::{kept.bucket}", key_arn=kept.key_arn),
        project=pulumi.get_project(),
        stack=pulumi.get_stack(),
    )


def of_add_ons(
    identity: Identities, keys: Keys, store: ModelStore
) -> Mapping[str, ServiceAccountRole]:
    """Of those that EKS manages."""
    volumes = pulumi.Output.all(identity.scope, keys.arns["volumes"]).apply(
        lambda known: written(storage.ebs_csi(known[0], known[1]))
    )
    mounts = store.arn.apply(lambda arn: written(mount_policy(arn)))
    accounts = {
        "vpc-cni": (SYSTEM, "aws-node", identity.within(network.vpc_cni)),
        "ebs-csi": (SYSTEM, "ebs-csi-controller-sa", volumes),
        # The add-on gives its controller the same role. It is not let in, and asks for nothing:
        # it would make volumes, and here they are there before.
        "efs-csi": (SYSTEM, "efs-csi-node-sa", mounts),
    }
    if identity.place.settings.cluster.cloudwatch:
        insights = identity.within(logs.container_insights)
        accounts["cloudwatch"] = ("amazon-cloudwatch", "cloudwatch-agent", insights)
    return {
        name: identity.role(name, namespace, account, document)
        for name, (namespace, account, document) in accounts.items()
    }


def of_controllers(
    identity: Identities, keys: Keys, secrets: Secrets
) -> Mapping[str, ServiceAccountRole]:
    """Of those that are installed as charts, each in a namespace of its own."""
    settings = identity.place.settings
    meshed = settings.mesh.enabled
    balancing = network.load_balancer_controller if meshed else network.ingress_controller
    found = {
        "load-balancer-controller": identity.role(
            "load-balancer-controller",
            load_balancer_controller.NAMESPACE,
            load_balancer_controller.SERVICE_ACCOUNT,
            identity.within(balancing),
        )
    }
    if settings.cluster.autoscaler == "cluster-autoscaler":
        found["cluster-autoscaler"] = identity.role(
            "cluster-autoscaler",
            cluster_autoscaler.NAMESPACE,
            cluster_autoscaler.SERVICE_ACCOUNT,
            identity.within(scaling.cluster_autoscaler),
        )
    if settings.secrets:
        reads = pulumi.Output.all(secrets.arns, keys.arns["secrets"]).apply(
            lambda known: written(
                secret.external_secrets(sorted(known[0].values()), known[1], settings.region)
            )
        )
        found["external-secrets"] = identity.role(
            "external-secrets", external_secrets.NAMESPACE, external_secrets.SERVICE_ACCOUNT, reads
        )
    return found


def of_promotions(identity: Identities, models: ModelBucket) -> Mapping[str, ServiceAccountRole]:
    """Of a job in the cluster, which outlasts what GitHub lets one run."""
    place = identity.place
    state, administrators = state_of(place), place.settings.cluster.administrators.values()

    def work(known: Sequence[Any]) -> str:
        scope, arn, key_arn = known
        bucket = Bucket(arn=arn, key_arn=key_arn)
        return written(promotion(scope, bucket, state, lookups(scope, administrators)))

    known = pulumi.Output.all(identity.scope, models.arn, models.key_arn)
    return {PROMOTION: identity.role(PROMOTION, PROMOTION, PROMOTION, known.apply(work))}


def identities(place: Place, scope: pulumi.Output[Scope], cluster: Cluster) -> Identities:
    return Identities(place=place, scope=scope, through=_through(place, scope, cluster))


def _through(place: Place, scope: pulumi.Output[Scope], cluster: Cluster) -> Irsa | PodIdentity:
    if place.settings.cluster.identity == "irsa":
        return Irsa(oidc_provider_arn=cluster.oidc_provider_arn)
    arn = scope.apply(lambda known: known.cluster_arn)
    return PodIdentity(cluster_name=cluster.name, cluster_arn=arn)
