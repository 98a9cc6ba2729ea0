"""What claims have to be, whoever issued them. None of the messages holds a value of a token."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn, TypeGuard

from pdp.classes import dataclass
from pdp.errors import TokenError

Claims = Mapping[str, Any]

LONGEST: Final = 2048
"""Characters of a text that names somebody or something: a SPIFFE id has as many at most."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NUMERIC: Final = re.compile(r"[0-9]{1,20}")
_LAST: Final = 253_402_300_799
"""The end of the year 9999, in seconds."""
_MOST_LEEWAY: Final = 60_000_000
_MICROS: Final = 1_000_000


def refuse(message: str, code: str = "invalid_claims") -> NoReturn:
    """Raise TokenError."""
    raise TokenError(message, code=code)


def text(claims: Claims, name: str) -> str:
    """Return a claim that has to be a text: not empty, not endless, without control characters.

    >>> text({"sub": "ada"}, "sub")
    'ada'
    """
    value = claims.get(name)
    if not is_text(value):
        refuse(f"claim `{name}` is missing, or is no text that can name something")
    return value


def is_text(value: object) -> TypeGuard[str]:
    """Tell whether a value is a text that can name something.

    >>> is_text("ada"), is_text(""), is_text("a\\0da"), is_text(7)
    (True, False, False, False)
    """
    return type(value) is str and 0 < len(value) <= LONGEST and _CONTROL.search(value) is None


def numeric(claims: Claims, name: str) -> str:
    """Return a claim that has to be a number written as a text."""
    value = claims.get(name)
    if type(value) is not str or _NUMERIC.fullmatch(value) is None:
        refuse(f"claim `{name}` is missing, or is no text of digits")
    return value


def truth(claims: Claims, name: str) -> None:
    """Hold a claim to be one of the texts `true` and `false`, as CI systems write it."""
    if claims.get(name) not in ("true", "false"):
        refuse(f'claim `{name}` is missing, or is neither "true" nor "false"')


def members(claims: Claims, name: str) -> Claims:
    """Return a claim that has to be an object."""
    value = claims.get(name)
    if type(value) is not dict:
        refuse(f"claim `{name}` is missing, or is no object")
    return value


def seconds(claims: Claims, name: str) -> int:
    """Return a claim that has to be an instant: whole seconds since the epoch, until the year 9999.

    RFC 7519 lets an instant have a fraction. Nobody needs one, and a number with one is read in more than one way.
    """
    value = claims.get(name)
    if type(value) is not int or not 0 <= value <= _LAST:
        refuse(f"claim `{name}` is missing, or is no whole number of seconds since 1970")
    return value


def texts(value: object) -> tuple[str, ...] | None:
    """Return a list of texts as a tuple; None where a value is none.

    >>> texts(["pwd", "mfa"]), texts("mfa"), texts([7])
    (('pwd', 'mfa'), None, None)
    """
    return tuple(value) if type(value) is list and all(map(is_text, value)) else None


def audience(claims: Claims) -> tuple[str, ...]:
    """Return whom a token is for: a text, or a list of at least one."""
    value = claims.get("aud")
    found = texts([value] if type(value) is str else value)
    if not found:
        refuse("claim `aud` is missing, or is neither a text nor a list of texts")
    return found


def hold_audience(claims: Claims, wanted: tuple[str, ...]) -> None:
    """Refuse a token that is for none of those wanted. Names are compared as they are, with nothing left out."""
    if set(wanted).isdisjoint(audience(claims)):
        refuse("claim `aud` names no audience that is configured for its issuer", "wrong_audience")


_SHAPES: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "jti": (is_text, "a text"),
    "sid": (is_text, "a text"),
    "acr": (is_text, "a text"),
    "azp": (is_text, "a text"),
    "client_id": (is_text, "a text"),
    "amr": (lambda value: texts(value) is not None, "a list of texts"),
    "cnf": (lambda value: type(value) is dict, "an object"),
    "act": (lambda value: type(value) is dict, "an object"),
}


def hold_shapes(claims: Claims) -> None:
    """Refuse a token with a claim of the standards that is of another type. None of these has to be there."""
    for name, (fits, kind) in _SHAPES.items():
        if name in claims and not fits(claims[name]):
            refuse(f"claim `{name}` is not {kind}, as it has to be")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The instant that times are compared with, and how far clocks may be apart: microseconds, a minute at most."""

    now: int
    leeway: int

    @classmethod
    def at(cls, now: int, leeway: float) -> Clock:
        """Return the clock of one look at a token; `leeway` is in seconds."""
        return cls(now=now, leeway=min(max(int(leeway * _MICROS), 0), _MOST_LEEWAY))

    def reached(self, instant: int) -> bool:
        """Tell whether an instant, in seconds, may have come on somebody's clock."""
        return instant * _MICROS <= self.now + self.leeway

    def hold(self, claims: Claims, lifetime: float) -> int:
        """Refuse a token that does not count now, or counts for too long; return when it ends, in microseconds."""
        expires, issued = seconds(claims, "exp"), seconds(claims, "iat")
        if not self.reached(issued):
            refuse("the token was issued in the future (`iat`)", "token_not_yet_valid")
        if "nbf" in claims and not self.reached(seconds(claims, "nbf")):
            refuse("the token does not count yet (`nbf`)", "token_not_yet_valid")
        if "auth_time" in claims and not self.reached(seconds(claims, "auth_time")):
            refuse("whoever it is for signed in in the future (`auth_time`)", "token_not_yet_valid")
        if expires <= issued:
            refuse("the token ends before it begins (`exp`, `iat`)")
        # Put so that a lifetime that is no number lets nothing through.
        if not expires - issued <= lifetime:
            refuse("the token is valid for longer than tokens of its issuer may be", "token_lives_too_long")
        until = expires * _MICROS + self.leeway
        if self.now >= until:
            refuse("the token has run out (`exp`)", "token_expired")
        return until


def hold_required(claims: Claims, required: Mapping[str, Any]) -> None:
    """Refuse a token unless its claims are what a configuration wants them to be.

    >>> hold_required({"ref_protected": "true"}, {"ref_protected": True})
    Traceback (most recent call last):
    pdp.errors.TokenError: claim `ref_protected` is not what the configuration of its issuer wants
    """
    for name, wanted in required.items():
        if not _is(claims.get(name), wanted):
            refuse(f"claim `{name}` is not what the configuration of its issuer wants", "wrong_claim")


def _is(value: Any, wanted: Any) -> bool:
    # INVARIANT: what is missing, or null, is nothing that anybody can want.
    if isinstance(wanted, (list, tuple)):
        return any(_is_same(value, each) for each in wanted)
    if isinstance(wanted, dict):
        return type(value) is dict and all(_is(value.get(name), each) for name, each in wanted.items())
    return _is_same(value, wanted)


def _is_same(value: Any, wanted: Any) -> bool:
    # `1`, `True` and `1.0` are equal to Python, and three things to whoever writes a configuration.
    return type(value) is type(wanted) and type(value) in (str, int, float, bool) and bool(value == wanted)
