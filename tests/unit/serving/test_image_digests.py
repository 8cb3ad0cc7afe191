from __future__ import annotations

import hashlib

import httpx
import pytest

from serving.image_digests import NotFound, digest

MANIFEST = b'{"schemaVersion": 2, "manifests": []}'
DIGEST = f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"


class Registry:
    """Speaks as registries do: a manifest for whoever brings a token that anybody gets."""

    def __init__(
        self,
        *,
        asks: str | None = None,
        says: str | None = DIGEST,
        gives: bytes = b'{"token": "for-anybody"}',
    ) -> None:
        self.gives = gives
        self.asks = asks
        self.says = says
        self.asked: list[httpx.URL] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url)
        if request.url.path == "/token":
            return httpx.Response(200, content=self.gives)
        if self.asks and request.headers.get("Authorization") != "Bearer for-anybody":
            return httpx.Response(401, headers={"WWW-Authenticate": self.asks})
        if not request.url.path.endswith("/loki/manifests/3.7.6"):
            return httpx.Response(404)
        # one manifest for all platforms
        assert "application/vnd.oci.image.index.v1+json" in request.headers["Accept"]
        headers = {"Docker-Content-Digest": self.says} if self.says else {}
        return httpx.Response(200, content=MANIFEST, headers=headers)

    def digest(self, image: str = "quay.example/grafana/loki:3.7.6") -> str:
        with httpx.Client(transport=httpx.MockTransport(self)) as http:
            return digest(http, image)


BEARER = 'Bearer realm="https://auth.example/token",service="registry.example"'


def test_a_digest_is_of_the_bytes_that_the_registry_sends() -> None:
    assert Registry().digest() == DIGEST
    assert Registry(says=None).digest() == DIGEST


def test_a_registry_that_calls_them_otherwise_is_not_believed() -> None:
    with pytest.raises(NotFound, match="calls it sha256:00"):
        Registry(says=f"sha256:{'00' * 32}").digest()


@pytest.mark.parametrize("scope", ["", ',scope="repository:grafana/loki:pull"'])
def test_a_token_is_fetched_where_one_is_asked_for(scope: str) -> None:
    registry = Registry(asks=BEARER + scope)
    assert registry.digest() == DIGEST
    (asked,) = [url for url in registry.asked if url.path == "/token"]
    assert asked.host == "auth.example"
    assert dict(asked.params) == {
        "scope": "repository:grafana/loki:pull", "service": "registry.example",
    }  # fmt: skip


@pytest.mark.parametrize(
    "challenge", ['Basic realm="registry"', 'Bearer realm="http://auth.example/token"', ""]
)
def test_nobodys_password_is_sent_and_nothing_over_plain_http(challenge: str) -> None:
    registry = Registry(asks=challenge or "Basic")
    with pytest.raises(NotFound, match="wants a password"):
        registry.digest()
    assert all(url.scheme == "https" for url in registry.asked)


@pytest.mark.parametrize("gives", [b"<html>", b"{}"])
def test_an_answer_without_a_token_is_told_by_name(gives: bytes) -> None:
    with pytest.raises(NotFound, match=r"grafana/loki: auth\.example gives no token"):
        Registry(asks=BEARER, gives=gives).digest()


def test_docker_hub_lives_elsewhere_than_it_is_called() -> None:
    registry = Registry()
    assert registry.digest("docker.io/grafana/loki:3.7.6") == DIGEST
    assert registry.asked == [
        httpx.URL("https://registry-1.docker.io/v2/grafana/loki/manifests/3.7.6")
    ]


def test_an_image_that_is_not_there_is_told_by_name() -> None:
    with pytest.raises(NotFound, match=r"grafana/loki:9\.9: quay\.example answers 404"):
        Registry().digest("quay.example/grafana/loki:9.9")


def test_a_registry_out_of_reach_is_told_by_name() -> None:
    def nobody(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    with (
        httpx.Client(transport=httpx.MockTransport(nobody)) as http,
        pytest.raises(NotFound, match=r"quay\.example gives no answer: no route"),
    ):
        digest(http, "quay.example/grafana/loki:3.7.6")
