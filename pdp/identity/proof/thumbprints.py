"""What a token calls the key that it is bound to: the thumbprint of a key (RFC 7638), or that of a certificate."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final

from pdp.digests import sha256

# What a key is, by its type, and nothing that is said of it.
_MEMBERS: Final = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+")
# The last of 43 characters carries four bits: those that are left over are zero.
_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")


def encoded(data: bytes) -> str:
    """Return bytes in base64url, without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def is_thumbprint(value: object) -> bool:
    """Tell whether a value is a digest of SHA-256 as a thumbprint is written.

    >>> is_thumbprint("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"), is_thumbprint("NzbLs"), is_thumbprint(None)
    (True, False, False)
    """
    return type(value) is str and _THUMBPRINT.fullmatch(value) is not None


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Return the thumbprint of a public key in JSON; raise ValueError for one that is not of EC, OKP or RSA.

    >>> key = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "any"}
    >>> thumbprint(key)
    'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k'
    """
    kind = jwk.get("kty")
    names = _MEMBERS.get(kind) if type(kind) is str else None
    if names is None:
        raise ValueError("a key of this type has no thumbprint here")
    values = {name: jwk.get(name) for name in names}
    if not all(type(value) is str and _PLAIN.fullmatch(value) for value in values.values()):
        raise ValueError("a member of the key is missing, or not written as it has to be")
    text = json.dumps(values, separators=(",", ":"), sort_keys=True)
    return encoded(sha256(text.encode("ascii")).digest())


def of_certificate(der: bytes) -> str:
    """Return the thumbprint of a certificate (`x5t#S256`).

    >>> of_certificate(b"")
    '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU'
    """
    return encoded(sha256(der).digest())
