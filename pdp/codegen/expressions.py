"""Terms as expressions of Python: exactly what the interpreter finds, or an exception.

Where the types are known ahead, values are compared by what is in them. Where they are not, the operators of the
language are called, and an unknown raises. No part of a term is ever computed before another one that guards it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any, Final, assert_never

from pdp import evaluation, operators, terms
from pdp.codegen import cedar, support
from pdp.codegen.constants import Constants
from pdp.codegen.nodes import Nodes
from pdp.codegen.unsupported import Unsupported
from pdp.lowering import Key, Setting, attribute_type, key, timed, type_of
from pdp.symbols import ArithmeticOp, CompareOp, QuantifierOp
from pdp.terms import RootName
from pdp.types import EntityTypes, EnumType, Primitive, RecordType, SetType, Type
from pdp.values import MAX_SET, Record, ValueSet, equal

Reader = Callable[[Any], Any]
"""Reads what a request brings as a value of one type; raises where it is none."""

MAX_TERMS: Final = 4_000
"""Terms with more parts than this are left to the interpreter: Python's compiler has bounds of its own."""

MAX_DEPTH: Final = 40


_FORMS: Final[Mapping[Type, tuple[str, str]]] = {
    Primitive.DATETIME: ("micros", "all_micros"),
    Primitive.DURATION: ("micros", "all_micros"),
    Primitive.DECIMAL: ("units", "all_units"),
}
_PLAIN: Final = (Primitive.INT, Primitive.STRING)
_ORDERED: Final = (CompareOp.LT, CompareOp.LE, CompareOp.GT, CompareOp.GE)


class Expressions:
    """Makes the expressions of one function. `ready` are the attributes of the context that are in local names."""

    def __init__(self, setting: Setting, nodes: Nodes, constants: Constants, reader: Callable[[Type], Reader]) -> None:
        self.setting = setting
        self.nodes = nodes
        self.constants = constants
        self.ready: frozenset[str] = frozenset()
        self._reader = reader
        self.spans: dict[str, str] = {}
        """The local names of the spans of time that are known, by the names of their tests."""
        self.owners: set[str] = set()
        """The names of what holds attributes that are read."""
        self._variables: dict[int, Type | None] = {}
        self._in_domain = False
        self._calendars: dict[tuple[object, ...], support.Calendar] = {}

    # ------------------------------------------------------------------------------------------------------- truths

    def holds(self, term: terms.Term) -> ast.expr:
        """Return what is true or false as a term is. What has no fast form raises when the code comes to it."""
        try:
            if sum(1 for _ in terms.walk(term)) > MAX_TERMS or _depth(term) > MAX_DEPTH:
                raise Unsupported
            return self.truth(term)
        except Unsupported:
            return self.leave()

    def leave(self) -> ast.expr:
        """Return what leaves the question to the interpreter."""
        return self.nodes.call(self.constants.bind(support.careful, "careful"))

    def truth(self, term: terms.Term) -> ast.expr:
        """Return what is true or false as a term is; raise Unsupported where there is no such form."""
        self.nodes.move(term.span)
        match term:
            case terms.Not():
                return self.nodes.denied(self.truth(term.operand))
            case terms.And():
                return self.nodes.every([self.truth(each) for each in term.operands])
            case terms.Or():
                return self.nodes.some([self.truth(each) for each in term.operands])
            case terms.Has():
                return self._has(term)
            case terms.Compare():
                return self._compare(term)
            case terms.In():
                return self._in(term)
            case terms.Is():
                return self._is(term)
            case terms.IsEmpty():
                return self.nodes.denied(self.elements(term.operand))
            case terms.Contains():
                return self._contains(term)
            case terms.Like():
                return self._like(term)
            case terms.Quantifier():
                return self._quantifier(term)
            case terms.TimeTest():
                left, op, right = self.nodes.name("n"), term.op, self.bound(term)
                return self.nodes.compare(left, str(op), right)
            case terms.CalendarTest():
                calendar = self.calendar(term)
                if calendar.id in self.spans:
                    return self.nodes.item(self.nodes.name(self.spans[calendar.id]), 2)
                return self.nodes.method(calendar, "holds", self.nodes.name("n"))
            case terms.Approvals():
                return self._approvals(term)
            case terms.AndThen() | terms.OrElse() | terms.Same() | terms.Holds():
                return cedar.truth(self, term)
            case terms.Within() | terms.HasPath() | terms.HasTag():
                return cedar.truth(self, term)
            case _:
                found, kind = self.value(term)
                return found if kind is Primitive.BOOL else self.checked(support.truth, found)

    def checked(self, check: Callable[..., Any], *arguments: ast.expr) -> ast.expr:
        return self.nodes.call(self.constants.bind(check, "check"), *arguments)

    def _has(self, term: terms.Has) -> ast.expr:
        name = self.nodes.constant(term.name)
        there = self.nodes.compare(name, "in", self._owner(term.base))
        if self.setting.schema.is_cedar or not _is_root(term.base, RootName.CONTEXT):
            return there
        # There, but not of its type, is neither there nor not there.
        kind = self._type(term)
        if kind is None:
            return self.nodes.constant(False)
        value = self.nodes.item(self.nodes.name("c"), term.name)
        read = self.nodes.call(self.reader(kind), value)
        return self.nodes.every([there, self.nodes.compare(read, "is not", self.nodes.constant(None))])

    def _type(self, term: terms.Attribute | terms.Has) -> Type | None:
        return attribute_type(self.type_of(term.base), term.name, self.setting.schema)

    def type_of(self, term: terms.Term) -> Type | None:
        """Return the type of what a term is worth, where it is known."""
        return type_of(term, self.setting, self._variables)

    def _compare(self, term: terms.Compare) -> ast.expr:
        left, right = self.type_of(term.left), self.type_of(term.right)
        op = str(term.op)
        if left is None or right is None or not _alike(left, right):
            return self._asked(operators.compare, term.op, term.left, term.right)
        if isinstance(left, EnumType) and term.op not in _ORDERED:
            return self.nodes.compare(self.form(term.left, "name"), op, self.form(term.right, "name"))
        if left in _FORMS:
            form = _FORMS[left][0]
            return self.nodes.compare(self.form(term.left, form), op, self.form(term.right, form))
        if isinstance(left, EntityTypes) and term.op not in _ORDERED:
            one, other = self.label(term.left), self.label(term.right)
            if one is not None and other is not None:
                return self.nodes.compare(one, op, other)
        if left is Primitive.INT or (term.op not in _ORDERED and _by_python(left)):
            return self.nodes.compare(self.plain(term.left), op, self.plain(term.right))
        if term.op in _ORDERED:
            return self._asked(operators.compare, term.op, term.left, term.right)
        same = self.checked(equal, self.plain(term.left), self.plain(term.right))
        return same if term.op is CompareOp.EQ else self.nodes.denied(same)

    def _asked(self, function: Callable[..., Any], op: object, left: terms.Term, right: terms.Term) -> ast.expr:
        """Return what asks an operator of the language, for values whose types are not known."""
        named = self.constants.bind(op, "operator")
        found = self.checked(function, named, self.plain(left), self.plain(right))
        return self.checked(support.truth, found)

    def plain(self, term: terms.Term) -> ast.expr:
        return self.value(term)[0]

    def form(self, term: terms.Term, form: str) -> ast.expr:
        """Return what a value is compared by: a name or a number within it."""
        if isinstance(term, terms.Constant):
            self.nodes.move(term.span)
            return self.constants.use(term.value, form)
        return self.nodes.attribute(self.plain(term), form)

    def _is(self, term: terms.Is) -> ast.expr:
        kind = self.type_of(term.operand)
        if term.within is not None:
            return cedar.is_within(self, term)
        if kind is None:
            found = self.checked(support.entity, self.plain(term.operand))
            return self.nodes.compare(self.nodes.attribute(found, "type"), "==", self.nodes.constant(term.type))
        if not isinstance(kind, EntityTypes):
            raise Unsupported
        if isinstance(term.operand, terms.Root):
            return self.nodes.constant(kind.names == {term.type})
        return self.nodes.compare(
            self.nodes.attribute(self.plain(term.operand), "type"), "==", self.nodes.constant(term.type)
        )

    def _in(self, term: terms.In) -> ast.expr:
        left, right = self.type_of(term.left), self.type_of(term.right)
        if isinstance(right, SetType) and not self.bounded(term.right):
            raise Unsupported
        if isinstance(left, EntityTypes) and isinstance(right, EntityTypes):
            return self.inside(term.left, term.right)
        if isinstance(left, EntityTypes) and isinstance(right, SetType) and _holds_entities(right):
            met = self.nodes.method(self.above(term.left), "isdisjoint", self.elements(term.right))
            return self.nodes.denied(met)
        if left is Primitive.IP and right is Primitive.IP:
            return self._in_range(term)
        if left is Primitive.IP and right == SetType(Primitive.IP):
            return self.checked(support.in_any, self.plain(term.left), self.elements(term.right))
        if left is None or not isinstance(right, SetType) or right.element != left:
            raise Unsupported
        return self._in_set(term, left)

    def bounded(self, term: terms.Term) -> bool:
        """Tell whether looking through a set here stays below the bound of sets inside sets, whatever they hold."""
        if isinstance(term, terms.Constant):
            size = len(term.value) if isinstance(term.value, ValueSet) else 0
        else:
            size = MAX_SET
        around: int = MAX_SET ** len(self._variables)
        return around * size <= evaluation.MAX_COMBINATIONS

    def _in_set(self, term: terms.In, kind: Type) -> ast.expr:
        one, many = _FORMS.get(kind, ("name", "names"))
        if kind in _PLAIN:
            return self.nodes.compare(self.plain(term.left), "in", self.elements(term.right))
        if not isinstance(term.right, terms.Constant) or not (kind in _FORMS or isinstance(kind, EnumType)):
            if kind is Primitive.BOOL or isinstance(kind, RecordType | SetType):
                raise Unsupported
            return self.nodes.compare(self.plain(term.left), "in", self.elements(term.right))
        found = self.form(term.left, one)
        return self.nodes.compare(found, "in", self.constants.use(term.right.value, many))

    def _in_range(self, term: terms.In) -> ast.expr:
        left = self.plain(term.left)
        if not (isinstance(left, ast.Name) and isinstance(term.right, terms.Constant)):
            return self.nodes.compare(left, "in", self.plain(term.right))
        limits = term.right.value
        first, last = self.nodes.attribute(left, "first"), self.nodes.attribute(left, "last")
        return self.nodes.every(
            [
                self.nodes.compare(self.constants.use(limits, "first"), "<=", first),
                self.nodes.compare(last, "<=", self.constants.use(limits, "last")),
                self.nodes.compare(self.nodes.attribute(left, "version"), "==", self.constants.use(limits, "version")),
            ]
        )

    def inside(self, left: terms.Term, right: terms.Term) -> ast.expr:
        """Return whether one entity is, or is in, another."""
        named = self.label(right)
        if named is not None:
            return self.nodes.compare(named, "in", self.above(left, "over"))
        return self.nodes.compare(self.plain(right), "in", self.above(left))

    def above(self, term: terms.Term, form: str = "up") -> ast.expr:
        """Return all that an entity is in, itself too; no container where that is not known for good.

        They come by their names, or by their labels in the `form` "over".
        """
        return self.nodes.attribute(self._near(term), form)

    def _near(self, term: terms.Term) -> ast.expr:
        """Return the entity that a term is worth, as it is held."""
        if isinstance(term, terms.Root) and term.name is not RootName.ACTION:
            return self.nodes.name("p" if term.name is RootName.PRINCIPAL else "r")
        return self.far(term)

    def label(self, term: terms.Term) -> ast.expr | None:
        """Return the label of the entity that a term is worth; None where it would have to be made for each request."""
        match term:
            case terms.Constant():
                self.nodes.move(term.span)
                return self.constants.use(term.value, "label")
            case terms.Root(name=RootName.PRINCIPAL | RootName.RESOURCE):
                return self.nodes.attribute(self._near(term), "me")
            case terms.Attribute() if isinstance(self.type_of(term.base), EntityTypes):
                self.nodes.move(term.span)
                return self.nodes.item(self.nodes.attribute(self._near(term.base), "n"), term.name)
            case _:
                return None

    def endings(self, found: Iterable[terms.Term]) -> ast.expr:
        """Return what is true, or raises, where anything that terms look at has an end that only the interpreter knows.

        These are the memberships of what stands left of `in`, and approvals on record.
        """
        ends: dict[Key, ast.expr] = {}
        kinds: dict[int, Type | None] = {}
        for each in chain.from_iterable(map(terms.walk, found)):
            match each:
                case terms.Quantifier():
                    kind = type_of(each.domain, self.setting, kinds)
                    kinds[each.variable.index] = kind.element if isinstance(kind, SetType) else None
                case terms.Approvals():
                    ends[key(each)] = self.holds(each)
                case terms.In() | terms.Within() if isinstance(
                    type_of(each.left, self.setting, kinds), EntityTypes | None
                ):
                    ends[key(each.left)] = self._ends(each.left)
                case _:
                    pass
        return self.nodes.some(list(ends.values()))

    def _may_end(self, left: terms.Term, kinds: Mapping[int, Type | None]) -> bool:
        return isinstance(type_of(left, self.setting, kinds), EntityTypes | None)

    def _ends(self, term: terms.Term) -> ast.expr:
        if any(isinstance(each, terms.Constant) for each in terms.walk(term)) and not self.constants.in_code:
            # The constants of obligations are not in the row.
            return self.leave()
        try:
            return self.nodes.compare(self.above(term), "is", self.nodes.constant(None))
        except Unsupported:
            return self.leave()

    def far(self, term: terms.Term) -> ast.expr:
        """Return the entity that a term is worth and that is neither principal nor resource, as it is held."""
        nodes, world, named = self.nodes, self.nodes.name("w"), self.label(term)
        far, what = ("far", self.plain(term)) if named is None else ("reach", named)
        if self._in_domain:
            # Python takes no assignment in what a comprehension goes through.
            return nodes.method(world, far, what)
        known = nodes.attribute(world, "held" if named is None else "near")
        near = nodes.method(known, "get", nodes.named("f", what))
        return nodes.some([near, nodes.method(world, far, nodes.name("f"))])

    def elements(self, term: terms.Term) -> ast.expr:
        """Return the elements of a set, as something that Python's `in` and `isdisjoint` take."""
        kind = self.type_of(term)
        if not isinstance(kind, SetType) or kind.element is Primitive.BOOL:
            # `1` and `true` are two elements: sets keep them apart by keys of their own.
            raise Unsupported
        if isinstance(term, terms.Constant):
            self.nodes.move(term.span)
            return self.constants.use(term.value, "elements")
        return self.nodes.attribute(self.plain(term), "_elements")

    def _contains(self, term: terms.Contains) -> ast.expr:
        op = self.constants.bind(term.op, "operator")
        return self.checked(support.shares, self.plain(term.left), self.plain(term.right), op)

    def _like(self, term: terms.Like) -> ast.expr:
        operand = self.plain(term.operand)
        if self.type_of(term.operand) is not Primitive.STRING:
            return self.checked(
                support.truth, self.checked(operators.like, operand, self.constants.bind(term.parts, "parts"))
            )
        if len(term.parts) == 1:
            return self.nodes.compare(operand, "==", self.nodes.constant(term.parts[0]))
        ways = [("startswith", term.parts[0]), ("endswith", term.parts[-1])]
        found = [(way, part) for way, part in ways if part]
        if len(term.parts) == 2 and len(found) == 1:
            return self.nodes.method(operand, found[0][0], self.nodes.constant(found[0][1]))
        return self.checked(operators.like, operand, self.constants.bind(term.parts, "parts"))

    def _quantifier(self, term: terms.Quantifier) -> ast.expr:
        kind = self.type_of(term.domain)
        if not isinstance(kind, SetType) or kind.element is None or timed(term.body) or not self.bounded(term.domain):
            raise Unsupported
        index = term.variable.index
        around, self._in_domain = self._in_domain, True
        try:
            domain = self.nodes.method(self.nodes.attribute(self.plain(term.domain), "_elements"), "values")
        finally:
            self._in_domain = around
        self._variables[index] = kind.element
        try:
            body = self.truth(term.body)
        finally:
            del self._variables[index]
        whole = any if term.op is QuantifierOp.ANY else all
        return self.checked(whole, self.nodes.each(body, f"v{index}", domain))

    def _approvals(self, term: terms.Approvals) -> ast.expr:
        who, what = (self.nodes.attribute(self.nodes.name(each), "ref") for each in "pr")
        action = self.constants.bind(self.setting.action, "action")
        found = self.checked(support.unapproved, who, action, what, self.nodes.name("w"))
        if term.of is None:
            return found
        # An approval of a value that is not known is not known itself.
        return self.nodes.item(self.nodes.tuple(self.plain(term.of), found), 1)

    # ------------------------------------------------------------------------------------------------------- values

    def value(self, term: terms.Term) -> tuple[ast.expr, Type | None]:
        """Return what gives the value of a term, and its type where that is known."""
        self.nodes.move(term.span)
        kind = self.type_of(term)
        match term:
            case terms.Constant():
                return self.constants.use(term.value), kind
            case terms.Root():
                return self._root(term), kind
            case terms.Variable():
                if term.index not in self._variables:
                    raise Unsupported
                return self.nodes.name(f"v{term.index}"), kind
            case terms.Attribute():
                return self._attribute(term), kind
            case terms.If():
                test, then, other = self.truth(term.test), self.plain(term.then), self.plain(term.otherwise)
                return self.nodes.choice(test, then, other), kind
            case terms.Call() | terms.Tag():
                return cedar.value(self, term), kind
            case terms.Arithmetic():
                return self._arithmetic(term, kind), kind
            case terms.Negate():
                found = self.checked(operators.negate, self.plain(term.operand))
                return self.checked(support.known, found), kind
            case terms.SetOf():
                items = self.nodes.tuple(*(self.plain(each) for each in term.items))
                return self.checked(ValueSet, items), kind
            case terms.RecordOf():
                pairs = [self.nodes.tuple(self.nodes.constant(name), self.plain(value)) for name, value in term.fields]
                fields = self.checked(dict, self.nodes.tuple(*pairs))
                return self.checked(Record, fields), kind
            case _:
                return self.truth(term), Primitive.BOOL

    def _root(self, term: terms.Root) -> ast.expr:
        match term.name:
            case RootName.PRINCIPAL:
                return self.nodes.attribute(self.nodes.name("p"), "ref")
            case RootName.RESOURCE:
                return self.nodes.attribute(self.nodes.name("r"), "ref")
            case RootName.ACTION:
                return self._act()
            case RootName.CONTEXT if self.setting.schema.is_cedar:
                return self.checked(Record, self.nodes.name("c"))
            case RootName.CONTEXT | RootName.SESSION:
                # They are no values: only their attributes are.
                raise Unsupported
            case _:
                assert_never(term.name)

    def _act(self) -> ast.expr:
        act = self.setting.schema.actions[self.setting.action].ref
        if act is None:
            raise Unsupported
        return self.constants.bind(act, "action")

    def _attribute(self, term: terms.Attribute) -> ast.expr:
        if self.setting.schema.is_cedar or not _is_root(term.base, RootName.CONTEXT):
            return self.nodes.item(self._owner(term.base), term.name)
        if term.name in self.ready:
            return self.nodes.name(local(self.setting.context, term.name))
        kind = self._type(term)
        if kind is None:
            raise Unsupported
        return self.nodes.call(self.reader(kind), self.nodes.item(self.nodes.name("c"), term.name))

    def reader(self, kind: Type) -> ast.expr:
        """Return what reads an attribute of the context."""
        return self.constants.bind(self._reader(kind), "read")

    def _owner(self, base: terms.Term) -> ast.expr:
        """Return what holds the attributes of what a term is worth, by name."""
        if isinstance(base, terms.Root) and base.name is not RootName.ACTION:
            name = {"principal": "pa", "resource": "ra", "context": "c", "session": "sa"}[base.name]
            self.owners.add(name)
            return self.nodes.name(name)
        match self.type_of(base):
            case RecordType():
                return self.nodes.attribute(self.plain(base), "_fields")
            case EntityTypes():
                return self.nodes.attribute(self.far(base), "a")
            case None:
                return self.checked(support.attributes, self.nodes.name("w"), self.plain(base))
            case _:
                raise Unsupported

    def _arithmetic(self, term: terms.Arithmetic, kind: Type | None) -> ast.expr:
        left, right = self.plain(term.left), self.plain(term.right)
        if kind is Primitive.INT and term.op in ArithmeticOp:
            return self.checked(support.fitting, self.nodes.binary(left, str(term.op), right))
        op = self.constants.bind(term.op, "operator")
        return self.checked(support.known, self.checked(operators.arithmetic, op, left, right))

    # --------------------------------------------------------------------------------------------------------- time

    def bound(self, term: terms.TimeTest, later: int = 0) -> ast.expr:
        """Return the instant that a test compares `now` with, in microseconds, and `later` more."""
        fixed, found = later, None
        for addend in term.bound:
            if isinstance(addend.term, terms.Constant) and self.constants.in_code:
                micros = getattr(addend.term.value, "micros", None)
                if not isinstance(micros, int):
                    raise Unsupported
                fixed += -micros if addend.negative else micros
                continue
            if self.type_of(addend.term) not in (Primitive.DATETIME, Primitive.DURATION):
                raise Unsupported
            part = self.form(addend.term, "micros")
            if found is None:
                found = self.nodes.minus(part) if addend.negative else part
            else:
                found = self.nodes.binary(found, "-" if addend.negative else "+", part)
        if found is None:
            return self.nodes.constant(fixed)
        return self.nodes.binary(found, "+", self.nodes.constant(fixed)) if fixed else found

    def span(self, term: terms.CalendarTest) -> tuple[ast.expr, list[ast.stmt]]:
        """Return the local name of the span of time around `now` for a test, and what puts it there if need be."""
        nodes, calendar = self.nodes, self.calendar(term)
        to = self.spans.get(calendar.id)
        if to is not None:
            return nodes.name(to), []
        to = self.spans[calendar.id] = f"q{len(self.spans)}"
        here, n = nodes.name(to), nodes.name("n")
        stale = nodes.denied(nodes.compare(nodes.item(here, 0), "<=", n, "<", nodes.item(here, 1)))
        found = nodes.assign(to, nodes.method(calendar, "at", n))
        return here, [nodes.assign(to, nodes.attribute(calendar, "last")), nodes.branch(stale, [found])]

    def calendar(self, term: terms.CalendarTest) -> ast.Name:
        """Return the name of a calendar test."""

        def test(value: int) -> bool:
            return value in term.values if term.op is None else operators.ordered(term.op, value, term.values[0])

        known = (term.zone, term.field, term.op, term.values)
        found = self._calendars.get(known)
        if found is None:
            found = self._calendars[known] = support.Calendar(term.zone, term.field, test)
        return self.constants.bind(found, "calendar")


def local(context: RecordType, name: str) -> str:
    """Return the local name for an attribute of the context. What a policy calls it never is a name in code."""
    return f"c{list(context.fields).index(name)}"


def _is_root(term: terms.Term, name: RootName) -> bool:
    return isinstance(term, terms.Root) and term.name is name


def _alike(left: Type, right: Type) -> bool:
    if isinstance(left, EntityTypes | SetType | RecordType):
        return left.__class__ is right.__class__
    return left == right


def _by_python(kind: Type) -> bool:
    return isinstance(kind, EntityTypes) or kind in (Primitive.BOOL, Primitive.STRING, Primitive.IP)


def _holds_entities(kind: SetType) -> bool:
    return kind.element is None or isinstance(kind.element, EntityTypes)


def _depth(term: terms.Term) -> int:
    deepest, work = 0, [(term, 1)]
    while work:
        found, depth = work.pop()
        deepest = max(deepest, depth)
        if deepest > MAX_DEPTH:
            break
        work.extend((each, depth + 1) for each in terms.children(found))
    return deepest
