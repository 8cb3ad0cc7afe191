"""Groups of nodes. The control plane is made by pulumi-eks, whose inputs are no resource's."""

from __future__ import annotations

from typing import Any, Final

from tests.replay.account import Account, Inputs, Made


def node_group(account: Account, name: str, inputs: Inputs) -> Made:
    cluster = account.cluster(inputs["clusterName"])
    given: dict[str, Any] = inputs.named(
        version="version",
        releaseVersion="releaseVersion",
        amiType="amiType",
        nodeRole="nodeRoleArn",
        subnets="subnetIds",
        instanceTypes="instanceTypes",
        capacityType="capacityType",
        launchTemplate="launchTemplate",
        scalingConfig="scalingConfig",
        updateConfig="updateConfig",
        nodeRepairConfig="nodeRepairConfig",
        labels="labels",
        taints="taints",
    )
    group = inputs.get("nodeGroupName", name)
    account.client("eks").create_nodegroup(clusterName=cluster, nodegroupName=group, **given)
    scaled = {"autoscalingGroups": [{"name": f"eks-{group}"}]}
    return f"{cluster}:{group}", {"nodeGroupName": group, "resources": [scaled]}


ENTRIES: Final = {"aws:eks/nodeGroup:NodeGroup": node_group}
