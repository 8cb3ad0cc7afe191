"""A Python program that needs nothing but Python, as a container; its text is in a ConfigMap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from components.images import PYTHON
from components.pods import RESTRICTED_CONTAINER, resources
from components.surroundings import Surroundings


def container(
    name: str,
    file: str,
    around: Surroundings,
    env: Mapping[str, str],
    mounts: Mapping[str, bool] | None = None,
) -> dict[str, Any]:
    """The program touches the file in `ALIVE` while it works, and says with `--alive` whether it
    does. `mounts`: volume → whether it is written to; each lies at a folder of its name."""
    program = ["python", f"/program/{file}"]
    mounted = {"program": False, **(mounts or {}), "scratch": True}
    return {
        "name": name,
        "image": PYTHON.reference(around.digests),
        "command": program,
        "env": [
            {"name": key, "value": value}
            for key, value in {**env, "ALIVE": "/scratch/alive"}.items()
        ],
        "liveness_probe": {
            "exec_": {"command": [*program, "--alive"]},
            "initial_delay_seconds": 60,
            "period_seconds": 60,
            "timeout_seconds": 5,
        },
        "resources": resources("10m", "64Mi"),
        "security_context": {
            "allow_privilege_escalation": False,
            "capabilities": RESTRICTED_CONTAINER["capabilities"],
            "read_only_root_filesystem": True,
        },
        "volume_mounts": [
            {"name": volume, "mount_path": f"/{volume}"} | ({} if written else {"read_only": True})
            for volume, written in mounted.items()
        ],
    }


def volumes(config_map: pulumi.Input[str]) -> list[dict[str, Any]]:
    return [
        {"name": "program", "config_map": {"name": config_map}},
        {"name": "scratch", "empty_dir": {"size_limit": "1Mi"}},
    ]
