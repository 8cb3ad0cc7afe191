"""What one version's servers read and write: their volumes, and what fills them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pulumi

from components.model_server_args import FOLDER, ModelServerArgs
from components.pods import RESTRICTED_CONTAINER

QUESTION: Final = "question.json"
HELPER_STORAGE: Final = "64Mi"

WAIT: Final = """\
trap "exit 1" TERM
[ -d "$0" ] || echo "waits for $0"
until [ -d "$0" ]; do sleep 1; done
"""
"""A folder has its name only when all of it is there, so there is nothing else to look at."""


def mounts(args: ModelServerArgs) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # the pod's own
        {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108  # the pod's own
    ]
    if args.files is not None:
        found.append({"name": "models", "mountPath": FOLDER, "readOnly": True})
    if args.probes.question is not None:
        found.append({"name": "question", "mountPath": "/question", "readOnly": True})
    return [*found, *({"name": name, "mountPath": f"/{name}"} for name in args.fetched)]


def volumes(args: ModelServerArgs, question: pulumi.Input[str] | None) -> list[dict[str, Any]]:
    on_disk = {"emptyDir": {"sizeLimit": args.storage}}
    found: list[dict[str, Any]] = [
        {"name": "tmp", **on_disk},
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": args.shared_memory}},
        *({"name": name, **on_disk} for name in args.fetched),
    ]
    if args.files is not None:
        of_claim = {"claimName": args.files.name, "readOnly": True}
        found.append({"name": "models", "persistentVolumeClaim": of_claim})
    if args.probes.question is not None:
        found.append({"name": "question", "configMap": {"name": question}})
    return found


def helpers(args: ModelServerArgs) -> list[dict[str, Any]]:
    """What must be done before a server starts; the kubelet repeats what fails."""
    found = []
    if args.files is not None:
        # All of the volume: of a part of it that is not there yet the kubelet makes an empty
        # folder, which would pass for the whole.
        mount = {"name": "models", "mountPath": FOLDER, "readOnly": True}
        command = ["sh", "-c", WAIT, f"{FOLDER}/{args.files.folder}"]
        found.append(_helper("wait", args.files.image, mount, HELPER_STORAGE, command))
    for name, image in args.fetched.items():
        mount = {"name": name, "mountPath": f"/{name}"}
        found.append(_helper(f"fetch-{name}", image, mount, args.storage))
    return found


def _helper(
    name: str,
    image: str,
    mount: Mapping[str, Any],
    storage: str,
    command: Sequence[str] = (),
) -> dict[str, Any]:
    requested = {"cpu": "50m", "memory": "256Mi", "ephemeral-storage": storage}
    return {
        "name": name,
        "image": image,
        **({"command": list(command)} if command else {}),
        "resources": {
            "requests": requested,
            "limits": {key: value for key, value in requested.items() if key != "cpu"},
        },
        "securityContext": dict(RESTRICTED_CONTAINER),
        "volumeMounts": [dict(mount)],
    }
