"""Compiled policies: for each kind of question the functions that answer it, made when the first one is asked."""

from __future__ import annotations

import ast
import datetime
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from pdp import terms
from pdp.codegen.constants import Shape
from pdp.codegen.expressions import Reader
from pdp.codegen.functions import Function, Maker
from pdp.codegen.support import careful
from pdp.conform import conform
from pdp.entities.held import Held
from pdp.evaluation import FOREVER
from pdp.lowering import Lowered, Setting, lower
from pdp.model import Effect
from pdp.schema import Schema
from pdp.session import Session
from pdp.terms import Policy, RootName, Rule
from pdp.tree import Fork, Index, Placed, fork
from pdp.types import EnumType, Primitive, Type
from pdp.values import EntityRef, EnumMember

Answer = tuple[Any, int, int | None]
"""What tells the rules that matter, until when they do, and the `now` that was read for it, if any was."""

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_REMEMBERED: Final = 4096
"""How many texts of a request each reader remembers the value of."""

_WHOLE: Final = 24
"""So many rules at most are one function, with their constants in its code."""

_MERGED: Final = 256
"""Up to so many entries, the rules that name what an entity is in are put together in one table for it."""


# ------------------------------------------------------------------------------------------ what a request brings


def clock() -> int:
    """Return the time of the wall clock, in microseconds since the epoch."""
    return time.time_ns() // 1000


def micros(now: Any) -> int:
    """Return a given instant in microseconds since the epoch; raise for what is none."""
    if now.__class__ is not datetime.datetime or now.utcoffset() is None:
        careful()
    since = now - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def opened(session: Any, now: int, world: Any, action: str) -> tuple[Any, int]:
    """Return the attributes of a session, and its end; raise for one that is no session, or none that holds now."""
    if session.__class__ is not Session or not session.plain or session.schema is not world.schema:
        careful()
    seen = session.seen.get(action) or session.read(action)
    if seen is None:
        careful()
    fields, begins, ends, token = seen
    if (begins is not None and begins > now) or (ends is not None and ends <= now):
        careful()
    if token is not None and token in world.revoked_sessions:
        careful()
    return fields, FOREVER if ends is None else ends


# Fixed texts, put before the tests of each function that is called from outside.
_PROLOGUE: Final = """
if c is None:
    c = NOTHING
elif c.__class__ is not DICT:
    careful()
if n is not None:
    n = micros(n)
if s is None:
    sa = None
    u = FOREVER
else:
    if n is None:
        n = clock()
    sa, u = opened(s, n, w, ACTION)
"""
_BINDINGS: Final[Mapping[str, Any]] = {
    "NOTHING": {},
    "DICT": dict,
    "FOREVER": FOREVER,
    "careful": careful,
    "clock": clock,
    "micros": micros,
    "opened": opened,
}


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

        def read(value: Any) -> Any:
            if value.__class__ is not str:
                return conform(value, kind, schema)
            found = known.get(value)
            if found is None:
                found = conform(value, kind, schema)
                if len(value) <= 64:
                    if len(known) >= _REMEMBERED:
                        known.clear()
                    known[value] = found
            return found

        return read


# --------------------------------------------------------------------------------------------------------- programs


class Program:
    """A policy, compiled cell by cell. `gates` and `doors` lead from types and action to what answers.

    `handled` names the obligations that the caller fulfils.
    """

    def __init__(self, policy: Policy, handled: frozenset[str] = frozenset()) -> None:
        self.policy = policy
        self.schema = policy.schema
        self.handled = handled
        self.index = Index(policy.rules)
        self.gates: dict[str, dict[str, dict[str, Callable[..., bool]]]] = {}
        self.doors: dict[str, dict[str, dict[str, Any]]] = {}
        self.readers = Readers(policy.schema)
        self.shapes: dict[Any, tuple[Function, Sequence[int]]] = {}
        for name in policy.schema.entities:
            self.gates[name], self.doors[name] = {}, {}

    def cell(self, action: str, principal: str, resource: str) -> Cell | None:
        """Return what answers a kind of question, made now if need be; None where it cannot be asked."""
        found = self.doors.get(principal, {}).get(action, {}).get(resource)
        if found is None:
            declared = self.schema.actions.get(action)
            if declared is None or principal not in declared.principals or resource not in declared.resources:
                return None
            found = self._make(Setting(schema=self.schema, action=action, principal=principal, resource=resource))
            if found.allows is not None:
                self.gates[principal].setdefault(action, {})[resource] = found.allows
            self.doors[principal].setdefault(action, {})[resource] = found
        return found

    def _make(self, setting: Setting) -> Cell:
        placed = self.index.cell(setting.action, setting.principal, setting.resource)
        return Cell(self, setting, placed)


class Cell:
    """The rules of one action, principal type and resource type.

    `run(p, r, c, s, n, w)` gives what tells the rules that matter; `allows`, with the same arguments, the answer: it is
    there where no obligation can make an allow worthless. `who` gives the rules that are told.
    """

    def __init__(self, program: Program, setting: Setting, placed: Placed) -> None:
        self.program, self.setting, self.placed = program, setting, placed
        self.title = f"{setting.principal} to {setting.action} on {setting.resource}"
        self.functions: list[Function] = []
        self.run: Callable[..., Answer]
        self.who: Callable[[Any], list[Rule]]
        self.allows: Callable[..., bool] | None = None
        if placed.rows or len(placed.open) > _WHOLE:
            wide = Wide(self)
            self.run, self.who = wide.run, wide.who
            if self._is_simple():
                self.allows = wide.allows
        else:
            self._compile()

    def _compile(self) -> None:
        lowered = [lower(rule, scope) for rule, scope in self.placed.open]
        maker = self.maker(lowered, self.title, outermost=True)
        decide = maker.decide()
        events = tuple(maker.events)
        self.run, self.who = decide.call, lambda bits: [lowered[at].rule for at in _places(bits, events)]
        self.functions.append(decide)
        if self._is_simple():
            allows = maker.allows()
            self.allows = allows.call
            self.functions.append(allows)

    def maker(
        self, lowered: Sequence[Lowered], title: str, *, outermost: bool = False, shape: Shape | None = None
    ) -> Maker:
        """Return what makes functions of rules of this cell."""
        return Maker(
            self.setting,
            lowered,
            self.program.readers,
            title=title,
            shape=shape,
            prologue=ast.parse(_PROLOGUE).body if outermost else (),
            bindings={**_BINDINGS, "ACTION": self.setting.action},
        )

    def _is_simple(self) -> bool:
        """Tell whether every obligation of a permit is handled, and always complete."""
        return not self.placed.duties and all(
            obligation.name in self.program.handled and not _varies(obligation)
            for rule, _ in self.placed.open
            if rule.effect is Effect.PERMIT
            for obligation in rule.obligations
        )


def _varies(obligation: terms.ObligationTerm) -> bool:
    return not all(isinstance(each, terms.Constant) for _, each in obligation.arguments)


def settled(rule: Rule) -> bool:
    """Tell whether what a rule adds to a decision does not depend on the question, once it is known whether it applies.

    An obligation with computed arguments does, and so does an approval of a value.
    """
    return not any(_varies(obligation) for obligation in rule.obligations) and not any(
        isinstance(clause.condition, terms.Approvals) and clause.condition.of is not None for clause in rule.clauses
    )


def _places(bits: int, events: Sequence[int]) -> list[int]:
    """Return the places that the bits of a number stand for, each once."""
    found = set()
    while bits:
        lowest = bits & -bits
        found.add(events[lowest.bit_length() - 1])
        bits ^= lowest
    return sorted(found)


# ---------------------------------------------------------------------------------------------------- many rules


class Part:
    """Some rules of a cell with many: a function that they share with rules of the same shape, and their constants."""

    __slots__ = ("_cell", "_events", "_open", "call", "forbids", "permits", "row")

    def __init__(self, cell: Cell, opened: Sequence[tuple[Rule, tuple[terms.Term, ...]]]) -> None:
        self._cell, self._open = cell, opened
        self.row: tuple[Any, ...] = ()
        self._events: Sequence[int] = ()
        self.forbids = self.permits = 0
        self.call: Callable[..., Answer] = self._first

    def _first(self, _: object, *arguments: Any) -> Answer:
        self._compile()
        return self.call(self.row, *arguments)

    def _compile(self) -> None:
        lowered = [lower(rule, scope) for rule, scope in self._open]
        shape = Shape(each for one in lowered for each in one.parts)
        known = (self._cell.title, shape.key, *map(_outline, lowered))
        made = self._cell.program.shapes.get(known)
        if made is None:
            maker = self._cell.maker(lowered, f"{self._cell.title}, {self._open[0][0].id}", shape=shape)
            function = maker.decide()
            made = self._cell.program.shapes[known] = (function, tuple(maker.events))
            self._cell.functions.append(function)
        function, self._events = made
        for bit, at in enumerate(self._events):
            if lowered[at].rule.effect is Effect.FORBID:
                self.forbids |= 1 << bit
            elif self._events.index(at) == bit:
                # The first bit of a permit says that it applies, the others name needs.
                self.permits |= 1 << bit
        self.row = function.constants.row(shape)
        self.call = function.call

    def rules(self, bits: int) -> list[Rule]:
        """Return the rules that bits tell."""
        return [self._open[at][0] for at in _places(bits, self._events)]


def _outline(lowered: Lowered) -> tuple[object, ...]:
    """Return what a function depends on besides the terms of its rules."""
    demands = tuple((len(demand.tests), len(demand.timed)) for demand in lowered.demands)
    late = any(_varies(obligation) for obligation in lowered.rule.obligations)
    counts = len(lowered.tests), len(lowered.timed), demands
    return lowered.rule.effect, lowered.scoped, counts, late and lowered.rule.id


class Branch:
    """Rules that are told apart by the value of one attribute."""

    __slots__ = ("_groups", "_grow", "_root", "attribute")

    def __init__(self, found: Fork, grow: Callable[[Sequence[int]], Parts], places: Sequence[int]) -> None:
        self._root, self.attribute = found.root, found.attribute
        self._grow = grow
        self._groups: dict[Any, Parts | tuple[int, ...]] = {
            value: tuple(places[each] for each in inner) for value, inner in found.rules.items()
        }

    def parts(self, p: Held, r: Held) -> Parts:
        """Return what is to be asked for a principal and a resource."""
        value = (p if self._root is RootName.PRINCIPAL else r).a[self.attribute]
        found = self._groups.get(value, ())
        if found.__class__ is tuple:
            if not found:
                return []
            found = self._groups[value] = self._grow(found)
        return found  # type: ignore[return-value]


Parts = list[Part | Branch]


class Entry:
    """Rules that name what a principal and a resource are in: those without a condition by number, and the others."""

    __slots__ = ("parts", "plain")

    def __init__(self, plain: tuple[int, ...], parts: tuple[Part, ...]) -> None:
        self.plain, self.parts = plain, parts


class Wide:
    """Answers for a cell with many rules: looks up those that name entities, and tells the others apart by values."""

    def __init__(self, cell: Cell) -> None:
        self._cell, self._placed = cell, cell.placed
        self._rules = cell.program.index.rules
        self._action = cell.setting.action
        self._single: dict[int, Part] = {}
        self._roots = self._grow(range(len(cell.placed.open)))

    def _grow(self, places: Sequence[int]) -> Parts:
        opened = self._placed.open
        found = fork([opened[place][0] for place in places], self._cell.setting)
        if found is None:
            if len(places) <= _WHOLE:
                return [Part(self._cell, [opened[place] for place in places])] if places else []
            return [Part(self._cell, [opened[place]]) for place in places]
        taken = {place for inner in found.rules.values() for place in inner}
        rest = [place for at, place in enumerate(places) if at not in taken]
        return [Branch(found, self._grow, places), *self._grow(rest)]

    def _table(self, p: Held) -> tuple[dict[EntityRef | None, Entry], Entry | None]:
        """Return the rules that name what a principal is in, by what the resource is in, and those on all resources."""
        if p.up is None:
            careful()
        rows = [row for table in self._placed.rows for ref in (*p.up, None) if (row := table.get(ref)) is not None]
        joined: dict[EntityRef | None, list[int]] = {}
        for row in rows:
            for ref, numbers in row.items():
                joined.setdefault(ref, []).extend(numbers)
        table = {ref: self._entry(numbers) for ref, numbers in joined.items()}
        found = p.rows[self] = table, table.pop(None, None)
        return found

    def _entry(self, numbers: Iterable[int]) -> Entry:
        plain, parts = [], []
        for number in sorted(set(numbers)):
            rule = self._rules[number]
            if rule.clauses or rule.obligations:
                part = self._single.get(number)
                if part is None:
                    part = self._single[number] = Part(self._cell, [(rule, ())])
                parts.append(part)
            else:
                plain.append(number)
        return Entry(tuple(plain), tuple(parts))

    def _found(self, p: Held, r: Held) -> tuple[tuple[int, ...], list[Part]]:
        """Return the rules without a condition that are in scope, and what is to be asked of the others."""
        plain: tuple[int, ...] = ()
        parts: list[Part] = []
        if self._placed.rows:
            table, always = p.rows.get(self) or self._table(p)
            for ref in r.up:  # type: ignore[union-attr]  # None raises: the interpreter answers
                entry = table.get(ref)
                if entry is not None:
                    plain += entry.plain
                    parts += entry.parts
            if always is not None:
                plain += always.plain
                parts += always.parts
        work = list(self._roots)
        while work:
            each = work.pop()
            if isinstance(each, Part):
                parts.append(each)
            else:
                work += each.parts(p, r)
        return plain, parts

    def run(self, p: Held, r: Held, c: Any, s: Any, n: Any, w: Any) -> Answer:
        """Return what tells the rules that matter, until when they do, and the instant that was asked about."""
        plain, parts = self._found(p, r)
        c, sa, n, u = _entered(c, s, n, w, self._action)
        if not parts:
            return plain, u, n
        told: list[Any] = list(plain)
        for part in parts:
            bits, until, n = part.call(part.row, p, r, c, sa, n, w)
            if bits:
                told.append((part, bits))
            if until < u:
                u = until
        return tuple(told), u, n

    def allows(self, p: Held, r: Held, c: Any, s: Any, n: Any, w: Any) -> bool:
        """Tell whether a permit applies and no forbid does."""
        plain, parts = self._found(p, r)
        c, sa, n, _ = _entered(c, s, n, w, self._action)
        if not parts and not self._placed.forbids:
            return bool(plain)
        rules = self._rules
        allowed = False
        for number in plain:
            if rules[number].effect is Effect.FORBID:
                return False
            allowed = True
        for part in parts:
            bits, _, n = part.call(part.row, p, r, c, sa, n, w)
            if bits & part.forbids:
                return False
            allowed = allowed or bits & part.permits != 0
        return allowed

    def who(self, told: tuple[Any, ...]) -> list[Rule]:
        """Return the rules that a result of `run` tells."""
        found: list[Rule] = []
        for each in told:
            found += [self._rules[each]] if isinstance(each, int) else each[0].rules(each[1])
        return sorted({rule.id: rule for rule in found}.values(), key=lambda rule: rule.id)


def _entered(c: Any, s: Any, n: Any, w: Any, action: str) -> tuple[Any, Any, Any, int]:
    """Return context, session and time as compiled rules take them: what the prologue of a lone function does."""
    if c is None:
        c = _BINDINGS["NOTHING"]
    elif c.__class__ is not dict:
        careful()
    if n is not None:
        n = micros(n)
    if s is None:
        return c, None, n, FOREVER
    if n is None:
        n = clock()
    fields, until = opened(s, n, w, action)
    return c, fields, n, until
