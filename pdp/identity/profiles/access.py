"""Access tokens as RFC 9068 has them: they say in their header what they are."""

from __future__ import annotations

from typing import Final

from pdp.identity.claims import Claims, refuse, text
from pdp.identity.options import IssuerOptions
from pdp.identity.profiles.profile import Profile, hold_absent, hold_signed_in


def _claims(claims: Claims, options: IssuerOptions) -> None:
    hold_absent(claims, ("nonce", "at_hash", "c_hash"))
    hold_signed_in(claims, wanted=False)
    for name in ("sub", "client_id", "jti"):
        text(claims, name)
    if type(claims.get("scope", "")) is not str:
        refuse("claim `scope` is not a text, as it has to be")


PROFILE: Final = Profile(kinds=frozenset({"at+jwt"}), claims=_claims)
