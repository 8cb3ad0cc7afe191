"""Keys that another issuer publishes, at a real Envoy: fetched, kept, exchanged, never guessed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import pytest

from serving.gateway.table import RemoteKeys
from tests.live.certificates import Authority
from tests.live.envoys import Envoy, model, running, served, tenant, until
from tests.live.forgeries import signed
from tests.live.key_servers import AUDIENCE, ISSUER, KeyServer, key_server, new_key
from tests.live.upstreams import Upstream, upstreams

pytestmark = pytest.mark.live

REFRESH_SECONDS = 1
STRANGER = new_key()


@pytest.fixture(scope="module")
def server() -> Iterator[Upstream]:
    with upstreams("digits-1-0") as running:
        yield running["digits-1-0"]


@contextmanager
def gateway(
    folder: Path, server: Upstream, issuer: KeyServer, authority: str = ""
) -> Iterator[Envoy]:
    keys = RemoteKeys(
        address=issuer.address, refresh_seconds=REFRESH_SECONDS, authorities=authority
    )
    models = [served(model(), [server], stable=1)]
    trust = {"issuer": ISSUER, "audience": AUDIENCE, "jwks": keys}
    with running(folder, models, tenant("vision"), **trust) as envoy:
        yield envoy


@pytest.fixture(scope="module")
def issuer() -> Iterator[KeyServer]:
    with key_server() as made:
        made.start()
        yield made


@pytest.fixture(scope="module")
def envoy(
    server: Upstream, issuer: KeyServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Envoy]:
    with gateway(tmp_path_factory.mktemp("envoy"), server, issuer) as found:
        yield found


def status(envoy: Envoy, token: str) -> int:
    return envoy.post(token=token).status_code


def failures(envoy: Envoy) -> int:
    """How often keys were asked for in vain."""
    return envoy.stat(r"http\.gateway\.jwt_authn\.jwks_fetch_failed")


def asked_in_vain(envoy: Envoy) -> None:
    before = failures(envoy)
    until(lambda: failures(envoy) >= before + 2)


def test_the_tokens_of_another_issuer_are_taken_and_no_others(
    envoy: Envoy, issuer: KeyServer
) -> None:
    assert status(envoy, issuer.token()) == 200
    assert envoy.call(token=issuer.token()).code() == grpc.StatusCode.OK
    for other in (
        envoy.token(),  # the stack's own
        issuer.token(STRANGER),
        signed(STRANGER, issuer.keys[0].kid, iss=ISSUER, aud=AUDIENCE),
        signed(issuer.keys[0], iss="https://id.example.com", aud=AUDIENCE),
        signed(issuer.keys[0], iss=ISSUER),
    ):
        assert status(envoy, other) == 401


def test_known_keys_hold_while_their_issuer_is_down(envoy: Envoy, issuer: KeyServer) -> None:
    known = issuer.token()
    assert status(envoy, known) == 200
    issuer.stop()
    asked_in_vain(envoy)
    assert status(envoy, known) == 200
    assert status(envoy, issuer.token(subject="a caller who comes later")) == 200
    assert status(envoy, issuer.token(STRANGER)) == 401
    issuer.start()


@pytest.mark.parametrize(("code", "says"), [(503, None), (200, b"<html>"), (200, b'{"keys": []}')])
def test_what_is_no_key_set_changes_nothing(
    envoy: Envoy, issuer: KeyServer, code: int, says: bytes | None
) -> None:
    issuer.status, issuer.says = code, says
    asked_in_vain(envoy)
    assert status(envoy, issuer.token()) == 200
    assert status(envoy, issuer.token(STRANGER)) == 401
    issuer.status, issuer.says = 200, None


def test_a_new_key_counts_and_an_old_one_counts_no_more(envoy: Envoy, issuer: KeyServer) -> None:
    old, new = issuer.keys[0], new_key()
    before = issuer.token(old)
    assert status(envoy, before) == 200
    assert status(envoy, issuer.token(new)) == 401
    issuer.keys = [new, old]
    until(lambda: status(envoy, issuer.token(new)) == 200)
    assert status(envoy, before) == 200
    issuer.keys = [new]
    until(lambda: status(envoy, before) == 401)
    assert status(envoy, issuer.token(new)) == 200


def test_without_any_keys_nobody_gets_in_until_there_are_some(
    server: Upstream, tmp_path: Path
) -> None:
    before = len(server.requests)
    with key_server() as late, gateway(tmp_path, server, late) as envoy:
        refused = envoy.post(token=late.token())
        assert refused.status_code == 401
        assert refused.json()["error"].startswith("Jwks remote fetch is failed")
        assert envoy.call(token=late.token()).code() == grpc.StatusCode.UNAUTHENTICATED
        assert len(server.requests) == before
        late.start()
        until(lambda: status(envoy, late.token()) == 200)


def test_only_whose_certificate_is_right_may_publish_keys(server: Upstream, tmp_path: Path) -> None:
    ours, others = Authority(tmp_path / "ours"), Authority(tmp_path / "others")
    certificates = [
        ours.certificate("localhost"),
        ours.certificate("elsewhere"),
        others.certificate("localhost"),
    ]
    statuses = []
    for number, certificate in enumerate(certificates):
        with ExitStack() as stack:
            issuer = stack.enter_context(key_server(certificate))
            issuer.start()
            folder = tmp_path / f"envoy-{number}"
            folder.mkdir()
            envoy = stack.enter_context(gateway(folder, server, issuer, str(ours.file)))
            statuses.append(status(envoy, issuer.token()))
    assert statuses == [200, 401, 401]
