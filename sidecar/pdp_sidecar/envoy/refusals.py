"""What keeps a request from being asked about."""

from __future__ import annotations

from typing import Final

ODD_CLAIM: Final = "odd_claim"


class Refused(Exception):
    """The request is turned away before any rule is asked. `why` is a word for logs; the message is for people.

    `status` is that of the answer: 400 for what can be read in two ways, 401 for nobody, 403 for what is not on offer.
    """

    def __init__(self, status: int, why: str, message: str) -> None:
        super().__init__(message)
        self.status, self.why = status, why


def ambiguous(why: str, message: str) -> Refused:
    """Return the refusal of what an upstream may read in another way than we do."""
    return Refused(400, why, message)
