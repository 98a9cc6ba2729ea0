"""Cells with many rules: those that name entities are looked up, the others told apart by the values they ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from pdp import terms
from pdp.arguments import Leased, entered, micros
from pdp.codegen.constants import Shape
from pdp.codegen.functions import Function
from pdp.codegen.support import careful
from pdp.entities.held import Held
from pdp.evaluation import FOREVER
from pdp.lowering import Lowered, lower, varies
from pdp.model import Effect
from pdp.terms import RootName, Rule
from pdp.tree import Fork, choices, fork
from pdp.values import EntityRef

if TYPE_CHECKING:
    from pdp.cells import Cell

WHOLE: Final = 24
"""So many rules at most are one function, with their constants in its code."""


Reached = tuple[int, int, int | None]
"""The bits that tell rules, until when they do, and the `now` that was read for it, if any was."""


Looked = tuple[Any, int, list[Rule]]
"""What tells the rules that matter, until when they do, and the rules that nothing is told of."""


AT_ONCE: Final = 16
"""So many parts at most are compiled at once: no caller waits for thousands, the interpreter answers until they are."""


class Part:
    """Some rules of a cell with many: a function that they share with rules of the same shape, and their constants."""

    __slots__ = ("_cell", "_events", "_function", "_look", "_open", "call", "forbids", "permits", "row")

    def __init__(self, cell: Cell, opened: Sequence[tuple[Rule, tuple[terms.Term, ...]]]) -> None:
        self._cell, self._open = cell, opened
        self.row: tuple[Any, ...] = ()
        self._function: Function | None = None
        self._events: Sequence[int] = ()
        self.forbids = self.permits = 0
        self.call: Callable[..., Reached] = self._first
        self._look: Callable[..., tuple[int, int, tuple[int, ...]]] | None = None

    def _first(self, _: object, *arguments: Any) -> Reached:
        self.warm()
        return self.call(self.row, *arguments)

    @property
    def cold(self) -> bool:
        """Whether it is not yet compiled."""
        return self._function is None

    def warm(self) -> None:
        """Compile it."""
        self._cell.program.attempt(self, self._compile)

    def _compile(self) -> None:
        function, self._events, self.row, lowered = self._made("decide")
        for bit, at in enumerate(self._events):
            if lowered[at].rule.effect is Effect.FORBID:
                self.forbids |= 1 << bit
            elif self._events.index(at) == bit:
                # The first bit of a permit says that it applies, the others name needs.
                self.permits |= 1 << bit
        self.call, self._function = function.call, function

    def _made(self, what: str) -> tuple[Function, Sequence[int], tuple[Any, ...], Sequence[Lowered]]:
        """Return a function of the shape of these rules, what each of its bits is about, their row, and them."""
        lowered = [lower(rule, scope) for rule, scope in self._open]
        shape = Shape(each for one in lowered for each in one.parts)
        shapes = self._cell.program.shapes
        known = (what, self._cell.title, shape.key, *map(_outline, lowered))
        if known not in shapes:
            maker = self._cell.maker(lowered, f"{self._cell.title}, {self._open[0][0].id}", shape=shape)
            function = maker.decide() if what == "decide" else maker.carefully()
            shapes[known] = function, tuple(maker.events)
            self._cell.functions.append(function)
        function, events = shapes[known]
        return function, events, function.constants.row(shape), lowered

    def look(self, *arguments: Any) -> tuple[int, int, list[Rule]]:
        """Return the bits that tell rules, until when they do, and the rules that only the interpreter can speak of."""
        call = self._look
        if call is None:
            call = self._look = self._cell.program.attempt((self, "look"), self._careful)
        bits, until, raising = call(*arguments)
        return bits, until, [self._open[at][0] for at in raising]

    def _careful(self) -> Callable[..., tuple[int, int, tuple[int, ...]]]:
        function, _, row, _ = self._made("carefully")
        return lambda *arguments: function.call(row, *arguments)

    def function(self) -> tuple[Function, tuple[Any, ...], list[Rule]]:
        """Return the function that answers, the row of constants that it is called with here, and the rules."""
        if self._function is None:
            self._compile()
        assert self._function is not None
        return self._function, self.row, [rule for rule, _ in self._open]

    def rules(self, bits: int) -> list[Rule]:
        """Return the rules that bits tell."""
        return [self._open[at][0] for at in places_of(bits, self._events)]


def _outline(lowered: Lowered) -> tuple[object, ...]:
    """Return what a function depends on besides the terms of its rules."""
    demands = tuple((len(demand.tests), len(demand.timed)) for demand in lowered.demands)
    late = any(varies(obligation) for obligation in lowered.rule.obligations)
    counts = len(lowered.tests), len(lowered.timed), demands
    return lowered.rule.effect, lowered.scoped, counts, late and lowered.rule.id


def places_of(bits: int, events: Sequence[int]) -> list[int]:
    """Return the places that the bits of a number stand for, each once."""
    found = set()
    while bits:
        lowest = bits & -bits
        found.add(events[lowest.bit_length() - 1])
        bits ^= lowest
    return sorted(found)


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

    def every(self) -> Iterator[Part]:
        """Yield what there is to be asked, whatever the value."""
        for value, found in self._groups.items():
            if found.__class__ is tuple:
                found = self._groups[value] = self._grow(found)
            yield from every_part(found)  # type: ignore[arg-type]


def every_part(parts: Parts) -> Iterator[Part]:
    """Yield all parts, those of branches too."""
    for each in parts:
        if isinstance(each, Part):
            yield each
        else:
            yield from each.every()


Parts = list[Part | Branch]


class Entry:
    """Rules that name what a principal and a resource are in: those without a condition by number, and the others."""

    __slots__ = ("parts", "plain")

    def __init__(self, plain: tuple[int, ...], parts: tuple[Part, ...]) -> None:
        self.plain, self.parts = plain, parts


class Wide:
    """Answers for a cell with many rules: looks up those that name entities, and tells the others apart by values."""

    __slots__ = (
        "_cell",
        "_choices",
        "_cold",
        "_forbids",
        "_placed",
        "_reads",
        "_rechecks",
        "_roots",
        "_rows",
        "_rules",
        "_single",
        "_way",
    )

    def __init__(self, cell: Cell) -> None:
        self._cell, self._placed = cell, cell.placed
        self._rules = cell.program.index.rules
        self._way = cell.way
        self._rechecks, self._forbids = cell.placed.rechecks, cell.placed.forbids
        # Whether there is something to be read of any request, whatever it brings.
        self._reads = cell.placed.rechecks or cell.way.asks
        self._rows = cell.placed.rows
        self._single: dict[int, Part] = {}
        self._cold: set[Part] = set()
        known: dict[Any, object] = {}
        # What has edges whatever its condition comes to is asked whatever the attributes are.
        self._choices = [
            {} if scope or any(map(varies, rule.obligations)) else choices(rule, cell.setting, known)
            for rule, scope in cell.placed.open
        ]
        self._roots = self._grow(range(len(cell.placed.open)))

    def _grow(self, places: Sequence[int]) -> Parts:
        opened = self._placed.open
        found = fork([self._choices[place] for place in places])
        if found is None:
            if len(places) <= WHOLE:
                return [self._part([opened[place] for place in places])] if places else []
            return [self._part([opened[place]]) for place in places]
        taken = {place for inner in found.rules.values() for place in inner}
        rest = [place for at, place in enumerate(places) if at not in taken]
        return [Branch(found, self._grow, places), *self._grow(rest)]

    def _part(self, opened: Sequence[tuple[Rule, tuple[terms.Term, ...]]]) -> Part:
        found = Part(self._cell, opened)
        self._cold.add(found)
        return found

    def _table(self, p: Held) -> tuple[dict[EntityRef | None, Entry], Entry | None]:
        """Return the rules that name what a principal is in, by what the resource is in, and those on all resources."""
        if p.up is None:
            careful()
        rows = [row for table in self._rows for ref in (*p.up, None) if (row := table.get(ref)) is not None]
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
                    part = self._single[number] = self._part([(rule, ())])
                parts.append(part)
            else:
                plain.append(number)
        return Entry(tuple(plain), tuple(parts))

    def _found(self, p: Held, r: Held) -> tuple[tuple[int, ...], Sequence[Part]]:
        """Return the rules without a condition that are in scope, and what is to be asked of the others."""
        plain: tuple[int, ...] = ()
        found: tuple[Part, ...] = ()
        if self._rows:
            table, always = p.rows.get(self) or self._table(p)
            for ref in r.up:  # type: ignore[union-attr]  # None raises: the interpreter answers
                entry = table.get(ref)
                if entry is not None:
                    plain += entry.plain
                    found += entry.parts
            if always is not None:
                plain += always.plain
                found += always.parts
        if not self._roots:
            if self._cold and found:
                self._warm(found)
            return plain, found
        parts = list(found)
        work = list(self._roots)
        while work:
            each = work.pop()
            if isinstance(each, Part):
                parts.append(each)
            else:
                work += each.parts(p, r)
        if self._cold:
            self._warm(parts)
        return plain, parts

    def _warm(self, parts: Sequence[Part]) -> None:
        """Compile some of what is asked for the first time; raise where that is not all."""
        cold = [part for part in parts if part.cold]
        for part in cold[:AT_ONCE]:
            part.warm()
            self._cold.discard(part)
        if len(cold) > AT_ONCE:
            careful()

    def run(self, p: Held, r: Held, c: Any, s: Any, n: Any, w: Any) -> Any:
        """Return what tells the rules that matter, with its lease where it has one."""
        plain, parts = self._found(p, r)
        if s is None and n is None and c is None and not parts and not self._reads:
            return plain
        c, sa, n, u = entered(c, s, n if n is None else micros(n), w, self._way)
        told: Any = plain
        if parts:
            told = list(plain)
            for part in parts:
                bits, until, n = part.call(part.row, p, r, c, sa, n, w)
                if bits:
                    told.append((part, bits))
                if until < u:
                    u = until
            told = tuple(told)
        return told if u == FOREVER and not self._rechecks else Leased((told, u, n))

    def look(self, p: Held, r: Held, c: Any, sa: Any, n: int, w: Any) -> Looked:
        """Return what `run` does, but for the rules that raise: these are named."""
        plain, parts = self._found(p, r)
        told: list[Any] = list(plain)
        u, raising = FOREVER, []
        for part in parts:
            try:
                bits, until, _ = part.call(part.row, p, r, c, sa, n, w)
            except Exception:
                bits, until, rules = part.look(p, r, c, sa, n, w)
                raising += rules
            if bits:
                told.append((part, bits))
            u = min(u, until)
        return tuple(told), u, raising

    def allows(self, p: Held, r: Held, c: Any, s: Any, n: Any, w: Any) -> bool:
        """Tell whether a permit applies and no forbid does."""
        plain, parts = self._found(p, r)
        sa: Any = None
        if s is not None or n is not None or c is not None or parts or self._reads:
            c, sa, n, _ = entered(c, s, n if n is None else micros(n), w, self._way)
        if not parts and not self._forbids:
            return plain != ()
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

    def parts(self) -> list[Part]:
        """Return everything that is compiled, whoever asks. It takes time: most of it is not yet."""
        return [*self._entry(self._placed.looked_up).parts, *every_part(self._roots)]

    def who(self, told: tuple[Any, ...]) -> list[Rule]:
        """Return the rules that a result of `run` tells."""
        found: list[Rule] = []
        for each in told:
            found += [self._rules[each]] if isinstance(each, int) else each[0].rules(each[1])
        return sorted({rule.id: rule for rule in found}.values(), key=lambda rule: rule.id)
