"""Names of workloads (SPIFFE ids): a trust domain, and a path in it."""

from __future__ import annotations

import re
from typing import Final

from pdp.classes import dataclass

_LONGEST: Final = 2048
_ID: Final = re.compile(r"spiffe://(?P<domain>[a-z0-9._-]{1,255})(?P<path>(?:/[A-Za-z0-9._-]+)*)")


@dataclass(frozen=True, slots=True)
class SpiffeId:
    """A SPIFFE id. Its path is empty for that of a trust domain."""

    domain: str
    path: str

    def __str__(self) -> str:
        return f"spiffe://{self.domain}{self.path}"


def read(text: str) -> SpiffeId | None:
    """Return the SPIFFE id that a text is, as its standard lets one be written; None for any other text.

    >>> read("spiffe://example.org/billing/api")
    SpiffeId(domain='example.org', path='/billing/api')
    >>> read("spiffe://example.org/billing/../admin"), read("spiffe://Example.org/api"), read("spiffe://example.org/")
    (None, None, None)
    """
    found = _ID.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None or not {".", ".."}.isdisjoint(found["path"].split("/")):
        return None
    return SpiffeId(found["domain"], found["path"])
