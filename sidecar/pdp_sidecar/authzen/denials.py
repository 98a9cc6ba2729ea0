"""What says that something was denied, and may be asked for: signed here, and read here again.

It is a JWS of one spelling (RFC 7515): its header is compared and not read, so that nothing in it chooses anything.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, urlsafe_b64encode
from typing import Any, Final

import msgspec

from pdp.approvals.forms import canonical
from pdp.approvals.signing import Signer, read_key, verify
from pdp.classes import dataclass
from pdp.digests import sha256
from pdp.values import Datetime

TYPE: Final = "pdp-denial+jwt"
LONGEST: Final = 4096
"""The characters of a token, at most."""

_SECOND: Final = 1_000_000


class WrongDenialError(Exception):
    """What is shown is no denial of this, or not by this decision point. The message is safe to send."""


class Claims(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a denial says. `digest` is that of what was denied, and to whom; `rule` asks for the approvals."""

    iss: str
    aud: str
    iat: int
    exp: int
    jti: str
    denial_expires_at: str
    rule: str
    binding_digest: str


@dataclass(frozen=True, slots=True)
class Denial:
    """A token, and the claims in it."""

    token: str
    claims: Claims


class Denials:
    """Signs denials with a key, and reads them. What a denial is about, others compare.

    >>> denials = Denials(bytes(32), "https://pdp.example.com", "https://pdp.example.com/access/v1/requests")
    >>> made = denials.sign("a digest", "a_rule", now=1_796_000_000_000_000, seconds=600)
    >>> made.claims.exp, denials.read(made.token) == made.claims
    (1796000600, True)
    """

    def __init__(self, seed: bytes, issuer: str, audience: str) -> None:
        """Take 32 bytes that nobody else knows, who signs, and who reads it."""
        self._signer, self._issuer, self._audience = Signer.of_seed(seed), issuer, audience
        self.jwk = _jwk(read_key(self._signer.key))
        self._head = _encoded(canonical({"alg": "EdDSA", "kid": self.jwk["kid"], "typ": TYPE}).encode())
        self._decode = msgspec.json.Decoder(Claims).decode

    def sign(self, digest: str, rule: str, *, now: int, seconds: int) -> Denial:
        """Return a denial that may be shown for so many seconds; `now` is in microseconds."""
        begins = now // _SECOND
        claims = Claims(
            iss=self._issuer,
            aud=self._audience,
            iat=begins,
            exp=begins + seconds,
            jti=secrets.token_urlsafe(16),
            denial_expires_at=instant(begins + seconds),
            rule=rule,
            binding_digest=digest,
        )
        text = f"{self._head}.{_encoded(msgspec.json.encode(claims))}"
        return Denial(f"{text}.{_encoded(self._signer.sign(text.encode()))}", claims)

    def read(self, token: str) -> Claims:
        """Return what a token of this decision point says, run out or not; raise WrongDenialError."""
        head, _, rest = token.partition(".")
        body, _, signature = rest.partition(".")
        # INVARIANT: the header is this one, letter by letter: no algorithm, key or type is taken from what is shown.
        if len(token) > LONGEST or head != self._head:
            raise WrongDenialError("the denial is not one of this decision point")
        given = _decoded(signature)
        if not verify(self._signer.key, given, f"{head}.{body}".encode("utf-8", "replace")):
            raise WrongDenialError("the denial is not signed by this decision point")
        try:
            claims = self._decode(_decoded(body))
        except msgspec.DecodeError:
            # It signed this once, with other claims: another version did.
            raise WrongDenialError("the denial is not one of this version") from None
        if (claims.iss, claims.aud) != (self._issuer, self._audience):
            raise WrongDenialError("the denial is for another decision point")
        return claims


def digest(data: Any) -> str:
    """Return what stands for plain data: other data, `1` and `1.0` included, has another.

    >>> digest({"level": 1}) == digest({"level": 1.0})
    False
    """
    return _encoded(sha256(canonical(data).encode()).digest())


def instant(seconds: int) -> str:
    """Return an instant as RFC 3339 has it.

    >>> instant(1_796_000_000)
    '2026-11-30T00:53:20Z'
    """
    return str(Datetime(seconds * _SECOND))


def _jwk(public: bytes) -> dict[str, str]:
    key = {"crv": "Ed25519", "kty": "OKP", "x": _encoded(public)}
    # Its thumbprint (RFC 7638).
    return {**key, "kid": _encoded(sha256(canonical(key).encode()).digest()), "use": "sig", "alg": "EdDSA"}


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decoded(text: str) -> bytes:
    """Return what base64url without padding stands for; raise WrongDenialError for any other spelling."""
    try:
        found = b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        found = b""
    if not found or _encoded(found) != text:
        raise WrongDenialError("the denial is not written as one is")
    return found
