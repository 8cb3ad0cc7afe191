"""What promotions stand on where the stack is processes of this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from serving.contract.model import ModelContract
from serving.errors import InputError
from serving.ground.receivers import receivers
from serving.local.control import selected
from serving.local.project import Project
from serving.promotion.envoy_route import EnvoyRoute
from serving.promotion.gateway import envoy
from serving.promotion.ground import Endpoint, Ground
from serving.registry.folder_store import FolderStore
from serving.registry.published import as_published
from serving.registry.verify import find, verify
from serving.settings import LocalSettings
from serving.stacks.local import triton
from serving.stacks.local.place import ADDRESS, Place, place_of
from serving.stacks.local.ports import known_ports
from serving.stacks.local.prometheus import SCRAPE_SECONDS
from serving.stacks.local.status import addresses

WINDOW_SECONDS = 3.0


def ground(project: Project, settings: LocalSettings, tell: Callable[[str], None]) -> Ground:
    place = place_of(project.stack)
    known, versions = addresses(place), _Versions(project, settings.replicas, place)
    return Ground(
        stack=selected(place, project, tell),
        file=project.file,
        route=EnvoyRoute(known.gateway_admin, place.envoy / "routes.json"),
        prometheus=known.prometheus,
        gateway=envoy,
        scrape_seconds=SCRAPE_SECONDS,
        window_seconds=WINDOW_SECONDS,
        journals=str(place.promotions),
        leases=str(place.leases),
        config_digest=project.digest,
        contract=versions.contract,
        published=versions.published,
        verify=versions.verify,
        endpoints=versions.endpoints,
        receivers=receivers(tell),
    )


class _Versions:
    def __init__(self, project: Project, replicas: Mapping[str, int], place: Place) -> None:
        self._project = project
        self._replicas = replicas
        self._place = place
        self._store = FolderStore(place.store)

    def contract(self, model: str) -> ModelContract:
        models = self._project.catalog().models
        if model not in models:
            raise InputError(f"{model}: is no model, expected one of {', '.join(sorted(models))}")
        return models[model]

    def published(self, model: str, version: int) -> ModelContract:
        return as_published(self.contract(model), find(self._store, model, version))

    def verify(self, model: str, version: int) -> None:
        promised = self.contract(model).published.get(version)
        verify(self._store, model, version, promised=promised)

    def endpoints(self, model: str, version: int) -> Sequence[Endpoint]:
        replicas = self._replicas.get(model, 1)
        return [
            Endpoint(
                pod=process, http=f"{ADDRESS}:{ports['http']}", grpc=f"{ADDRESS}:{ports['grpc']}"
            )
            for process in triton.processes(model, version, replicas)
            for ports in [known_ports(self._place, process)]
        ]
