"""Whether a signature is that of a key: one algorithm for each key, and one kind of key for each algorithm."""

from __future__ import annotations

from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurve,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import Algorithm, get_default_algorithms

from pdp.errors import TokenError
from pdp.identity.issuer import Key
from pdp.identity.parts import ALGORITHMS, Jws

_CURVES: Final[dict[str, type[EllipticCurve]]] = {"ES256": SECP256R1, "ES384": SECP384R1, "ES512": SECP521R1}
_WORKS: Final[dict[str, Algorithm]] = {
    name: each for name, each in get_default_algorithms().items() if name in ALGORITHMS
}
_SHORTEST: Final = 2048
_LONGEST: Final = 8192


def problem(algorithm: str, material: Any) -> str | None:
    """Return why a key is none for an algorithm, or None where it is one.

    >>> problem("HS256", b"secret")
    'it is none of the algorithms that are taken'
    >>> problem("EdDSA", b"secret")
    'it is no public key of Ed25519'
    """
    if algorithm not in ALGORITHMS:
        return "it is none of the algorithms that are taken"
    if algorithm == "EdDSA":
        return None if isinstance(material, Ed25519PublicKey) else "it is no public key of Ed25519"
    if algorithm in _CURVES:
        on_curve = isinstance(material, EllipticCurvePublicKey) and isinstance(material.curve, _CURVES[algorithm])
        return None if on_curve else f"it is no public key on the curve of {algorithm}"
    if not isinstance(material, RSAPublicKey):
        return "it is no public key of RSA"
    within = _SHORTEST <= material.key_size <= _LONGEST
    return None if within else f"it has less than {_SHORTEST} bits, or more than {_LONGEST}"


def verify(found: Jws, key: Key) -> None:
    """Raise TokenError unless a token was signed by a key, with the algorithm that the key is for."""
    if found.algorithm != key.algorithm or problem(key.algorithm, key.material) is not None:
        raise TokenError("the algorithm of the token is not that of its key", code="wrong_algorithm")
    if not _holds(found, key):
        raise TokenError("the signature of the token is not that of its issuer", code="wrong_signature")


def _holds(found: Jws, key: Key) -> bool:
    try:
        # Only what is said to be true is: PyJWT answers with a truth value, and has answered with others before.
        return _WORKS[key.algorithm].verify(found.signed, key.material, found.signature) is True
    except Exception:
        # What cannot be judged is not known to be signed, whatever stood in the way.
        return False
