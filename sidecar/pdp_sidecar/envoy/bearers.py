"""Tokens that requests bring themselves, as they are verified here, and what is told of one that is refused."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from pdp.errors import TokenError
from pdp.identity.certificates import digest_of
from pdp.identity.who import Shown
from pdp_sidecar.envoy.asked import Asked
from pdp_sidecar.envoy.refusals import Refused
from pdp_sidecar.identifying import Challenge

_LONGEST_CERTIFICATE: Final = 65_536


class Bearer(NamedTuple):
    """A token of a request, what was shown with it, and whether its scheme says that it is bound to a key."""

    token: str
    shown: Shown
    proves: bool


def bearer_of(asked: Asked) -> Bearer:
    """Return the token of a request; raise Refused where it has none, or shows what is none."""
    given = asked.texts("authorization")
    if not given:
        raise Refused(401, "no_token", "the request says of nobody that they ask")
    scheme, _, token = given[0].partition(" ")
    kind = scheme.lower()
    if len(given) != 1 or kind not in ("bearer", "dpop") or not token.strip():
        raise Refused(401, "malformed_token", "the request shows no token", Challenge("Bearer", "invalid_token"))
    return Bearer(token.strip(), _shown(asked), kind == "dpop")


def _shown(asked: Asked) -> Shown:
    return Shown(
        certificate=_digest(asked.certificate),
        proofs=asked.texts("dpop"),
        method=asked.method,
        url=asked.url,
    )


def _digest(certificate: str) -> bytes | None:
    """Return the digest of a certificate that Envoy tells, None for none: then nothing is proved by it."""
    if not certificate or len(certificate) > _LONGEST_CERTIFICATE:
        return None
    return digest_of(unquote_to_bytes(certificate))


def refusal(error: TokenError) -> Refused:
    """Return how a request is turned away whose token is refused, or cannot be verified now."""
    if error.passing:
        return Refused(503, error.code, "the token cannot be verified now")
    return Refused(401, error.code, "the token is refused", Challenge.of(error))
