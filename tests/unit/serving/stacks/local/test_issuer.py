from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from serving.errors import InputError
from serving.stacks.local.issuer import AUDIENCE, ISSUER, Issuer


def test_a_token_says_who_asks_and_until_when(tmp_path: Path) -> None:
    issuer = Issuer(tmp_path / "keys")
    token = jwt.decode(
        issuer.issue("vision", "me", 60), KeySet.import_key_set(json.loads(issuer.jwks))
    )
    assert token.header["alg"] == "RS256"
    claims = token.claims
    assert {claims.pop("exp") - claims.pop("iat")} == {60}
    assert claims == {"iss": ISSUER, "aud": AUDIENCE, "sub": "me", "tenant": "vision"}


def test_only_a_token_that_may_choose_says_so(tmp_path: Path) -> None:
    issuer = Issuer(tmp_path)
    keys = KeySet.import_key_set(json.loads(issuer.jwks))
    assert jwt.decode(issuer.issue("vision", "me", 60, pin=True), keys).claims["pin"] is True


def test_what_everybody_may_read_holds_no_secret(tmp_path: Path) -> None:
    (key,) = json.loads(Issuer(tmp_path).jwks)["keys"]
    assert key.keys() == {"kty", "n", "e", "kid", "use", "alg"}


def test_the_key_is_for_its_owner_alone_and_stays(tmp_path: Path) -> None:
    first = Issuer(tmp_path / "keys").jwks
    file = tmp_path / "keys" / "issuer.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [one.name for one in file.parent.iterdir()] == ["issuer.pem"]
    assert Issuer(tmp_path / "keys").jwks == first


def test_two_that_make_it_at_once_have_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: Issuer(tmp_path).jwks, range(4)))) == 1


def test_a_key_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "issuer.pem").write_text("no key")
    with pytest.raises(InputError, match=r"issuer\.pem: no private key.*serving local up"):
        _ = Issuer(tmp_path).jwks
