"""An issuer says that a session is over: OpenID Connect Back-Channel Logout 1.0.

What it says is a token that is signed as its others are. Nothing is revoked by one that is not verified.
"""

from __future__ import annotations

import datetime as _datetime
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import wait as wait_for
from typing import Final

from pdp.classes import dataclass
from pdp.errors import TokenError
from pdp.identity import parts as texts
from pdp.identity.claims import Claims, Clock, audience, hold_shapes, members, refuse, text
from pdp.identity.issuer import Issuer, UnknownKeyError
from pdp.identity.mapping import named
from pdp.identity.parts import Parts
from pdp.identity.paths import Template
from pdp.identity.revoking.revoker import Revoker
from pdp.identity.verifying import signed_by
from pdp.values import EntityRef

EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"

LIFETIME: Final = 3600.0
"""Seconds that a logout token may count. The specification recommends two minutes."""

REMEMBERED: Final = 10_000
"""Logout tokens that are remembered, so that to send one again makes no record grow."""

_KINDS: Final = frozenset({"", "jwt", "logout+jwt"})
_WHY: Final = "its issuer says that the session is over"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """What is revoked: a session of an issuer, or whoever signed in no later than an instant, in seconds."""

    session: str | None = None
    principal: EntityRef | None = None
    issued: int = 0


class Logouts:
    """Takes logout tokens. `issuers` are entries by their issuer, and `now` is in microseconds since the epoch.

    It is for threads of its own: it waits for keys that are coming, at most `patience` seconds, and for what is
    revoked.
    """

    def __init__(
        self,
        issuers: Mapping[str, Sequence[Issuer]],
        *,
        revoker: Revoker,
        now: Callable[[], int],
        leeway: float,
        largest: int,
        patience: float = 5.0,
        remembered: int = REMEMBERED,
    ) -> None:
        self._issuers, self._revoker = issuers, revoker
        self._now, self._leeway, self._largest, self._patience = now, leeway, largest, patience
        self._most = remembered
        self._lock = threading.Lock()
        self._ended: dict[tuple[str, str], None] = {}

    def end(self, token: str) -> None:
        """Revoke what a logout token says is over. When this returns, that is durable, and holds.

        Raises TokenError for a token that says no such thing, and RequestError or RecordError where nothing can be said
        of what it ends: it may be sent again.
        """
        parts = texts.read(token, self._largest)
        entries = self._entries(parts)
        name = _check(parts.claims, Clock.at(self._now(), self._leeway))
        _require_one(lambda entry: self._signed(parts, entry), entries)
        key = text(parts.claims, "iss"), name
        if key in self._ended:
            refuse("the logout token was used before", "token_replayed")
        found = [_target(parts.claims, entry) for entry in entries]
        for target in dict.fromkeys(each for each in found if isinstance(each, _Target)):
            self._revoke(target, key[0])
        for each in found:
            if isinstance(each, TokenError):
                # What others of its issuer's entries make of it is over all the same.
                raise each
        with self._lock:
            # Only now: one that came to nothing is sent again.
            self._ended[key] = None
            while len(self._ended) > self._most:
                del self._ended[next(iter(self._ended))]

    def _entries(self, parts: Parts) -> list[Issuer]:
        """Return the entries that a logout token is for; raise TokenError where there are none."""
        if parts.kind not in _KINDS:
            refuse("the token is no logout token", "wrong_type")
        known = [each for each in self._issuers.get(text(parts.claims, "iss"), ()) if each.options.logout is not None]
        if not known:
            refuse("nobody is configured who may say that sessions are over and is called so", "unknown_issuer")
        shown = audience(parts.claims)
        found = [
            each for each in known if each.options.logout and not set(each.options.logout.audience).isdisjoint(shown)
        ]
        if not found:
            refuse("claim `aud` names no audience of logout tokens of its issuer", "wrong_audience")
        return found

    def _signed(self, parts: Parts, entry: Issuer) -> None:
        try:
            signed_by(parts, entry)
        except UnknownKeyError as error:
            if error.coming is None:
                raise
            wait_for([error.coming], self._patience)
            signed_by(parts, entry)

    def _revoke(self, target: _Target, issuer: str) -> None:
        if target.session is not None:
            self._revoker.revoke(session=target.session, issuer=issuer, why=_WHY)
            return
        # By the clock of the issuer, as are the times of its tokens: whoever signs in after it is let in.
        moment = _datetime.datetime.fromtimestamp(target.issued, _datetime.UTC)
        self._revoker.revoke(principal=target.principal, not_before=moment, why=_WHY)


def _target(claims: Claims, entry: Issuer) -> _Target | TokenError:
    """Return what a logout token ends by an entry, or why it ends nothing."""
    session, options = claims.get("sid"), entry.options
    if session is not None and options.session.session in ("sid", ("sid",)):
        return _Target(session=session)
    if "sub" not in claims:
        message = "the logout token names a session by `sid`, and sessions are not known by it"
        return TokenError(message, code="no_principal")
    try:
        principal = named(options.principal.type, Template.of(options.principal.id), claims)
    except TokenError as error:
        return error
    return _Target(principal=principal, issued=claims["iat"])


def _check(claims: Claims, clock: Clock) -> str:
    """Refuse claims that are not those of a logout token; return the name of the token."""
    hold_shapes(claims)
    name = text(claims, "jti")
    if "nonce" in claims:
        # Else what is made for a login could be sent as a logout.
        refuse("claim `nonce` is there, and no logout token has one", "wrong_type")
    events = claims.get("events")
    if type(events) is not dict or EVENT not in events:
        refuse("claim `events` does not say that a session is over", "wrong_type")
    members(events, EVENT)
    if "sub" not in claims and "sid" not in claims:
        refuse("neither `sub` nor `sid` says whose session is over")
    for each in ("sub", "sid"):
        if each in claims:
            text(claims, each)
    clock.hold(claims, LIFETIME)
    return name


def _require_one(check: Callable[[Issuer], None], entries: Sequence[Issuer]) -> None:
    """Check entries until one holds; raise the error of the first where none does."""
    first: TokenError | None = None
    for each in entries:
        try:
            check(each)
        except TokenError as error:
            first = first or error
        else:
            return
    if first is not None:
        raise first
