"""Proofs by signature (DPoP, RFC 9449): of a token and a request, by the key that the token is bound to."""

from __future__ import annotations

import hmac
from typing import Final, NoReturn

from pdp.digests import sha256
from pdp.errors import TokenError
from pdp.identity import claims as reading
from pdp.identity import jwk, parts, signature
from pdp.identity.claims import Claims, Clock
from pdp.identity.issuer import Key
from pdp.identity.parts import ALGORITHMS, Parts
from pdp.identity.proof import urls
from pdp.identity.proof.replay import Replays
from pdp.identity.proof.thumbprints import encoded, thumbprint
from pdp.identity.who import Shown

KIND: Final = "dpop+jwt"
_LARGEST: Final = 8192
_LONGEST_NAME: Final = 256
_MICROS: Final = 1_000_000

# Each would have a key fetched, or change what the signature is of.
_FORBIDDEN: Final = ("crit", "b64", "jku", "x5u", "x5c", "zip", "enc")


def prove(bound: str, token: str, shown: Shown, max_age: float, clock: Clock, replays: Replays) -> None:
    """Raise TokenError unless exactly one proof is shown, of this token and this request, by the key of a thumbprint.

    It may be as old as `max_age`, in seconds, and is taken once.
    """
    if not shown.proofs:
        raise TokenError("the token is bound to a key, and no proof is shown with it", code="proof_missing")
    if len(shown.proofs) > 1:
        _refuse("more than one proof is shown with the token")
    proof = _read(shown.proofs[0])
    # Before any signature is looked at: nobody but who has the token chooses what is reckoned with here.
    key = _key(proof, bound)
    _hold_signature(proof, key)
    _hold_request(proof.claims, shown)
    _hold_token(proof.claims, token)
    _hold_nonce(proof.claims, shown.nonce)
    until = _until(proof.claims, max_age, clock)
    # Last of all, so that what is remembered is what was taken.
    replays.use(bound, _name(proof.claims), until, clock.now)


def _read(text: str) -> Parts:
    try:
        found = parts.opened(parts.split(text, _LARGEST))
    except TokenError:
        _refuse("the proof is no signed token in compact form, or is not read by everybody alike")
    header = found.header
    if header.get("typ") != KIND:
        _refuse(f"the proof is not of type `{KIND}`")
    if any(name in header for name in _FORBIDDEN):
        _refuse("the header of the proof says what no proof may")
    algorithm = header.get("alg")
    if type(algorithm) is not str or algorithm not in ALGORITHMS:
        _refuse("the algorithm of the proof is none that is taken")
    return found


def _key(proof: Parts, bound: str) -> Key:
    shown = proof.header.get("jwk")
    if type(shown) is not dict:
        _refuse("the proof shows no key (`jwk`)")
    try:
        found = thumbprint(shown)
    except ValueError:
        _refuse("the proof shows no key that is understood (`jwk`)")
    if not _same(found, bound):
        _refuse("the proof is by another key than the token is bound to")
    try:
        return jwk.shown(shown, proof.algorithm)
    except jwk.KeysError as error:
        _refuse(f"the key that the proof shows is not taken: {error}")


def _hold_signature(proof: Parts, key: Key) -> None:
    try:
        signature.verify(proof, key)
    except TokenError:
        _refuse("the signature of the proof is not by the key that it shows")


def _hold_request(claims: Claims, shown: Shown) -> None:
    if not shown.method or not shown.url:
        _refuse("it is not known which request the proof would have to be for")
    if claims.get("htm") != shown.method:
        _refuse("the proof is for another method (`htm`)")
    wanted, said = urls.normal(shown.url), claims.get("htu")
    if wanted is None:
        _refuse("the URL of the request can be read in more than one way")
    if type(said) is not str or urls.normal(said) != wanted:
        _refuse("the proof is for another URL (`htu`)")


def _hold_token(claims: Claims, token: str) -> None:
    said = claims.get("ath")
    if type(said) is not str or not _same(said, encoded(sha256(token.encode()).digest())):
        _refuse("the proof is for another token (`ath`)")


def _hold_nonce(claims: Claims, wanted: str | None) -> None:
    said = claims.get("nonce")
    if wanted is not None and not (type(said) is str and _same(said, wanted)):
        raise TokenError("the proof does not repeat the nonce that it has to (`nonce`)", code="wrong_nonce")


def _until(claims: Claims, max_age: float, clock: Clock) -> int:
    """Return when a proof counts no more, in microseconds; raise TokenError where it does not count now."""
    issued = _instant(claims, "iat")
    if not clock.reached(issued):
        _refuse("the proof was made in the future (`iat`)")
    if "nbf" in claims and not clock.reached(_instant(claims, "nbf")):
        _refuse("the proof does not count yet (`nbf`)")
    until = issued * _MICROS + int(max_age * _MICROS) + clock.leeway
    if "exp" in claims:
        until = min(until, _instant(claims, "exp") * _MICROS + clock.leeway)
    if clock.now >= until:
        _refuse("the proof is too old (`iat`)")
    return until


def _instant(claims: Claims, name: str) -> int:
    try:
        return reading.seconds(claims, name)
    except TokenError:
        _refuse(f"`{name}` of the proof is missing, or is no whole number of seconds since 1970")


def _name(claims: Claims) -> str:
    name = claims.get("jti")
    if not reading.is_text(name) or len(str(name)) > _LONGEST_NAME:
        _refuse(f"`jti` of the proof is missing, or is no text of at most {_LONGEST_NAME} characters")
    return str(name)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _refuse(message: str) -> NoReturn:
    raise TokenError(message, code="wrong_proof")
