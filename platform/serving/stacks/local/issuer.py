"""An identity provider for one machine: issues the tokens that a local stack's gateway takes."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from serving.errors import InputError

ISSUER: Final = "serving-local"
AUDIENCE: Final = "serving"
ALGORITHM: Final = "RS256"
_BITS: Final = 2048


class Issuer:
    def __init__(self, folder: Path) -> None:
        """The key lies in the folder, for nobody else to read; it is made with its first use."""
        self._file = folder / "issuer.pem"

    @property
    def jwks(self) -> str:
        """A JSON Web Key Set of the public key."""
        return json.dumps(KeySet([self._key]).as_dict(private=False), sort_keys=True)

    def issue(self, tenant: str, subject: str, seconds: int, *, pin: bool = False) -> str:
        """`pin`: its bearer may choose a version."""
        now, key = int(time.time()), self._key
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "tenant": tenant,
            "iat": now,
            "exp": now + seconds,
            **({"pin": True} if pin else {}),
        }
        return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, claims, key)

    @property
    def _key(self) -> RSAKey:
        if not self._file.exists():
            _make(self._file)
        try:
            key = RSAKey.import_key(self._file.read_bytes(), {"use": "sig", "alg": ALGORITHM})
        except (OSError, ValueError, JoseError) as error:
            raise InputError(
                f"{self._file}: no private key can be read from it ({error}): delete it, and the "
                "next `serving local up` makes another; tokens of the old one are refused then"
            ) from None
        key.ensure_kid()
        return key


def _make(path: Path) -> None:
    """Whole or not at all; of two that make it at once, both get the key of the first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as aside:  # readable by us
        aside.write(RSAKey.generate_key(_BITS).as_pem(private=True))
        aside.flush()
        os.fsync(aside.fileno())
        with suppress(FileExistsError):
            os.link(aside.name, path)
