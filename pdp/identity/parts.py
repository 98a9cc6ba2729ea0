"""What a token consists of, read strictly before anything is made of it. Nothing here is verified."""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, Final, get_args

from pdp.classes import dataclass
from pdp.errors import TokenError
from pdp.identity import objects
from pdp.identity.objects import UnreadableError
from pdp.identity.options import AlgorithmWord

ALGORITHMS: Final[frozenset[str]] = frozenset(get_args(AlgorithmWord))
_ALPHABET: Final = re.compile(r"[A-Za-z0-9_.-]*")
_LONGEST_KID: Final = 256
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")

# Each names a key or changes what a signature is of. A key comes from whom a configuration names, and from nobody else.
_FORBIDDEN: Final = ("crit", "b64", "jku", "jwk", "x5u", "x5c", "zip", "enc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Jws:
    """Something signed, in compact form and taken apart. `signed` is what its signature is of."""

    header: Mapping[str, Any]
    payload: bytes
    signed: bytes
    signature: bytes

    @property
    def algorithm(self) -> str:
        """The algorithm that it says it is signed by."""
        found: str = self.header["alg"]
        return found

    @property
    def kid(self) -> str:
        """The name of the key that it says it is signed by, empty for none."""
        found: str = self.header.get("kid", "")
        return found

    @property
    def kind(self) -> str:
        """What it says that it is (`typ`), in lower case and without `application/`, as media types are compared.

        It is empty for one that does not say.

        >>> Jws(header={"typ": "application/AT+jwt"}, payload=b"", signed=b"", signature=b"").kind
        'at+jwt'
        """
        found: str = self.header.get("typ", "")
        return found.lower().removeprefix("application/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts(Jws):
    """A token: something signed that makes claims."""

    claims: Mapping[str, Any]


def read(token: str, largest: int) -> Parts:
    """Take a token apart and hold its header to what any header may say; raise TokenError.

    A token that says the same, signed by the same bytes, has one way to be written.
    """
    found = apart(token, largest)
    hold_header(found.header)
    return opened(found)


def split(token: str, largest: int) -> Parts:
    """Take a token apart, whatever its header says: for one that brings its own key, as a proof does."""
    return opened(apart(token, largest))


def apart(token: str, largest: int) -> Jws:
    """Take something signed apart, whatever its header says and its payload is; raise TokenError."""
    if type(token) is not str:
        raise TokenError("a token is a text", code="malformed_token")
    if len(token) > largest:
        raise TokenError(f"the token is longer than {largest} characters", code="token_too_large")
    if _ALPHABET.fullmatch(token) is None:
        raise TokenError("a character of the token is none that tokens are written in", code="malformed_token")
    texts = token.split(".")
    if len(texts) == 5:
        raise TokenError("the token is encrypted: only signed ones are taken", code="encrypted_token")
    if len(texts) != 3:
        raise TokenError("a token has three parts, with a dot between each", code="malformed_token")
    header, payload, signature = map(_decoded, texts)
    signed = token[: token.rindex(".")].encode("ascii")
    return Jws(header=_header(header), payload=payload, signed=signed, signature=signature)


def opened(found: Jws) -> Parts:
    """Read the claims of something signed; raise TokenError where it makes none."""
    return Parts(
        header=found.header,
        payload=found.payload,
        signed=found.signed,
        signature=found.signature,
        claims=_claims(found.payload),
    )


def _decoded(text: str) -> bytes:
    try:
        found = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        found = b""
    # Bits that are left over at the end have to be zero, or one token could be written in several ways.
    if urlsafe_b64encode(found).rstrip(b"=") != text.encode("ascii"):
        raise TokenError("a part of the token is not written in base64url as it has to be", code="malformed_token")
    return found


def _header(data: bytes) -> dict[str, Any]:
    try:
        return objects.read(data)
    except UnreadableError as error:
        raise TokenError(f"the header of the token cannot be read: {error}", code="invalid_header") from None


def _claims(data: bytes) -> dict[str, Any]:
    try:
        return objects.read(data)
    except UnreadableError as error:
        code = "invalid_claims" if error.twice else "malformed_token"
        raise TokenError(f"the claims of the token cannot be read: {error}", code=code) from None


def hold_header(header: Mapping[str, Any]) -> None:
    """Refuse a header that names a key itself, or no algorithm that is taken, or what no header names."""
    for name in _FORBIDDEN:
        if name in header:
            raise TokenError(f"the header of the token holds `{name}`", code="invalid_header")
    algorithm, kid, kind = header.get("alg"), header.get("kid", ""), header.get("typ", "")
    if type(algorithm) is not str:
        raise TokenError("`alg` in the header of the token is no text", code="invalid_header")
    if algorithm not in ALGORITHMS:
        raise TokenError("the algorithm of the token is none that is taken", code="wrong_algorithm")
    if type(kid) is not str or len(kid) > _LONGEST_KID or _CONTROL.search(kid) or ("kid" in header and not kid):
        raise TokenError("`kid` in the header of the token names no key", code="invalid_header")
    if type(kind) is not str or not kind.isascii() or ("typ" in header and not kind):
        raise TokenError("`typ` in the header of the token is no media type", code="invalid_header")
