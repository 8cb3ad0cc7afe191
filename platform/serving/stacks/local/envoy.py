"""Envoy on this machine: one address for all models, for HTTP and gRPC."""

from __future__ import annotations

import hashlib
import json
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, Final

from components.local.document import DocumentArgs
from components.local.envoy import LocalEnvoyArgs
from components.local.gateway_documents import GatewayDocumentsArgs
from components.local.process import Probe, ProcessArgs
from serving.catalog import Catalog
from serving.errors import InputError
from serving.gateway.bootstrap import bootstrap
from serving.gateway.clusters import clusters
from serving.gateway.listeners import listeners
from serving.gateway.routes import routes
from serving.gateway.table import Gateway, RemoteKeys
from serving.observability.edges import histogram_edges
from serving.settings import LocalSettings
from serving.settings.local import Identity
from serving.stacks.local.issuer import AUDIENCE, ISSUER, Issuer
from serving.stacks.local.place import ADDRESS, GATEWAY, Place
from serving.stacks.local.ports import ports_of
from serving.stacks.local.triton import Model
from serving.toolchain import locate

WORKERS: Final = 1
"""Of the cores of a small machine most belong to the models."""


def gateway(
    settings: LocalSettings, models: Sequence[Model], catalog: Catalog, place: Place
) -> Gateway:
    ports, identity = ports_of(place, GATEWAY, "requests", "admin"), settings.identity
    return Gateway(
        port=ports["requests"],
        admin_port=ports["admin"],
        served=[model.served for model in models],
        tenants=catalog.tenants,
        issuer=identity.issuer if identity else ISSUER,
        audience=identity.audience if identity else AUDIENCE,
        jwks=_remote(identity) if identity else Issuer(place.keys).jwks,
        traces=settings.traces,
        edges=histogram_edges(catalog.models.values()),
        folder=str(place.envoy),
        access_log="/dev/stdout",
    )


def _remote(identity: Identity) -> RemoteKeys:
    authorities = ssl.get_default_verify_paths().cafile or ""
    if identity.jwks.startswith("https:") and not authorities:
        raise InputError(
            "serving:identity.jwks: this machine has no file of certificate authorities, so nobody "
            "can be believed: install `ca-certificates`, or name a file in SSL_CERT_FILE"
        )
    return RemoteKeys(
        address=identity.jwks, refresh_seconds=identity.refresh_seconds, authorities=authorities
    )


def args(gateway: Gateway, place: Place) -> LocalEnvoyArgs:
    admin = f"http://{ADDRESS}:{gateway.admin_port}"
    start, log = place.envoy / "bootstrap.json", str(place.log(GATEWAY))
    command = locate("envoy").command(
        *("-c", str(start), "--concurrency", str(WORKERS)),
        *("--use-dynamic-base-id", "--log-level", "warning"),
    )
    text = _text(bootstrap(gateway))
    return LocalEnvoyArgs(
        bootstrap=DocumentArgs(path=str(start), content=text),
        documents=GatewayDocumentsArgs(
            folder=str(place.envoy),
            admin=admin,
            log=log,
            listeners=_text(listeners(gateway)),
            clusters=_text(clusters(gateway)),
            routes=_text(routes(gateway)),
        ),
        process=ProcessArgs(
            kind=GATEWAY,
            command=command,
            records=str(place.records),
            log=log,
            folder=str(place.root),
            ports={"requests": gateway.port, "admin": gateway.admin_port},
            ready=[Probe(url=f"{admin}/ready")],
            alive=Probe(url=f"{admin}/ready"),
            restarts_on=hashlib.sha256(text.encode()).hexdigest(),
        ),
    )


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document)
