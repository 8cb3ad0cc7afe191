"""A stack's whole configuration as one frozen object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from serving.contract.document import Document
from serving.contract.problem import DocumentError, Problem
from serving.contract.reading import typed
from serving.errors import InputError
from serving.kubernetes_versions import kubernetes_versions
from serving.pools.check import check
from serving.settings.aws import AwsSettings
from serving.settings.local import LocalSettings
from serving.settings.stack import Settings

_TARGETS: Final[Mapping[object, type[Settings]]] = {"aws": AwsSettings, "local": LocalSettings}


def parse(values: Mapping[str, object], file: str) -> Settings:
    """Raises InputError with everything that is wrong, each under its key in `file`."""
    document = Document(file=file, data=values, values={}, keys={})
    kind = _TARGETS.get(values.get("target"))
    if kind is None:
        raise InputError(
            f"{file}: serving:target: is not valid, got {values.get('target')!r}, expected one of "
            f"{', '.join(map(str, _TARGETS))}"
        )
    try:
        settings = typed(document, kind)
        wrong = list(_unsound(settings, document)) if isinstance(settings, AwsSettings) else []
        if wrong:
            raise DocumentError(wrong)
        return settings
    except DocumentError as error:
        # Pulumi hands values over without their lines.
        said = [str(problem).removeprefix(f"{file}:1:1: ") for problem in error.problems]
        raise InputError("\n".join(f"{file}: serving:{line}" for line in said)) from None


def _unsound(settings: AwsSettings, document: Document) -> Iterator[Problem]:
    known = kubernetes_versions()
    if settings.cluster.version not in known:
        yield document.problem(
            ("cluster", "version"),
            "has no images and add-ons pinned",
            got=settings.cluster.version,
            expected=f"one of {', '.join(known)}",
            do="pin them in platform/serving/data/kubernetes_versions.yaml",
        )
    if settings.gateway.private_principals and not settings.mesh.enabled:
        yield document.problem(
            ("gateway", "private_principals"),
            "needs a network load balancer, which there is none of without the mesh",
            got=", ".join(settings.gateway.private_principals),
            expected="nobody, or mesh.enabled to be true",
        )
    for found in check(settings.pools, settings.network.zones, settings.environment):
        yield document.problem(
            ("pools", *found.fields[0]),
            found.what,
            got=found.got,
            expected=found.expected,
            do=found.do,
        )
