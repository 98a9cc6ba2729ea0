"""Keys of published vectors: JWKs of public keys, as the RFCs print them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

_CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}


def decode(text: str) -> bytes:
    """Return the bytes of base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def material(jwk: Mapping[str, str]) -> Any:
    """Return the public key that a JWK is."""
    numbers = {name: int.from_bytes(decode(jwk[name])) for name in ("n", "e", "x", "y") if name in jwk}
    if jwk["kty"] == "RSA":
        return rsa.RSAPublicNumbers(numbers["e"], numbers["n"]).public_key()
    if jwk["kty"] == "EC":
        return ec.EllipticCurvePublicNumbers(numbers["x"], numbers["y"], _CURVES[jwk["crv"]]).public_key()
    return ed25519.Ed25519PublicKey.from_public_bytes(decode(jwk["x"]))
