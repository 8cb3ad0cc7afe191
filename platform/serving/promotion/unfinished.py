"""What a dead engine had begun: objects that may exist though no state knows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from pulumi import automation as auto

from serving.errors import ServingError

Find: TypeAlias = Callable[[Mapping[str, Any]], str | None]
"""The id of the object that a resource of the state describes, by its name; None if it is not."""


def settle(stack: auto.Stack, exported: auto.Deployment, find: Find) -> list[str]:
    """What is there is taken into the state, so that the next update neither repeats nor loses it.

    `exported` is the state as it was just now. Only while nobody holds the stack. Returns the URNs.
    """
    if not (exported.deployment or {}).get("pending_operations"):
        return []
    exported = stack.export_stack()  # others may have settled it, and updated, since
    deployment = dict(exported.deployment or {})
    pending = deployment.get("pending_operations") or []
    resources = list(deployment["resources"])
    known = {resource["urn"] for resource in resources}
    for operation in pending:
        resource = operation["resource"]
        if operation["type"] != "creating" or (id_ := find(resource)) is None:
            continue
        if resource["urn"] in known:
            raise ServingError(
                f"{resource['urn']}: was being replaced when its engine died, and {id_} exists; "
                "bring the state in order with `pulumi refresh`, then try again"
            )
        resources.append({**resource, "id": id_, "outputs": resource.get("inputs", {})})
        known.add(resource["urn"])
    settled = {**deployment, "resources": resources, "pending_operations": []}
    stack.import_stack(auto.Deployment(version=exported.version, deployment=settled))
    urns = [operation["resource"]["urn"] for operation in pending]
    # updates and deletions may have happened or not
    doubtful = [urn for urn in urns if urn in known]
    if doubtful:
        stack.refresh(target=doubtful)
    return urns
