"""Where everything here ends: what lets something count no more."""

from __future__ import annotations

import datetime as _datetime
from typing import Protocol

from pdp.values import EntityRef


class Revoker(Protocol):
    """Whoever revokes: an engine, or a sidecar for all of its workers."""

    def revoke(
        self,
        *,
        principal: EntityRef | None = None,
        session: str | None = None,
        token: str | None = None,
        issuer: str | None = None,
        not_before: _datetime.datetime | None = None,
        why: str = "",
    ) -> object:
        """Let something count no more, as `Engine.revoke` does. When it returns, that is durable and holds.

        Raises RequestError for what cannot be revoked, and RecordError where it may not last, or not hold everywhere.
        """
