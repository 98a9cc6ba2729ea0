"""A session that is read once and asked with many times."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from pdp.conform import conform_attributes
from pdp.evaluation import FOREVER, NEVER, proved_at, revocable
from pdp.model import RevocationKind
from pdp.operators import Found
from pdp.schema import Schema
from pdp.types import RecordType
from pdp.values import Datetime, Unknown

_STARTS: Final = ("issued_at", "authenticated_at")
_WAYS: Final = 256
"""A session is remembered for so many actions: it may outlive many policies, each with its own."""


class Way:
    """An action of one schema: what a session is read for. It is told by what it is, not by what is in it.

    `take` reads the whole context of a request, where that is to be read at once; then `asks` says that there is no
    context without an attribute.
    """

    __slots__ = ("action", "asks", "schema", "take")

    def __init__(self, action: str, schema: Schema, take: Callable[[Any], dict[str, Any]] | None = None) -> None:
        self.action, self.schema, self.take = action, schema, take
        declared = schema.actions[action].context.fields
        self.asks = take is not None and any(not each.optional for each in declared.values())


class Names:
    """What of a session may be revoked, and when it was proved. `clean` marks the revocations that do not reach it."""

    __slots__ = ("clean", "given", "proved")

    def __init__(self, given: tuple[tuple[RevocationKind, str], ...], proved: int | None) -> None:
        self.given, self.proved = given, proved
        self.clean: object = None


class Seen(NamedTuple):
    """A session as one action knows it: its attributes, when it begins and ends, in microseconds, and its names."""

    fields: dict[str, Found]
    begins: int
    ends: int
    names: Names


class Session(Mapping[str, Any]):
    """What is known of who asks. `Engine.session` makes it.

    It is the mapping that it was made of, as it was then: a later change of that mapping does not reach it.
    """

    __slots__ = ("_given", "proof", "seen")

    proof: Any
    """What of it may be revoked, as whoever watches what it asks keeps it here; nothing stands here before that."""

    def __init__(self, given: Mapping[str, Any], *, kept: bool = True) -> None:
        """Take a mapping; `kept` says whether the session outlives the call that brings it."""
        self._given: Mapping[str, Any] = copy.deepcopy(dict(given)) if kept else given
        self.seen: dict[Way, Seen] = {}

    def read(self, way: Way) -> Seen | None:
        """Return the session as an action knows it, and remember it.

        None where anything in it is not of its declared type, or where another acts for the principal.
        """
        fields = self.conformed(way.schema.actions[way.action].session, way.schema)
        if "actor" in self._given or any(isinstance(value, Unknown) for value in fields.values()):
            return None
        starts = [value.micros for each in _STARTS if isinstance(value := fields.get(each), Datetime)]
        expires = fields.get("expires_at")
        found = Seen(
            fields,
            max(starts, default=NEVER),
            expires.micros if isinstance(expires, Datetime) else FOREVER,
            Names(tuple(revocable(fields)), proved_at(fields)),
        )
        if len(self.seen) >= _WAYS:
            self.seen.clear()
        self.seen[way] = found
        return found

    def conformed(self, kind: RecordType, schema: Schema) -> dict[str, Found]:
        """Return its attributes by their declared types; unknown where one is of another."""
        return conform_attributes(self._given, kind, schema)

    def texts(self) -> dict[str, str]:
        """Return what of it is a text, whatever an action takes it for."""
        return {name: str.__str__(value) for name, value in self._given.items() if issubclass(type(value), str)}

    def __contains__(self, name: object) -> bool:
        return name in self._given

    def __getitem__(self, name: str) -> Any:
        # What is in it cannot be reached to be changed: some actions may have read it, and others not yet.
        return copy.deepcopy(self._given[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)

    def __repr__(self) -> str:
        return f"<Session of {', '.join(sorted(map(str, self._given)))}>"
