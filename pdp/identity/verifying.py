"""From the text of a token to what it verifiably says."""

from __future__ import annotations

from collections.abc import Mapping

from pdp.errors import TokenError
from pdp.identity import parts as texts
from pdp.identity import signature, spiffe
from pdp.identity.claims import Claims, Clock, hold_audience, hold_required, hold_shapes, refuse, text
from pdp.identity.issuer import Issuer, Key, UnknownKeyError, Verified
from pdp.identity.options import IssuerOptions
from pdp.identity.parts import Parts
from pdp.identity.profiles import PROFILES

Issuers = Mapping[str, tuple[Issuer, ...]]


def verify(token: str, issuers: Issuers, now: int, leeway: float, largest: int) -> Verified:
    """Return what a token says once issuer, signature, times, audience and kind are verified; else raise TokenError.

    `now` is in microseconds since the epoch, `leeway` in seconds, a minute at most; `largest` is how many characters a
    token may have. A token that is bound to a key is not taken by this alone: see `pdp.identity.proof`.
    """
    parts = texts.read(token, largest)
    issuer = entry(parts, issuers)
    PROFILES[issuer.options.profile].header(parts)
    key = signed_by(parts, issuer)
    until = hold_claims(parts.claims, issuer.options, Clock.at(now, leeway))
    return Verified(issuer=issuer, header=parts.header, claims=parts.claims, key=key, until=until)


def entry(parts: Parts, issuers: Issuers) -> Issuer:
    """Return the entry that a token is looked at by: one of its issuer, for tokens that are what its header says."""
    of_issuer = issuers.get(_issuer_of(parts.claims), ())
    if not of_issuer:
        raise TokenError("nobody is configured who is called like the issuer of the token", code="unknown_issuer")
    taking = [each for each in of_issuer if parts.kind in PROFILES[each.options.profile].kinds]
    if "iss" not in parts.claims:
        taking = [each for each in taking if each.options.profile == "jwt-svid"]
    if not taking:
        raise TokenError("the token is of another kind than those of its issuer that are taken", code="wrong_type")
    # A loader refuses two that cannot be told apart. To choose one would be to let the token choose.
    if len(taking) > 1:
        raise TokenError("the token may be of several kinds that are configured for its issuer", code="wrong_type")
    return taking[0]


def _issuer_of(claims: Claims) -> str:
    if "iss" not in claims:
        # A JWT-SVID needs no issuer: the trust domain of whom it is for says whose it is.
        named = spiffe.read(text(claims, "sub"))
        return f"spiffe://{named.domain}" if named is not None else refuse("claim `iss` is missing")
    return text(claims, "iss")


def signed_by(parts: Parts, issuer: Issuer) -> Key:
    """Return the key of an issuer that a token is signed by; raise TokenError for a token that is signed by none."""
    options = issuer.options
    if parts.algorithm not in options.algorithms or parts.algorithm not in PROFILES[options.profile].algorithms:
        raise TokenError("the algorithm of the token is none that its issuer uses", code="wrong_algorithm")
    key = issuer.keys.find(parts.kid, parts.algorithm)
    try:
        signature.verify(parts, key)
    except TokenError as error:
        coming = issuer.keys.suspect(key) if error.code == "wrong_signature" else None
        if coming is None:
            raise
        # Its issuer may have given the name of a key to another. Once keys are read again, it is known.
        raise UnknownKeyError(str(error), code=error.code, coming=coming) from None
    return key


def hold_claims(claims: Claims, options: IssuerOptions, clock: Clock) -> int:
    """Refuse a token whose claims are not what its profile and its entry want; return until when it counts."""
    hold_shapes(claims)
    hold_audience(claims, options.audience)
    until = clock.hold(claims, options.lifetime)
    PROFILES[options.profile].claims(claims, options)
    hold_required(claims, options.require)
    return until
