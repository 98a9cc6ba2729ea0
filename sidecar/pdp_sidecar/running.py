"""A part of the sidecar that runs: a server of one protocol, or what works beside it."""

from __future__ import annotations

from typing import Protocol


class Running(Protocol):
    """What was started, and how it ends."""

    async def drain(self, seconds: float) -> None:
        """Take no new work, finish what is begun within so many seconds, then close. Called once."""
