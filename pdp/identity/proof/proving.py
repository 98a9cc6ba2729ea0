"""What a token says that it is bound to (`cnf`, RFC 7800), and that whoever brings it has that."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any, Final

from pdp.errors import TokenError
from pdp.identity.claims import Clock
from pdp.identity.options import ProofOptions, ProofWord
from pdp.identity.proof import dpop
from pdp.identity.proof.replay import Replays
from pdp.identity.proof.thumbprints import encoded, is_thumbprint
from pdp.identity.who import Shown

_WAYS: Final[dict[str, ProofWord]] = {"jkt": "dpop", "x5t#S256": "mtls"}


def prove(
    claims: Mapping[str, Any],
    token: str,
    shown: Shown,
    options: ProofOptions,
    now: int,
    replays: Replays,
    *,
    leeway: float = 0.0,
) -> str | None:
    """Return the thumbprint of the key that a token is bound to, once it is shown; None for one bound to nothing.

    The claims are those of the token, verified. It is to be asked about each request, by however many a token is
    brought. `now` is in microseconds since the epoch, `leeway` in seconds. Where a token is bound to a key and to a
    certificate, both are shown, and the thumbprint is that of the key. Raises TokenError.
    """
    bound = _bound(claims, options)
    if "x5t#S256" in bound:
        _hold_certificate(bound["x5t#S256"], shown.certificate)
    if "jkt" in bound:
        dpop.prove(bound["jkt"], token, shown, options.max_age, Clock.at(now, leeway), replays)
    elif shown.proofs:
        # RFC 9449, 4.3: a proof is by the key that the token is bound to. This token is not.
        raise TokenError("a proof is shown with a token that is bound to no key for it", code="wrong_proof")
    return bound.get("jkt", bound.get("x5t#S256"))


def _bound(claims: Mapping[str, Any], options: ProofOptions) -> dict[str, str]:
    if "cnf" not in claims:
        if options.required:
            raise TokenError("the token is bound to no key, and its issuer's have to be", code="token_not_bound")
        return {}
    found = claims["cnf"]
    if type(found) is not dict or not found:
        raise TokenError("claim `cnf` is no object that says what the token is bound to", code="invalid_claims")
    # Whatever is not understood may be what makes the token somebody's own.
    if any(_WAYS.get(name) not in options.ways for name in found):
        raise TokenError("the token is bound to a key in a way that is not taken here (`cnf`)", code="unknown_binding")
    if not all(map(is_thumbprint, found.values())):
        raise TokenError("claim `cnf` holds what is no thumbprint of a key", code="invalid_claims")
    return found


def _hold_certificate(bound: str, shown: bytes | None) -> None:
    if shown is None:
        raise TokenError(
            "the token is bound to a certificate, and none that counts is shown with it", code="proof_missing"
        )
    if not hmac.compare_digest(encoded(shown).encode(), bound.encode()):
        raise TokenError("the token is bound to another certificate than is shown with it", code="wrong_proof")
