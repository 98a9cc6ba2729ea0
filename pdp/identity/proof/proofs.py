"""Proofs for those who bring a token: callers that have a key, and tests."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from pdp.identity.proof.dpop import KIND
from pdp.identity.proof.thumbprints import encoded, thumbprint

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey

_CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


class Proofs:
    """A key that proofs are made by. `thumbprint` is what an issuer calls it in the tokens that are bound to it.

    >>> key = ec.generate_private_key(ec.SECP256R1())
    >>> proofs = Proofs(key)
    >>> proof = proofs.make("GET", "https://api.example.org/orders?page=2", "a-token")
    >>> jwt.get_unverified_header(proof)["typ"]
    'dpop+jwt'
    """

    def __init__(self, key: PrivateKey, *, now: Callable[[], float] = time.time) -> None:
        self._key, self._now = key, now
        self._algorithm, self._jwk = _public(key)
        self.thumbprint = thumbprint(self._jwk)

    def make(self, method: str, url: str, token: str, nonce: str | None = None) -> str:
        """Return the value of the header `DPoP` for one request: each is taken once."""
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": url.partition("#")[0].partition("?")[0],
            "iat": int(self._now()),
            "ath": encoded(hashlib.sha256(token.encode("ascii")).digest()),
        }
        if nonce is not None:
            claims["nonce"] = nonce
        return jwt.encode(claims, self._key, self._algorithm, headers={"typ": KIND, "jwk": self._jwk})


def _public(key: PrivateKey) -> tuple[str, dict[str, Any]]:
    match key:
        case ec.EllipticCurvePrivateKey():
            return _CURVES[key.curve.name], ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case ed25519.Ed25519PrivateKey():
            return "EdDSA", OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case rsa.RSAPrivateKey():
            found = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
            return "PS256", {name: found[name] for name in ("kty", "n", "e")}
