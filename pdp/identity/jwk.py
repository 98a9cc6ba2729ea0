"""Sets of keys (RFC 7517) as their issuers publish them: which of these may verify, and by which algorithm.

A set that is none is refused as a whole. A key that is odd is passed over, and the others count.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurve,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from pdp.classes import dataclass
from pdp.identity import objects
from pdp.identity.issuer import Key

LARGEST: Final = 256 * 1024
"""Bytes of a set of keys."""

MOST: Final = 64
"""Keys of a set, those for other uses included."""

LONGEST_KID: Final = 256
"""Characters of the name of a key. Whoever asks for a longer one asks for none that there is."""

Use = Literal["sig", "jwt-svid"]

_BITS: Final = range(2048, 8192 + 1)
_EXPONENTS: Final = range(65537, 1 << 32, 2)
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES: Final[Mapping[str, tuple[EllipticCurve, int, str]]] = {
    "P-256": (SECP256R1(), 32, "ES256"),
    "P-384": (SECP384R1(), 48, "ES384"),
    "P-521": (SECP521R1(), 66, "ES512"),
}
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


class KeysError(Exception):
    """The keys of an issuer cannot be had, or what there is are none. The message holds nothing of what was read."""


class _OddError(Exception):
    """One key is passed over; the message says what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySet:
    """The keys of a document that may verify. None is as good a set as any other: all were revoked.

    `notes` tell which keys were passed over, and why. A SPIFFE bundle says by `refresh` after how many seconds to read
    it again, and by `sequence` which of two is the newer.
    """

    keys: tuple[Key, ...] = ()
    notes: tuple[str, ...] = ()
    refresh: int | None = None
    sequence: int | None = None


def read(data: bytes, *, use: Use, algorithms: Collection[str]) -> KeySet:
    """Return the keys of a document for one use and for the algorithms that are configured. Raise KeysError.

    A key that names no algorithm is one key for each that fits it: what a token says never chooses between them.

    >>> read(b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', use="sig", algorithms=["ES256"]).notes
    ('key 1 is passed over: it is not a public one',)
    """
    told = _told(data)
    keys: list[Key] = []
    notes: list[str] = []
    named: set[str] = set()
    for number, each in enumerate(told["keys"], 1):
        try:
            if not _is_for(each, use):
                continue
            kid = _kid(each, use)
            if kid in named:
                raise KeysError("two keys of the set have one name")
            if kid:
                named.add(kid)
            keys += [Key(kid=kid, algorithm=name, material=found) for name, found in _both(each, algorithms)]
        except _OddError as error:
            notes.append(f"key {number} is passed over: {error}")
    hint, sequence = _whole(told, "spiffe_refresh_hint", 1), _whole(told, "spiffe_sequence", 0)
    return KeySet(keys=tuple(keys), notes=tuple(notes), refresh=hint, sequence=sequence)


def shown(jwk: Mapping[str, Any], algorithm: str) -> Key:
    """Return the one key that somebody shows with what they signed, for the algorithm that it says. Raise KeysError.

    >>> shown({"kty": "oct", "k": "c2VjcmV0"}, "ES256")
    Traceback (most recent call last):
    pdp.identity.jwk.KeysError: it is not a public one
    """
    try:
        if not _is_for(jwk, "sig"):
            raise KeysError("it is for another use")
        ((named, material),) = _both(jwk, (algorithm,))
    except _OddError as error:
        raise KeysError(str(error)) from None
    return Key(kid="", algorithm=named, material=material)


def _told(data: bytes) -> Mapping[str, Any]:
    if len(data) > LARGEST:
        raise KeysError(f"the set of keys is larger than {LARGEST} bytes")
    try:
        found = objects.read(data)
    except objects.UnreadableError as error:
        raise KeysError(f"the set of keys cannot be read: {error}") from None
    if not isinstance(found.get("keys"), list):
        raise KeysError("what was read is no set of keys")
    if len(found["keys"]) > MOST:
        raise KeysError(f"the set has more than {MOST} keys")
    return found


def _whole(told: Mapping[str, Any], name: str, least: int) -> int | None:
    found = told.get(name)
    return found if type(found) is int and found >= least else None


def _is_for(jwk: object, use: Use) -> bool:
    """Tell whether a key is for a use. A key of an OpenID issuer need not say; one of a SPIFFE bundle has to."""
    if not isinstance(jwk, dict):
        raise _OddError("it is no object")
    found = jwk.get("use", use if use == "sig" else None)
    if not isinstance(found, str):
        raise _OddError("it does not say what it is for")
    return found == use


def _kid(jwk: Mapping[str, Any], use: Use) -> str:
    found = jwk.get("kid", "")
    if not isinstance(found, str) or len(found) > LONGEST_KID or not found.isprintable():
        raise _OddError("its name is none")
    if not found and use == "jwt-svid":
        raise _OddError("it has no name")
    return found


def _both(jwk: Mapping[str, Any], algorithms: Collection[str]) -> list[tuple[str, Any]]:
    """Return what a key is, with each algorithm that it is for."""
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise _OddError("it is not there to verify")
    if _PRIVATE & jwk.keys():
        raise _OddError("it is not a public one")
    kind = jwk.get("kty")
    read_one = _KINDS.get(kind) if isinstance(kind, str) else None
    if read_one is None:
        raise _OddError("it is of no kind that is taken")
    fitting, material = read_one(jwk)
    named = jwk.get("alg")
    if named is not None and not (isinstance(named, str) and named in fitting):
        raise _OddError("its algorithm is not one of its kind")
    found = sorted(each for each in fitting.intersection(algorithms) if named in (None, each))
    if not found:
        raise _OddError("it is for no algorithm that is configured")
    return [(name, material) for name in found]


# -------------------------------------------------------------------------------------------------------------- kinds


def _octets(jwk: Mapping[str, Any], name: str, size: int | None = None) -> bytes:
    """Return a member that is written in base64url in the one way that there is."""
    text = jwk.get(name)
    if isinstance(text, str) and _BASE64URL.fullmatch(text) and len(text) % 4 != 1:
        found = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        is_canonical = base64.urlsafe_b64encode(found).rstrip(b"=") == text.encode()
        if is_canonical and size in (None, len(found)):
            return found
    raise _OddError(f"its `{name}` is missing, or is none")


def _rsa(jwk: Mapping[str, Any]) -> tuple[frozenset[str], Any]:
    modulus, exponent = int.from_bytes(_octets(jwk, "n")), int.from_bytes(_octets(jwk, "e"))
    if modulus.bit_length() not in _BITS:
        raise _OddError(f"it is of RSA with {modulus.bit_length()} bits, and not with {_BITS[0]} to {_BITS[-1]}")
    if modulus % 2 == 0 or exponent not in _EXPONENTS:
        raise _OddError("its numbers are none of RSA")
    return _RSA, _made(lambda: RSAPublicNumbers(exponent, modulus).public_key())


def _elliptic(jwk: Mapping[str, Any]) -> tuple[frozenset[str], Any]:
    name = jwk.get("crv")
    found = _CURVES.get(name) if isinstance(name, str) else None
    if found is None:
        raise _OddError("its curve is none that is taken")
    curve, size, algorithm = found
    x, y = (int.from_bytes(_octets(jwk, each, size)) for each in ("x", "y"))
    return frozenset({algorithm}), _made(lambda: EllipticCurvePublicNumbers(x, y, curve).public_key())


def _edwards(jwk: Mapping[str, Any]) -> tuple[frozenset[str], Any]:
    if jwk.get("crv") != "Ed25519":
        raise _OddError("its curve is none that is taken")
    data = _octets(jwk, "x", 32)
    return frozenset({"EdDSA"}), _made(lambda: Ed25519PublicKey.from_public_bytes(data))


def _made(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except (ValueError, UnsupportedAlgorithm):
        raise _OddError("its numbers are those of no key") from None


_KINDS: Final[Mapping[str, Callable[[Mapping[str, Any]], tuple[frozenset[str], Any]]]] = {
    "RSA": _rsa,
    "EC": _elliptic,
    "OKP": _edwards,
}
