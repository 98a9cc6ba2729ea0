"""What a request brings, as compiled rules take it: read once, and only where there is nothing odd about it."""

from __future__ import annotations

import ast
import datetime
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from pdp.codegen.expressions import Reader
from pdp.codegen.functions import Prologue
from pdp.codegen.support import careful, clock
from pdp.conform import conform
from pdp.evaluation import FOREVER
from pdp.schema import Schema
from pdp.session import Seen, Session, Way
from pdp.types import EnumType, Primitive, Type
from pdp.values import EnumMember

_UTC: Final = datetime.UTC
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=_UTC)
_REMEMBERED: Final = 4096
"""How many texts of a request each reader remembers the value of."""


class Leased(tuple[Any, int, int | None]):
    """What tells the rules that matter, until when they do, and the `now` that was read for it, if any was.

    What tells the rules stands alone where no passing of time alone changes it.
    """

    __slots__ = ()


def micros(now: Any) -> int:
    """Return a given instant in microseconds since the epoch; raise for what is none."""
    if type(now) is not datetime.datetime or (now.tzinfo is not _UTC and now.utcoffset() is None):
        careful()
    since = now - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def opened(session: Any, way: Way) -> Seen:
    """Return a session as an action knows it; raise for what is none, or is for the interpreter."""
    found = session.read(way) if type(session) is Session else None
    if found is None:
        careful()
    return found


# Fixed texts, put before the tests of each function that is called from outside.
_CONTEXT: Final = """
if c is None:
    c = NOTHING
elif type(c) is not DICT:
    careful()
"""
_NO_CONTEXT: Final = """
if c is not None and type(c) is not DICT:
    careful()
"""
# What Cedar takes for a context, it takes as a whole: the request is refused where any of it is wrong.
_TAKEN: Final = """
c = NOTHING if c is EMPTY else take(c)
"""
_REST: Final = """
if n is not None:
    n = micros(n)
if s is not None:
    if type(s) is not SESSION:
        careful()
    if n is None:
        n = clock()
    sa, b, u, t = s.seen.get(WAY) or opened(s, WAY)
    if not b <= n < u or t in w.revoked_sessions:
        careful()
"""
# What the names of a session stand for where there is none.
_ALONE: Final = {"sa": "sa = None", "u": "u = FOREVER"}
_BINDINGS: Final[Mapping[str, Any]] = {
    "DICT": dict,
    "EMPTY": None,
    "FOREVER": FOREVER,
    "NOTHING": {},
    "SESSION": Session,
    "careful": careful,
    "clock": clock,
    "micros": micros,
    "opened": opened,
    # Not what a value says its class is: that can be said of anything.
    "type": type,
}


def prologue(way: Way, *, context: bool) -> Prologue:
    """Return what reads context, session and time for the tests of a function.

    `context` says that the tests look at the context.
    """
    if way.take is not None:
        # Where something has to be there, nothing at all is read like anything else.
        empty = _MISSING if way.asks else None
        bindings = {**_BINDINGS, "WAY": way, "EMPTY": empty, "take": way.take}
        return Prologue(lambda names: _parsed(_TAKEN, names & frozenset(_ALONE)), bindings)
    begin = _CONTEXT if context else _NO_CONTEXT
    return Prologue(lambda names: _parsed(begin, names & frozenset(_ALONE)), {**_BINDINGS, "WAY": way})


_MISSING: Final = object()


@lru_cache
def _parsed(begin: str, names: frozenset[str]) -> list[ast.stmt]:
    alone = "\n    ".join(_ALONE[each] for each in sorted(names))
    other = f"else:\n    {alone}\n" if alone else ""
    tree = ast.parse(begin + _REST + other)
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt | ast.expr):
            # None of it is the policy's: it stands for the first line of the listing.
            node.lineno = node.end_lineno = 1
            node.col_offset = node.end_col_offset = 0
    return tree.body


def entered(c: Any, s: Any, n: int | None, w: Any, way: Way) -> tuple[Any, Any, Any, int]:
    """Return context, session and time as compiled rules take them: what the prologue of a lone function does.

    The time comes in microseconds; None where the clock has not been read.
    """
    if way.take is not None:
        c = _BINDINGS["NOTHING"] if c is None and not way.asks else way.take(c)
    elif c is None:
        c = _BINDINGS["NOTHING"]
    elif type(c) is not dict:
        careful()
    return c, *proved(s, n, w, way)


def proved(s: Any, n: int | None, w: Any, way: Way) -> tuple[Any, Any, int]:
    """Return session and time as compiled rules take them."""
    if s is None:
        return None, n, FOREVER
    if type(s) is not Session:
        careful()
    if n is None:
        n = clock()
    fields, begins, ends, token = s.seen.get(way) or opened(s, way)
    if not begins <= n < ends or token in w.revoked_sessions:
        careful()
    return fields, n, ends


class Readers:
    """Makes what reads the values of requests; texts that come again are not read again."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._made: dict[str, tuple[Type, Reader]] = {}

    def __call__(self, kind: Type) -> Reader:
        """Return what reads values of a type, and raises for any other."""
        shown = f"{kind.__class__.__name__} {kind}"
        found = self._made.get(shown)
        if found is None or found[0] != kind:
            found = self._made[shown] = (kind, self._make(kind))
        return found[1]

    def _make(self, kind: Type) -> Reader:
        schema = self._schema
        known: dict[str, Any] = {}
        if isinstance(kind, EnumType):
            known.update((name, EnumMember(kind.name, name)) for name in kind.members)
        elif kind in (Primitive.STRING, Primitive.BOOL, Primitive.INT) or not isinstance(kind, Primitive):
            return lambda value: conform(value, kind, schema)
        return Remembering(kind, schema, known)


class Remembering:
    """Reads values that are written as texts. `known` are texts that came before, and what they came to."""

    __slots__ = ("_kind", "_schema", "known")

    def __init__(self, kind: Type, schema: Schema, known: dict[str, Any]) -> None:
        self._kind, self._schema, self.known = kind, schema, known

    def __call__(self, value: Any) -> Any:
        """Return a value; raise for one of another type."""
        known = self.known
        if type(value) is not str:
            return conform(value, self._kind, self._schema)
        found = known.get(value)
        if found is None:
            found = conform(value, self._kind, self._schema)
            if len(value) <= 64:
                if len(known) >= _REMEMBERED:
                    known.clear()
                known[value] = found
        return found
