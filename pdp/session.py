"""A session that is read once and asked with many times."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from pdp.conform import conform_attributes
from pdp.operators import Found
from pdp.schema import Schema
from pdp.values import Datetime, Unknown

_STARTS: Final = ("issued_at", "authenticated_at")


class Seen(NamedTuple):
    """A session as one action knows it: its attributes, when it begins and ends, in microseconds, and its token."""

    fields: dict[str, Found]
    begins: int | None
    ends: int | None
    token: str | None


class Session(Mapping[str, Any]):
    """What is known of who asks, read by the schema of one engine. `Engine.session` makes it.

    It is the mapping that it was made of, as it was then: a later change of that mapping does not reach it.
    """

    __slots__ = ("_given", "plain", "schema", "seen")

    def __init__(self, given: Mapping[str, Any], schema: Schema, *, kept: bool = True) -> None:
        """Take a mapping; `kept` says whether the session outlives the call that brings it."""
        self._given: Mapping[str, Any] = copy.deepcopy(dict(given)) if kept else given
        self.schema = schema
        self.seen: dict[str, Seen] = {}
        # Another may act for the principal: that is for the interpreter.
        self.plain = "actor" not in self._given

    def read(self, action: str) -> Seen | None:
        """Return the session as an action knows it; None where anything in it is not of its declared type."""
        fields = conform_attributes(self._given, self.schema.actions[action].session, self.schema)
        if any(isinstance(value, Unknown) for value in fields.values()):
            return None
        starts = [value.micros for each in _STARTS if isinstance(value := fields.get(each), Datetime)]
        expires, token = fields.get("expires_at"), fields.get("token_id")
        found = self.seen[action] = Seen(
            fields,
            max(starts, default=None),
            expires.micros if isinstance(expires, Datetime) else None,
            token if isinstance(token, str) else None,
        )
        return found

    def __getitem__(self, name: str) -> Any:
        return self._given[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)

    def __repr__(self) -> str:
        return f"<Session of {', '.join(sorted(map(str, self._given)))}>"
