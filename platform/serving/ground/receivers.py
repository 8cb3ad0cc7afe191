"""Who is told what a promotion does, as the environment names them: addresses may be secrets."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Final

from serving.promotion.events import Grafana, Receiver, Webhook

WEBHOOK: Final = "SERVING_WEBHOOK"
"""Gets each event as JSON."""
GRAFANA: Final = "SERVING_GRAFANA"
"""Its address; events become annotations on its dashboards."""
GRAFANA_TOKEN: Final = "SERVING_GRAFANA_TOKEN"  # noqa: S105  # the name of a variable


def receivers(
    tell: Callable[[str], None], environment: Mapping[str, str] = os.environ
) -> tuple[Receiver, ...]:
    """One that is named by halves is only told of: nobody's abort is to fail by it."""
    found: list[Receiver] = []
    if webhook := environment.get(WEBHOOK):
        found.append(Webhook(url=webhook))
    if grafana := environment.get(GRAFANA):
        token = environment.get(GRAFANA_TOKEN)
        if token:
            found.append(Grafana(address=grafana, token=token))
        else:
            tell(
                f"{GRAFANA} is set, but not {GRAFANA_TOKEN}, the token of a service account that "
                "may write annotations: Grafana is told nothing"
            )
    return tuple(found)
