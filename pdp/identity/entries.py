"""One entry of a configuration, with all that makes an identity of what its tokens say."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pdp.classes import dataclass
from pdp.digests import sha256
from pdp.errors import TokenError
from pdp.identity.issuer import Issuer, Keys, Verified
from pdp.identity.mapping import Actors, Principals, actors
from pdp.identity.options import IssuerOptions
from pdp.identity.revoking.revoker import Revoker
from pdp.identity.sessions import Sessions
from pdp.identity.who import Identity
from pdp.values import SECOND


class Confirmer(Protocol):
    """Whoever is asked whether a token still counts: `pdp.identity.revoking.confirming`.

    `revoker` is told what counts no longer.
    """

    revoker: Revoker | None

    def confirm(self, token: str, claims: Mapping[str, Any]) -> None:
        """Return where a token counts whose claims were verified; raise TokenError."""

    async def confirm_async(self, token: str, claims: Mapping[str, Any]) -> None:
        """Do as `confirm` does, and let the event loop go on meanwhile."""

    def close(self) -> None:
        """Ask no more."""

    @property
    def problem(self) -> str | None:
        """What is wrong with whom it asks, for those who run this; None where nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An issuer, and how its tokens are read. `confirmers` are asked about each token, each time it is brought."""

    issuer: Issuer
    principals: Principals
    actors: Actors | None
    sessions: Sessions
    confirmers: Sequence[Confirmer] = ()

    @classmethod
    def of(cls, options: IssuerOptions, keys: Keys, confirmers: Sequence[Confirmer] = ()) -> Entry:
        """Return the entry of options that were checked."""
        return cls(
            issuer=Issuer(options=options, keys=keys),
            principals=Principals.of(options.principal),
            actors=None if options.actor is None else Actors.of(options.actor),
            sessions=Sessions.of(options),
            confirmers=confirmers,
        )

    def identity(self, token: str, verified: Verified, key: str | None, now: int) -> Identity:
        """Return whom a verified token speaks for; raise TokenError. `key` is the one that was shown to be at hand."""
        # INVARIANT: whoever gets an identity may do with it what they want. What a token is held to is not of it.
        claims, name = copy.deepcopy(verified.claims), self.issuer.options.issuer
        acting = actors(claims, name, self.actors)
        # A leeway is for tokens that begin by a clock that is ahead. Nothing counts for longer than it says.
        until = min(verified.until, claims["exp"] * SECOND)
        if until <= now:
            raise TokenError("the token has run out (`exp`)", code="token_expired")
        actor = acting[0].ref if acting else None
        return Identity(
            principal=self.principals.principal(claims),
            session=self.sessions.session(claims, issuer=name, now=now, until=until, key=key, actor=actor),
            issuer=name,
            subject=claims["sub"],
            until=until,
            token_id=claims.get("jti"),
            profile=self.issuer.options.profile,
            digest=sha256(token.encode()).hexdigest(),
            actors=acting,
            claims=claims,
        )
