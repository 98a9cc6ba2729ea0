"""JWT-SVIDs: tokens of workloads, by the standard of SPIFFE."""

from __future__ import annotations

from typing import Final

from pdp.identity import spiffe
from pdp.identity.claims import Claims, refuse, text
from pdp.identity.options import IssuerOptions
from pdp.identity.parts import ALGORITHMS, Parts
from pdp.identity.profiles.profile import Profile, hold_absent

_MEMBERS: Final = {"alg", "kid", "typ"}


def trust_domain(options: IssuerOptions) -> str | None:
    """Return the trust domain whose workloads an entry is for; None where it names none."""
    named = spiffe.read(options.issuer if options.trust_domain is None else f"spiffe://{options.trust_domain}")
    return named.domain if named is not None and not named.path else None


def _header(parts: Parts) -> None:
    if not parts.header.keys() <= _MEMBERS or not parts.kid:
        refuse("the header of the token is none of a JWT-SVID: it has `alg`, `kid` and at most `typ`", "invalid_header")
    if parts.header.get("typ", "JWT") not in ("JWT", "JOSE"):
        refuse("`typ` in the header of the token is none of a JWT-SVID", "wrong_type")


def _claims(claims: Claims, options: IssuerOptions) -> None:
    hold_absent(claims)
    found = spiffe.read(text(claims, "sub"))
    if found is None or not found.path:
        refuse("claim `sub` is no SPIFFE id of a workload")
    if found.domain != trust_domain(options):
        refuse("claim `sub` names a workload of another trust domain than that of its issuer", "wrong_claim")


def _options(options: IssuerOptions) -> str | None:
    if trust_domain(options) is None:
        return "`issuer` is no trust domain such as `spiffe://example.org`, and `trust_domain` names none"
    if "EdDSA" in options.algorithms:
        return "no JWT-SVID is signed by `EdDSA`"
    return None


PROFILE: Final = Profile(
    kinds=frozenset({"", "jwt", "jose"}),
    header=_header,
    claims=_claims,
    algorithms=ALGORITHMS - {"EdDSA"},
    options=_options,
)
