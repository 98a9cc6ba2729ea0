"""Random conditions in which every operand is of the type that its operator wants."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pdp import terms
from pdp.symbols import ArithmeticOp, CompareOp, ContainsOp, QuantifierOp
from pdp.terms import RootName, Term
from pdp.types import EntityTypes, FieldType, RecordType, SetType, Type
from pdp.values import Datetime, Duration, Value, ValueSet
from pdp.zones import CalendarField
from tests.differential import world

ROOTS = {name: terms.Root(name=name) for name in RootName}
EQUAL = (CompareOp.EQ, CompareOp.EQ, CompareOp.NE)
ORDER = tuple(CompareOp)
ORDERED = ("Int", "Decimal", "Datetime", "Duration")
ENTITIES = ("User", "Group", "Folder", "holder")
SETS = ("[String]", "[Int]", "[Group]", "[User]", "[Kind]", "[part]")
FIELDS: Mapping[CalendarField, tuple[int, ...]] = {
    CalendarField.HOUR: (0, 1, 2, 8, 9, 10, 18, 23),
    CalendarField.MINUTE: (0, 30, 59),
    CalendarField.WEEKDAY: (0, 1, 4, 6),
    CalendarField.DAY: (1, 23, 25, 29),
    CalendarField.MONTH: (3, 10, 11),
    CalendarField.YEAR: (2026, 2027),
}
PATTERNS = (("x", ""), ("", "y"), ("INC-", ""), ("refs/", "/main"), ("", "", ""), ("", "a", "i", ""), ("main",))


@dataclass(frozen=True, slots=True)
class Path:
    """An attribute path, and what has to be asked before it in a rule that is checked."""

    term: Term
    guards: tuple[Term, ...] = ()


Paths = dict[str, list[Path]]


def kind_of(declared: Type) -> str:
    """Return the word for a type by which values and paths are drawn."""
    match declared:
        case SetType():
            return "[]" if declared.element is None else f"[{kind_of(declared.element)}]"
        case EntityTypes():
            return "holder" if len(declared.names) > 1 else min(declared.names)
        case RecordType():
            return "home" if "city" in declared.fields else "part"
        case _:
            return str(declared)


def _collect(found: Paths, base: Path, fields: Mapping[str, FieldType], depth: int) -> None:
    for name, declared in fields.items():
        term = terms.Attribute(base=base.term, name=name)
        guards = base.guards + ((terms.Has(base=base.term, name=name),) if declared.optional else ())
        path = Path(term, guards)
        found.setdefault(kind_of(declared.type), []).append(path)
        if depth and isinstance(declared.type, RecordType):
            _collect(found, path, declared.type.fields, depth - 1)
        elif depth and isinstance(declared.type, EntityTypes):
            owner = world.WORLD.entities[min(declared.type.names)]
            _collect(found, path, owner.attributes.fields, depth - 1)


def _paths(action: str, *, entities: bool = True, depth: int = 1) -> Paths:
    declared = world.WORLD.actions[action]
    found: Paths = {}
    _collect(found, Path(ROOTS[RootName.CONTEXT]), declared.context.fields, depth)
    _collect(found, Path(ROOTS[RootName.SESSION]), declared.session.fields, depth)
    if entities:
        for root, kind in ((RootName.PRINCIPAL, "User"), (RootName.RESOURCE, "Doc")):
            _collect(found, Path(ROOTS[root]), world.WORLD.entities[kind].attributes.fields, depth)
        found["holder"].append(Path(ROOTS[RootName.PRINCIPAL]))
    return found


# What the rules of every action can ask for; what those of `ship` alone can; what is left where nothing has attributes.
COMMON = _paths("read")
SHIPPING = _paths("ship")
BARE = _paths("ping", entities=False)


# What approvals are most often of: a number and a truth value, which must not be taken for one another.
BOUND = (
    terms.Attribute(base=ROOTS[RootName.CONTEXT], name="size"),
    terms.Attribute(base=ROOTS[RootName.PRINCIPAL], name="active"),
    terms.Attribute(base=ROOTS[RootName.RESOURCE], name="secret"),
)


@dataclass(slots=True)
class Drawer:
    """Draws conditions. `guarded` says that an optional attribute is asked for with `has` first, as checked rules do.

    `timed` is the share of the atoms that are tests of time.
    """

    rng: random.Random
    paths: Paths = field(default_factory=lambda: COMMON)
    guarded: bool = False
    timed: float = 0.18
    _guards: list[Term] = field(default_factory=list)
    _variables: list[tuple[str, Term]] = field(default_factory=list)
    _count: int = 0

    def condition(self, depth: int = 2) -> Term:
        """Return a condition; what it asks for stands in it."""
        draw = self.rng.random()
        if depth and draw < 0.13:
            return terms.And(operands=self._several(depth - 1))
        if depth and draw < 0.28:
            return terms.Or(operands=self._several(depth - 1))
        if depth and draw < 0.36:
            return terms.Not(operand=self.condition(depth - 1))
        if depth and draw < 0.40:
            return terms.If(
                test=self.condition(depth - 1), then=self.condition(depth - 1), otherwise=self.condition(depth - 1)
            )
        return self.atom(depth)

    def _several(self, depth: int) -> tuple[Term, ...]:
        return tuple(self.condition(depth) for _ in range(self.rng.choice((2, 2, 3))))

    def atom(self, depth: int = 1) -> Term:
        """Return one test, with what has to be asked before it."""
        outer, self._guards = self._guards, []
        draw = self.rng.random()
        if draw < self.timed:
            found = self.time_test() if self.rng.random() < 0.75 else self.calendar_test()
        else:
            makers = (
                self._plain,
                self._equal,
                self._equal,
                self._ordered,
                self._ordered,
                self._in,
                self._in,
                self._text,
            )
            quantified = self._quantified if depth else self._sets
            maker = self.rng.choice((*makers, self._has, self._sets, quantified, quantified, self._is))
            found = maker()
        guards, self._guards = self._guards, outer
        if guards and (self.guarded or self.rng.random() < 0.12):
            return terms.And(operands=(*dict.fromkeys(guards), found))
        return found

    def finish(self, term: Term) -> tuple[Term, tuple[Term, ...]]:
        """Return a term drawn outside a condition, with what has to be asked for it elsewhere."""
        guards, self._guards = tuple(dict.fromkeys(self._guards)), []
        return term, guards if self.guarded else ()

    # -------------------------------------------------------------------------------------------------- operands

    def path(self, kind: str) -> Term:
        """Return an attribute path of a type, or a constant where there is none."""
        bound = [variable for each, variable in self._variables if each == kind]
        if bound and self.rng.random() < 0.6:
            return self.rng.choice(bound)
        paths = self.paths.get(kind)
        if not paths:
            return terms.Constant(value=self.constant(kind))
        path = self.rng.choice(paths)
        if path.guards:
            if self.rng.random() < 0.6:
                path = self.rng.choice(paths)
            self._guards.extend(path.guards)
        return path.term

    def constant(self, kind: str) -> Value:
        """Return a value of a type."""
        if kind == "Datetime":
            return Datetime(world.NOW + self.rng.randint(-12, 12) * world.STEP)
        if kind.startswith("["):
            return self.rng.choice(world.SETS.get(kind[1:-1]) or (ValueSet(()),))
        if kind == "holder":
            kind = self.rng.choice(world.PRINCIPALS)
        return self.rng.choice(world.POOLS[kind])

    def value(self, kind: str, depth: int = 1) -> Term:
        """Return a path, a constant, or what is computed of them."""
        draw = self.rng.random()
        if depth and draw < 0.3 and kind in ("Int", "Decimal", "Duration"):
            return self._computed(kind, depth - 1)
        if depth and draw < 0.08:
            return terms.If(
                test=self.path("Bool"), then=self.value(kind, depth - 1), otherwise=self.value(kind, depth - 1)
            )
        return self.path(kind) if draw < 0.65 else terms.Constant(value=self.constant(kind))

    def _computed(self, kind: str, depth: int) -> Term:
        if self.rng.random() < 0.2:
            return terms.Negate(operand=self.path(kind))
        if kind == "Duration":
            if self.rng.random() < 0.5 and not self.guarded:
                return terms.Arithmetic(op=ArithmeticOp.SUB, left=self.path("Datetime"), right=self.path("Datetime"))
            if self.rng.random() < 0.3:
                return terms.Arithmetic(op=ArithmeticOp.MUL, left=self.path(kind), right=self.value("Int", depth))
        ops = tuple(ArithmeticOp) if kind == "Int" else (ArithmeticOp.ADD, ArithmeticOp.SUB)
        return terms.Arithmetic(op=self.rng.choice(ops), left=self.path(kind), right=self.value(kind, depth))

    # ----------------------------------------------------------------------------------------------------- atoms

    def _plain(self) -> Term:
        return self.path("Bool") if self.paths.get("Bool") else self._equal()

    def _equal(self) -> Term:
        kinds = (
            "Int",
            "String",
            "Mode",
            "Kind",
            "User",
            "Group",
            "Ip",
            "Decimal",
            "Bool",
            "home",
            "[String]",
            "Datetime",
        )
        kind = self.rng.choice([each for each in kinds if each in self.paths])
        left, right = self.path(kind), self.value(kind)
        if self.rng.random() < 0.1 and not isinstance(left, terms.Constant):
            left, right = right, left
        return terms.Compare(op=self.rng.choice(EQUAL), left=left, right=right)

    def _ordered(self) -> Term:
        kind = self.rng.choice(ORDERED)
        return terms.Compare(op=self.rng.choice(ORDER), left=self.path(kind), right=self.value(kind))

    def _in(self) -> Term:
        draw = self.rng.random()
        if draw < 0.2:
            network = terms.Constant(value=self.rng.choice(world.RANGES)) if draw < 0.17 else self.path("Ip")
            return terms.In(left=self.path("Ip"), right=network)
        if draw < 0.45:
            kind = self.rng.choice(("String", "Int", "Kind", "Mode"))
            return terms.In(left=self.path(kind), right=self._set_of(kind))
        kind = self.rng.choice([each for each in ENTITIES if each in self.paths])
        parent = "Folder" if kind == "Folder" else "Group"
        right = self.value(parent, 0) if self.rng.random() < 0.6 else self._set_of(parent)
        return terms.In(left=self.path(kind), right=right)

    def _set_of(self, kind: str) -> Term:
        draw = self.rng.random()
        if draw < 0.3 and f"[{kind}]" in self.paths:
            return self.path(f"[{kind}]")
        if draw < 0.5 and kind in self.paths:
            return terms.SetOf(items=(self.path(kind), terms.Constant(value=self.constant(kind))))
        return terms.Constant(value=ValueSet(self.constant(kind) for _ in range(self.rng.randint(1, 3))))

    def _text(self) -> Term:
        return terms.Like(operand=self.path("String"), parts=self.rng.choice(PATTERNS))

    def _has(self) -> Term:
        paths = self.paths[
            self.rng.choice([each for each in ("String", "Datetime", "Int", "Ip") if each in self.paths])
        ]
        path = self.rng.choice([each for each in paths if each.guards] or paths)
        if not path.guards:
            return self._plain()
        self._guards.extend(path.guards[:-1])
        return path.guards[-1]

    def _is(self) -> Term:
        if "holder" not in self.paths:
            return self._plain()
        return terms.Is(operand=self.path("holder"), type=self.rng.choice(world.PRINCIPALS))

    def _sets(self) -> Term:
        kind = self.rng.choice([each for each in SETS if each in self.paths])
        if self.rng.random() < 0.3:
            return terms.IsEmpty(operand=self.path(kind))
        right = self._set_of(kind[1:-1])
        return terms.Contains(op=self.rng.choice(tuple(ContainsOp)), left=self.path(kind), right=right)

    def _quantified(self) -> Term:
        kind = self.rng.choice([each for each in SETS if each in self.paths])
        domain = self.path(kind)
        variable = self.variable()
        outer = len(self._variables)
        self._variables.append((kind[1:-1], variable))
        if kind == "[part]":
            for name, each in (("name", "String"), ("size", "Int")):
                self._variables.append((each, terms.Attribute(base=variable, name=name)))
        body = self._about(kind[1:-1]) if self.rng.random() < 0.7 else self.condition(1)
        del self._variables[outer:]
        return terms.Quantifier(op=self.rng.choice(tuple(QuantifierOp)), variable=variable, domain=domain, body=body)

    def variable(self) -> terms.Variable:
        """Return a variable of its own for a quantifier."""
        self._count += 1
        return terms.Variable(name=f"x{self._count}", index=self._count)

    def _about(self, kind: str) -> Term:
        if kind == "part":
            return self.atom(0)
        if kind in ENTITIES:
            parent = "Folder" if kind == "Folder" else "Group"
            return terms.In(left=self._variables[-1][1], right=terms.Constant(value=self.constant(parent)))
        if kind == "String":
            return terms.Like(operand=self._variables[-1][1], parts=self.rng.choice(PATTERNS))
        op = self.rng.choice(ORDER if kind in ORDERED else EQUAL)
        return terms.Compare(op=op, left=self._variables[-1][1], right=self.value(kind))

    # ------------------------------------------------------------------------------------------------------ time

    def time_test(self) -> Term:
        """Return `now` compared with an instant."""
        bound = [terms.Addend(term=self.path("Datetime"))]
        if self.rng.random() < 0.12:
            bound = [terms.Addend(term=terms.Constant(value=self.constant("Datetime")))]
        for _ in range(self.rng.choice((0, 1, 1, 2))):
            length: Term = terms.Constant(value=self.rng.choice(world.DURATIONS))
            if self.rng.random() < 0.15:
                length = self.path("Duration")
            bound.append(terms.Addend(term=length, negative=self.rng.random() < 0.3))
        ops = (
            tuple(each for each in ORDER if each not in EQUAL) if self.guarded else (*ORDER, CompareOp.LT, CompareOp.GE)
        )
        return terms.TimeTest(op=self.rng.choice(ops), bound=tuple(bound))

    def calendar_test(self) -> Term:
        """Return a field of the calendar compared with constants."""
        asked = self.rng.choices(tuple(FIELDS), (8, 5, 5, 1, 0.5, 0.5))[0]
        values, zone = FIELDS[asked], self.rng.choice(world.ZONES)
        if self.rng.random() < 0.4:
            some = tuple(self.rng.sample(values, self.rng.randint(1, len(values))))
            return terms.CalendarTest(zone=zone, field=asked, op=None, values=some)
        ops = EQUAL if asked is CalendarField.WEEKDAY else ORDER
        return terms.CalendarTest(zone=zone, field=asked, op=self.rng.choice(ops), values=(self.rng.choice(values),))

    # ------------------------------------------------------------------------------------------------- approvals

    def approvals(self) -> terms.Approvals:
        """Return the clause that asks for approvals."""
        bound = None
        if self.rng.random() < 0.5:
            bound = self.path(self.rng.choice(("Int", "String", "Bool", "Mode")))
            if self.rng.random() < 0.5:
                bound = self.rng.choice(BOUND)
        groups = tuple(self.rng.sample(world.REFS["Group"], self.rng.choice((1, 1, 2))))
        scope = self.rng.choice(
            (terms.Scope(type="User"), terms.Scope(type="User"), terms.Scope(type="User", within=groups))
        )
        return terms.Approvals(
            count=self.rng.choice((1, 1, 2)),
            of=bound,
            approvers=(scope,),
            window=Duration(self.rng.choice((6, 12)) * world.STEP),
        )


def equality(kind: str, path: Term, rng: random.Random, values: Sequence[Value]) -> Term:
    """Return the test that one attribute is one of a few constants: what a look-up by its value is made of."""
    value = rng.choice(values)
    if rng.random() < 0.08:
        return terms.In(left=path, right=terms.Constant(value=ValueSet(rng.sample(values, min(3, len(values))))))
    op = CompareOp.NE if rng.random() < 0.05 else CompareOp.EQ
    if kind != "Bool" and rng.random() < 0.1:
        return terms.Compare(op=op, left=terms.Constant(value=value), right=path)
    return terms.Compare(op=op, left=path, right=terms.Constant(value=value))
