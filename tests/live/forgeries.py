"""Tokens that a gateway must refuse, each wrong in one way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any, Final

from joserfc import jwt
from joserfc.jwk import RSAKey

from serving.stacks.local.issuer import AUDIENCE, ISSUER

OTHER: Final = RSAKey.generate_key(2048)


def claims(**changed: Any) -> dict[str, Any]:
    """None leaves one out."""
    sound = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": "x", "tenant": "vision",
        "exp": int(time.time()) + 60,
    }  # fmt: skip
    return {name: value for name, value in (sound | changed).items() if value is not None}


def signed(key: RSAKey, kid: str | None = None, **changed: Any) -> str:
    header = {"alg": "RS256", "kid": kid or key.kid}
    return jwt.encode(header, claims(**changed), key)


def _part(content: Any) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _hmac(key: RSAKey) -> str:
    """Signed with what everybody knows."""
    body = f"{_part({'alg': 'HS256', 'typ': 'JWT', 'kid': key.kid})}.{_part(claims())}"
    mac = hmac.new(key.as_pem(private=False), body.encode(), hashlib.sha256).digest()
    return f"{body}.{_part(mac)}"


def _parts(key: RSAKey, **replaced: Any) -> str:
    head, payload, signature = signed(key).split(".")
    whole = {"head": head, "payload": payload, "signature": signature} | replaced
    return ".".join(whole.values())


FORGERIES: Final[dict[str, Callable[[RSAKey], str]]] = {
    "no token": lambda _: "abc",
    "cut": lambda key: signed(key)[:-4],
    "expired": lambda key: signed(key, exp=int(time.time()) - 60),
    "not yet valid": lambda key: signed(key, nbf=int(time.time()) + 600),
    "without an end": lambda key: signed(key, exp=None),
    "of another audience": lambda key: signed(key, aud="other"),
    "without an audience": lambda key: signed(key, aud=None),
    "of another issuer": lambda key: signed(key, iss="other"),
    "alg none": lambda key: _parts(key, head=_part({"alg": "none"}), signature=""),
    "alg None": lambda key: _parts(key, head=_part({"alg": "None", "kid": key.kid})),
    "unknown kid": lambda _: signed(OTHER, "other"),
    "signed by another key": lambda key: signed(OTHER, key.kid),
    "HS256 with the public key": _hmac,
    "another tenant in it": lambda key: _parts(key, payload=_part(claims(tenant="shop"))),
}
