"""What a question that is refused before any rule depends on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from pdp.flips.changes import NOW, InSession, Lifted, OnRecord
from pdp.flips.reading import Parents, Place
from pdp.model import Reason

TOLD: Final = ("expires_at", "authenticated_at", "issued_at", "actor")
_STARTS: Final = (InSession("authenticated_at"), InSession("issued_at"), NOW)


def anything(place: Place) -> bool:
    """Take whatever was looked at."""
    return True


def _proof(place: Place) -> bool:
    return place in _STARTS[:2] or isinstance(place, Lifted | Parents | OnRecord)


READ: Final[Mapping[Reason, Callable[[Place], bool]]] = {
    Reason.SESSION_EXPIRED: lambda place: place == InSession("expires_at"),
    Reason.SESSION_NOT_YET_VALID: lambda place: place in _STARTS,
    Reason.SESSION_REVOKED: lambda place: isinstance(place, InSession | Lifted) and place != InSession("expires_at"),
    Reason.PRINCIPAL_REVOKED: lambda place: _proof(place) or place == InSession("actor"),
    Reason.UNKNOWN_ENTITY: lambda place: isinstance(place, OnRecord) or place == InSession("actor"),
}
"""What a refusal depends on, as long as what was looked at before it does not refuse."""
