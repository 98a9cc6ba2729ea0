"""The kinds of tokens, each with rules of its own that exclude the others."""

from __future__ import annotations

from typing import Final

from pdp.identity.options import IssuerOptions, ProfileWord
from pdp.identity.profiles import access, generic, github, gitlab, kubernetes, signin, svid
from pdp.identity.profiles.profile import Profile

PROFILES: Final[dict[ProfileWord, Profile]] = {
    "access-token": access.PROFILE,
    "id-token": signin.PROFILE,
    "jwt-svid": svid.PROFILE,
    "github-actions": github.PROFILE,
    "gitlab": gitlab.PROFILE,
    "kubernetes": kubernetes.PROFILE,
    "generic": generic.PROFILE,
}


def problem(options: IssuerOptions) -> str | None:
    """Return what an entry lacks for tokens of its profile, or has too much; None where nothing is wrong."""
    return PROFILES[options.profile].options(options)


def alike(one: ProfileWord, other: ProfileWord) -> bool:
    """Tell whether a header may be one of either profile: then no issuer may have both, since nothing tells them apart.

    >>> alike("access-token", "id-token"), alike("generic", "id-token")
    (False, True)
    """
    return not PROFILES[one].kinds.isdisjoint(PROFILES[other].kinds)
