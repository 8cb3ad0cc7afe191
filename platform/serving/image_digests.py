"""Asks registries for the digest of the image that a tag names now."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final

import httpx

from serving.errors import ServingError

_HOSTS: Final = {"docker.io": "registry-1.docker.io"}
"""Registries whose images are named after another host."""

_MANIFESTS: Final = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
"""Of all platforms together, where there are several: nodes of each find theirs in it."""

_PARAMETER: Final = re.compile(r'(\w+)="([^"]*)"')


class NotFound(ServingError):
    """A registry did not say which image a tag names."""


def client() -> httpx.Client:
    """Without anybody's password: what charts run is public."""
    return httpx.Client(follow_redirects=True, timeout=30)


def digest(http: httpx.Client, image: str) -> str:
    """`sha256:…` of `registry/repository:tag`. Raises NotFound."""
    registry, _, rest = image.partition("/")
    repository, _, tag = rest.rpartition(":")
    url = f"https://{_HOSTS.get(registry, registry)}/v2/{repository}/manifests/{tag}"
    headers = {"Accept": _MANIFESTS}
    try:
        answer = http.get(url, headers=headers)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            token = _token(http, answer.headers.get("WWW-Authenticate", ""), repository)
            answer = http.get(url, headers={**headers, "Authorization": f"Bearer {token}"})
        answer.raise_for_status()
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        raise NotFound(f"{image}: {error.request.url.host} answers {status}") from None
    except httpx.TransportError as error:
        raise NotFound(f"{image}: {registry} gives no answer: {error}") from None
    found = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
    if (said := answer.headers.get("Docker-Content-Digest", found)) != found:
        raise NotFound(f"{image}: {registry} sends {found} and calls it {said}")
    return found


def _token(http: httpx.Client, challenge: str, repository: str) -> str:
    """That anybody gets."""
    scheme, _, rest = challenge.partition(" ")
    asked = dict(_PARAMETER.findall(rest))
    if scheme.lower() != "bearer" or not asked.get("realm", "").startswith("https://"):
        raise NotFound(f"{repository}: its registry wants a password")
    wanted = {"scope": asked.get("scope", f"repository:{repository}:pull")}
    if "service" in asked:
        wanted["service"] = asked["service"]
    answer = http.get(asked["realm"], params=wanted)
    answer.raise_for_status()
    try:
        body: Mapping[str, str] = answer.json()
        return body.get("token") or body["access_token"]
    except (ValueError, KeyError):
        raise NotFound(f"{repository}: {answer.url.host} gives no token") from None
