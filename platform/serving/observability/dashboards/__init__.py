"""A dashboard for each layer that can fail, from the outside in: where does it hurt?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from serving.observability.dashboard import Dashboard
from serving.observability.dashboards.machine import GPU, NODE, STORAGE
from serving.observability.dashboards.network import GATEWAY, MESH
from serving.observability.dashboards.service import SERVER, SERVICE

LAYERS: Final[Mapping[str, Dashboard]] = {
    "gateway": GATEWAY,
    "mesh": MESH,
    "service": SERVICE,
    "server": SERVER,
    "gpu": GPU,
    "node": NODE,
    "storage": STORAGE,
}
