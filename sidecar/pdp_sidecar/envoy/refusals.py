"""What keeps a request from being asked about."""

from __future__ import annotations

from typing import Final

from pdp_sidecar.identifying import Challenge

ODD_CLAIM: Final = "odd_claim"


class Refused(Exception):
    """The request is turned away before any rule is asked. `why` is a word for logs; the message is for people.

    `status` is that of the answer: 400 for what can be read in two ways, 401 for nobody, 403 for what is not on offer,
    503 for what cannot be told now. `challenge` is what is said of the token that was shown.
    """

    def __init__(self, status: int, why: str, message: str, challenge: Challenge | None = None) -> None:
        super().__init__(message)
        self.status, self.why, self.challenge = status, why, challenge


def ambiguous(why: str, message: str) -> Refused:
    """Return the refusal of what an upstream may read in another way than we do."""
    return Refused(400, why, message)
