"""Revocations that somebody else tells of, as those of a caller that may do nothing else."""

from __future__ import annotations

from typing import Any

from pdp_sidecar.callers import Caller, May
from pdp_sidecar.service import Service


class Revoking:
    """Revokes in every worker: it is what `pdp.identity.revoking` wants of an engine."""

    def __init__(self, service: Service, name: str) -> None:
        """`name` is who the caller is in records."""
        self._service, self._caller = service, Caller(name, frozenset({May.REVOKE}))

    def revoke(self, **target: Any) -> int | None:
        """Let something count no more. When it returns, that is on record, and holds in every worker.

        Raises RequestError or RecordError. For a thread of its own.
        """
        sequence, _, _ = self._service.revoke(self._caller, **target)
        return sequence
