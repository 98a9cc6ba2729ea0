"""ID tokens of OpenID Connect: who signed in, said to the client that asked. Here, that client asks with them."""

from __future__ import annotations

from typing import Final

from pdp.identity.claims import Claims, audience, refuse, text
from pdp.identity.options import IssuerOptions
from pdp.identity.profiles.profile import Profile, hold_absent, hold_no_machine, hold_signed_in


def _claims(claims: Claims, options: IssuerOptions) -> None:
    hold_absent(claims, ("client_id", "scope", "scp"))
    hold_no_machine(claims)
    hold_signed_in(claims, wanted=True)
    text(claims, "sub")
    named = set(audience(claims))
    if not named <= set(options.audience):
        refuse("claim `aud` names somebody besides those who are configured", "wrong_audience")
    if len(named) > 1 and "azp" not in claims:
        refuse("claim `azp` is missing, while `aud` names several")
    if "azp" in claims and claims["azp"] not in options.audience:
        refuse("claim `azp` names no audience that is configured for its issuer", "wrong_audience")


PROFILE: Final = Profile(kinds=frozenset({"", "jwt"}), claims=_claims)
