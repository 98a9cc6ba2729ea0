"""A revoker that notes what it is told, and may fail."""

from __future__ import annotations

from typing import Any


class Noted:
    """Takes note of revocations. Raises `fails` instead, where that is set."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.fails: Exception | None = None

    def revoke(self, **target: Any) -> int:
        if self.fails is not None:
            raise self.fails
        self.told.append({name: value for name, value in target.items() if value is not None and name != "why"})
        return len(self.told)
