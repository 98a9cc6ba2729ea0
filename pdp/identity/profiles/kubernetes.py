"""Tokens of Kubernetes service accounts, as a kubelet or TokenRequest gets them: they end, and name what runs."""

from __future__ import annotations

import re
from typing import Final

from pdp.identity.claims import Claims, members, refuse, text
from pdp.identity.options import IssuerOptions
from pdp.identity.profiles.profile import Profile, hold_absent

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def _claims(claims: Claims, options: IssuerOptions) -> None:
    hold_absent(claims, ("nonce", "client_id", "scope"))
    runs = members(claims, "kubernetes.io")
    account = members(runs, "serviceaccount")
    namespace, name = _named(runs, "namespace"), _named(account, "name")
    text(account, "uid")
    # What the token is bound to: where it names one, by its name and by the number that no other gets.
    for bound in ("pod", "node", "secret"):
        if bound in runs:
            named = members(runs, bound)
            text(named, "name")
            if bound == "pod" or "uid" in named:
                text(named, "uid")
    if text(claims, "sub") != f"system:serviceaccount:{namespace}:{name}":
        refuse("claim `sub` and claim `kubernetes.io` name two service accounts")


def _named(claims: Claims, name: str) -> str:
    found = text(claims, name)
    if _NAME.fullmatch(found) is None:
        refuse(f"claim `{name}` is none of the names that Kubernetes gives")
    return found


PROFILE: Final = Profile(kinds=frozenset({"", "jwt"}), claims=_claims)
