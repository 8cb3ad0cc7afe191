"""The local stack: the platform's services as processes of this machine, top to bottom."""

from __future__ import annotations

import pulumi

from components.local.envoy import LocalEnvoy
from components.local.folder import Folder, FolderArgs
from components.local.prometheus import LocalPrometheus
from components.local.triton import LocalTriton
from serving.catalog import Catalog, check_releases
from serving.settings import LocalSettings
from serving.stacks.local import envoy, prometheus, triton
from serving.stacks.local.place import ADDRESS, GATEWAY, PROMETHEUS, place_of
from serving.stacks.local.ports import ports_of
from serving.stacks.outputs import LocalOutputs


def build(settings: LocalSettings, catalog: Catalog) -> LocalOutputs:
    check_releases(settings.releases, catalog)
    place = place_of(pulumi.get_stack())

    store = Folder("store", FolderArgs(path=str(place.store)))
    models = [
        triton.model(catalog.models[name], release, settings, place)
        for name, release in sorted(settings.releases.items())
    ]
    servers = [
        LocalTriton(name, args, pulumi.ResourceOptions(depends_on=[store]))
        for model in models
        for name, args in triton.servers(model, place).items()
    ]
    gateway = envoy.gateway(settings, models, catalog, place)
    # servers that nobody is sent to any more end after the gateway has been told
    LocalEnvoy(GATEWAY, envoy.args(gateway, place), pulumi.ResourceOptions(depends_on=servers))
    port = ports_of(place, PROMETHEUS, "http")["http"]
    LocalPrometheus(PROMETHEUS, prometheus.args(models, gateway.admin_port, port, place))

    return LocalOutputs(
        gateway=f"{ADDRESS}:{gateway.port}",
        gateway_admin=f"http://{ADDRESS}:{gateway.admin_port}",
        prometheus=f"http://{ADDRESS}:{port}",
        store=str(place.store),
        servers={model.contract.name: model.addresses for model in models},
        releases={
            model: release.model_dump(exclude_none=True)
            for model, release in settings.releases.items()
        },
    )
