"""Tokens of issuers that follow no profile: access tokens that say little of what they are."""

from __future__ import annotations

from typing import Final

from pdp.identity.claims import Claims, text
from pdp.identity.options import IssuerOptions
from pdp.identity.profiles.profile import Profile, hold_absent, hold_no_machine, hold_signed_in


def _claims(claims: Claims, options: IssuerOptions) -> None:
    # An ID token is for whoever signed somebody in. Where nothing else tells it, its audience does.
    hold_absent(claims, ("nonce", "at_hash", "c_hash"))
    hold_no_machine(claims)
    hold_signed_in(claims, wanted=False)
    text(claims, "sub")


PROFILE: Final = Profile(kinds=frozenset({"", "jwt", "at+jwt"}), claims=_claims)
