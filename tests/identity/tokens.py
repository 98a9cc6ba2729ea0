"""Issuers of tests: keys that are made once for each process, and tokens that are signed by them."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

NOW = 1_795_860_000
"""2026-11-28T10:00:00Z, in seconds."""

_CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
_CURVE_NAMES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
_HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


def encode(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@functools.cache
def private_key(algorithm: str, name: str = "k1") -> Any:
    """Return a private key that is good for an algorithm; another for another name."""
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm])
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_jwk(algorithm: str, name: str = "k1", **more: Any) -> dict[str, Any]:
    """Return the public half as a JWK."""
    numbers_of = private_key(algorithm, name).public_key()
    found: dict[str, Any] = {"kid": name, "alg": algorithm, "use": "sig"}
    if algorithm in _CURVES:
        numbers = numbers_of.public_numbers()
        size = (numbers.curve.key_size + 7) // 8
        found |= {"kty": "EC", "crv": _CURVE_NAMES[algorithm]}
        found |= {"x": encode(numbers.x.to_bytes(size)), "y": encode(numbers.y.to_bytes(size))}
    elif algorithm == "EdDSA":
        found |= {"kty": "OKP", "crv": "Ed25519", "x": encode(numbers_of.public_bytes_raw())}
    else:
        numbers = numbers_of.public_numbers()
        found |= {"kty": "RSA", "n": encode(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8)), "e": "AQAB"}
    return found | more


def sign(algorithm: str, data: bytes, name: str = "k1") -> bytes:
    """Return a signature as JWS has it (RFC 7518)."""
    key = private_key(algorithm, name)
    if algorithm == "EdDSA":
        return bytes(key.sign(data))
    digest = _HASHES[algorithm[2:]]
    if algorithm in _CURVES:
        size = (key.curve.key_size + 7) // 8
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
        return r.to_bytes(size) + s.to_bytes(size)
    if algorithm.startswith("PS"):
        pss = padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
        return bytes(key.sign(data, pss, digest))
    return bytes(key.sign(data, padding.PKCS1v15(), digest))


def signed(header: str | bytes, claims: str | bytes, algorithm: str = "RS256", name: str = "k1") -> str:
    """Return a token of a header and claims as they are written, be they JSON or not."""
    parts = [encode(each.encode() if isinstance(each, str) else each) for each in (header, claims)]
    text = ".".join(parts)
    return f"{text}.{encode(sign(algorithm, text.encode(), name))}"


def token(
    claims: Mapping[str, Any], header: Mapping[str, Any] | None = None, algorithm: str = "RS256", name: str = "k1"
) -> str:
    """Return a token. What is None in the header is left out of it."""
    full = {"alg": algorithm, "kid": name, "typ": "JWT"} | dict(header or {})
    kept = {key: value for key, value in full.items() if value is not None}
    return signed(json.dumps(kept), json.dumps(claims), algorithm, name)
