"""Rules in the form that code is made of: tests that all have to hold, what depends on time apart, static types.

A rule's condition is a conjunction. It falls into *tests*, which time does not touch, and *timed* tests; each `needs`
clause is kept by itself, since a decision names the ones that are not met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from pdp import terms
from pdp.classes import dataclass, replace
from pdp.extensions import RESULTS
from pdp.schema import Schema
from pdp.terms import ClauseKind, RootName
from pdp.types import EntityTypes, EnumType, Primitive, RecordType, SetType, Type, join
from pdp.values import (
    Datetime,
    Decimal,
    Duration,
    EntityRef,
    EnumMember,
    Ip,
    Record,
    Value,
    ValueSet,
)

Key: TypeAlias = tuple[object, ...]
"""What tells terms apart: equal for terms of one meaning, wherever they were written."""


# -------------------------------------------------------------------------------------------------------------- keys


def _constant(value: Value) -> object:
    return value


def key(term: terms.Term, constant: Callable[[Value], object] = _constant) -> Key:
    """Return what tells a term apart. Python's own equality would take the constants `1` and `true` for the same.

    `constant` says what stands for a constant: with a number for each, terms of one shape have one key.

    >>> key(terms.Constant(value=1)) == key(terms.Constant(value=True))
    False
    """

    def inner(term: terms.Term) -> Key:
        return key(term, constant)

    match term:
        case terms.Constant():
            return ("constant", term.value.__class__, constant(term.value))
        case terms.Root():
            return (term.name,)
        case terms.Variable():
            return ("variable", term.index)
        case terms.Attribute() | terms.Has():
            return (term.__class__, inner(term.base), term.name)
        case terms.Compare() | terms.Arithmetic() | terms.Contains():
            return (term.__class__, term.op, inner(term.left), inner(term.right))
        case terms.Is():
            within = None if term.within is None else inner(term.within)
            return (terms.Is, inner(term.operand), term.type, within)
        case terms.HasPath():
            return (terms.HasPath, inner(term.base), term.path)
        case terms.Like():
            return (terms.Like, inner(term.operand), term.parts)
        case terms.Call():
            return (terms.Call, term.function, *map(inner, term.operands))
        case terms.Quantifier():
            return (terms.Quantifier, term.op, term.variable.index, inner(term.domain), inner(term.body))
        case terms.RecordOf():
            return (terms.RecordOf, *((name, inner(value)) for name, value in term.fields))
        case terms.TimeTest():
            return (terms.TimeTest, term.op, *((inner(each.term), each.negative) for each in term.bound))
        case terms.CalendarTest():
            return (terms.CalendarTest, term.zone, term.field, term.op, term.values)
        case terms.Approvals():
            bound = None if term.of is None else inner(term.of)
            return (terms.Approvals, term.count, bound, term.approvers, term.window)
        case _:
            return (term.__class__, *map(inner, terms.children(term)))


# ------------------------------------------------------------------------------------------------------------- rules


@dataclass(frozen=True, slots=True)
class Demand:
    """A `needs` clause: it is met where all its tests hold."""

    tests: tuple[terms.Term, ...]
    timed: tuple[terms.Term, ...]


@dataclass(frozen=True, slots=True)
class Lowered:
    """A rule as a conjunction. `tests` and `timed` are those of all clauses but `needs`, those of its scope included.

    A membership of its scope that ends bounds its lease, whatever becomes of its condition: `scoped` says that there
    are such tests.
    """

    rule: terms.Rule
    tests: tuple[terms.Term, ...]
    timed: tuple[terms.Term, ...]
    demands: tuple[Demand, ...]
    scoped: bool

    @property
    def parts(self) -> Iterator[terms.Term]:
        """Every term of the rule."""
        yield from self.tests
        yield from self.timed
        for demand in self.demands:
            yield from demand.tests
            yield from demand.timed


def lower(rule: terms.Rule, scope: tuple[terms.Term, ...] = ()) -> Lowered:
    """Return a rule as a conjunction; `scope` are the tests of its scope that are not answered before it is asked."""
    tests, timed, demands = list(scope), [], []
    for clause in rule.clauses:
        condition = folded(clause.condition)
        whole = terms.Not(operand=condition) if clause.kind is ClauseKind.UNLESS else condition
        plain, late = _parted(conjuncts(whole))
        if clause.kind is ClauseKind.NEEDS:
            demands.append(Demand(tuple(plain), tuple(late)))
        else:
            tests += plain
            timed += late
    return Lowered(rule, tuple(tests), tuple(timed), tuple(demands), bool(scope))


def folded(term: terms.Term) -> terms.Term:
    """Return a term in which a set of constants, where it is one side of an operator, is a constant."""
    match term:
        case terms.Not():
            return replace(term, operand=folded(term.operand))
        case terms.And() | terms.Or():
            return replace(term, operands=tuple(map(folded, term.operands)))
        case terms.AndThen() | terms.OrElse():
            return replace(term, operands=tuple(map(folded, term.operands)))
        case terms.In() | terms.Contains() | terms.Compare() | terms.Same() | terms.Holds() | terms.Within() if (
            _constants(term.left) or _constants(term.right)
        ):
            return replace(term, left=folded(term.left), right=folded(term.right))
        case terms.SetOf() if _constants(term):
            return terms.Constant(value=ValueSet([each.value for each in term.items]), span=term.span)  # type: ignore[union-attr]
        case _:
            return term


def _constants(term: terms.Term) -> bool:
    return isinstance(term, terms.SetOf) and all(isinstance(each, terms.Constant) for each in term.items)


def reads(root: RootName, term: terms.Term) -> bool:
    """Tell whether a root stands anywhere in a term."""
    return any(isinstance(each, terms.Root) and each.name is root for each in terms.walk(term))


def varies(obligation: terms.ObligationTerm) -> bool:
    """Tell whether an argument of an obligation has to be computed."""
    return not all(isinstance(each, terms.Constant) for _, each in obligation.arguments)


def conjuncts(term: terms.Term) -> Iterator[terms.Term]:
    """Yield what has to hold for a term to hold: the operands of `and`, and of an `or` that is denied, denied."""
    work = [term]
    while work:
        found = work.pop()
        match found:
            case terms.And():
                work.extend(reversed(found.operands))
            case terms.Not(operand=terms.Or() as inner):
                work.extend(terms.Not(operand=each, span=each.span) for each in reversed(inner.operands))
            case terms.Not(operand=terms.Not() as inner):
                work.append(inner.operand)
            case terms.AndThen():
                operands = list(_flat(found))
                first = next((at for at, each in enumerate(operands) if not total(each)), len(operands))
                # In front of the first that may be unknown, each stands alone: if it is false, so is the whole. From
                # there on, all is one test, since what is false later must not hide what is unknown before.
                rest = operands[first:]
                if len(rest) > 1:
                    yield terms.AndThen(operands=tuple(rest), span=found.span)
                    rest = []
                work.extend(reversed([*operands[:first], *rest]))
            case terms.Not(operand=terms.OrElse() as inner):
                denied = [terms.Not(operand=each, span=each.span) for each in inner.operands]
                work.append(terms.AndThen(operands=tuple(denied), span=inner.span))
            case _:
                yield found


def _flat(term: terms.AndThen) -> Iterator[terms.Term]:
    work: list[terms.Term] = [term]
    while work:
        found = work.pop()
        if isinstance(found, terms.AndThen):
            work.extend(reversed(found.operands))
        else:
            yield found


def total(term: terms.Term) -> bool:
    """Tell whether a truth value of Cedar is true or false for every question, and never unknown.

    There an entity that nothing holds is one without attributes, so that to ask what it has, or is in, never fails.
    """
    match term:
        case terms.Constant():
            return isinstance(term.value, bool)
        case terms.Not():
            return total(term.operand)
        case terms.AndThen() | terms.OrElse():
            return all(map(total, term.operands))
        case terms.Same():
            return _sure(term.left) and _sure(term.right)
        case terms.Within():
            return _is_entity(term.left) and (_is_entity(term.right) or _are_entities(term.right))
        case terms.Is():
            return _is_entity(term.operand) and (term.within is None or _is_entity(term.within))
        case terms.Has():
            return _is_entity(term.base) or (isinstance(term.base, terms.Root) and term.base.name is RootName.CONTEXT)
        case terms.HasTag():
            return _is_entity(term.base) and isinstance(term.name, terms.Constant) and isinstance(term.name.value, str)
        case _:
            return False


def _sure(term: terms.Term) -> bool:
    return isinstance(term, terms.Constant) or _is_entity(term)


_ENTITIES: Final = (RootName.PRINCIPAL, RootName.ACTION, RootName.RESOURCE)


def _is_entity(term: terms.Term) -> bool:
    if isinstance(term, terms.Constant):
        return isinstance(term.value, EntityRef)
    return isinstance(term, terms.Root) and term.name in _ENTITIES


def _are_entities(term: terms.Term) -> bool:
    if isinstance(term, terms.SetOf):
        return all(map(_is_entity, term.items))
    return (
        isinstance(term, terms.Constant)
        and isinstance(term.value, ValueSet)
        and all(isinstance(each, EntityRef) for each in term.value)
    )


def _parted(found: Iterator[terms.Term]) -> tuple[list[terms.Term], list[terms.Term]]:
    plain: list[terms.Term] = []
    late: list[terms.Term] = []
    for each in found:
        (late if timed(each) else plain).append(each)
    return plain, late


def timed(term: terms.Term) -> bool:
    """Tell whether the passing of time alone can change a term."""
    return any(isinstance(each, terms.TimeTest | terms.CalendarTest) for each in terms.walk(term))


def within(root: RootName, refs: tuple[EntityRef, ...]) -> terms.Term:
    """Return the test that a scope is: that the principal or the resource is in one of these."""
    target: Value = refs[0] if len(refs) == 1 else ValueSet(refs)
    return terms.In(left=terms.Root(name=root), right=terms.Constant(value=target))


# ------------------------------------------------------------------------------------------------------------- types


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is known of all questions of one cell before any is asked: the types of everything."""

    schema: Schema
    action: str
    principal: str
    resource: str

    @property
    def context(self) -> RecordType:
        """The declared context of the action."""
        return self.schema.actions[self.action].context

    @property
    def session(self) -> RecordType:
        """The declared session of the action."""
        return self.schema.actions[self.action].session


_OF_CLASS: Final[Mapping[type, Type]] = {
    bool: Primitive.BOOL,
    int: Primitive.INT,
    str: Primitive.STRING,
    Decimal: Primitive.DECIMAL,
    Datetime: Primitive.DATETIME,
    Duration: Primitive.DURATION,
    Ip: Primitive.IP,
}
_TRUTHS: Final = (
    terms.Has,
    terms.Not,
    terms.And,
    terms.Or,
    terms.Compare,
    terms.In,
    terms.Is,
    terms.IsEmpty,
    terms.Contains,
    terms.Like,
    terms.Quantifier,
    terms.TimeTest,
    terms.CalendarTest,
    terms.Approvals,
    terms.AndThen,
    terms.OrElse,
    terms.Same,
    terms.Holds,
    terms.Within,
    terms.HasPath,
    terms.HasTag,
)


def type_of_value(value: Value) -> Type | None:
    """Return the type of a value, or None where it has none of one kind."""
    match value:
        case EnumMember():
            return EnumType(value.enum, ())
        case EntityRef():
            return EntityTypes(frozenset({value.type}))
        case ValueSet():
            return _set_of([type_of_value(each) for each in value])
        case Record():
            return None
        case _:
            return _OF_CLASS.get(value.__class__)


def type_of(term: terms.Term, setting: Setting, variables: Mapping[int, Type | None]) -> Type | None:
    """Return the type of what a term is worth, if it is worth anything; None where only the value will tell."""
    if isinstance(term, _TRUTHS):
        return Primitive.BOOL
    match term:
        case terms.Constant():
            return type_of_value(term.value)
        case terms.Root():
            return _type_of_root(term.name, setting)
        case terms.Variable():
            return variables.get(term.index)
        case terms.Attribute():
            return attribute_type(type_of(term.base, setting, variables), term.name, setting.schema)
        case terms.If():
            then, other = (type_of(each, setting, variables) for each in (term.then, term.otherwise))
            return None if then is None or other is None else join(then, other)
        case terms.Negate():
            return type_of(term.operand, setting, variables)
        case terms.Arithmetic():
            left, right = (type_of(each, setting, variables) for each in (term.left, term.right))
            return Primitive.INT if left is right is Primitive.INT else None
        case terms.SetOf():
            return _set_of([type_of(each, setting, variables) for each in term.items])
        case terms.Call():
            return RESULTS[term.function]
        case terms.Tag():
            return _tag_type(type_of(term.base, setting, variables), setting.schema)
        case _:
            return None


def _tag_type(base: Type | None, schema: Schema) -> Type | None:
    names = sorted(base.names) if isinstance(base, EntityTypes) else []
    found = [declared.tags for name in names if (declared := schema.entities.get(name)) is not None]
    return found[0] if len(found) == len(names) > 0 and all(each == found[0] for each in found) else None


def _type_of_root(name: RootName, setting: Setting) -> Type | None:
    match name:
        case RootName.ACTION:
            act = setting.schema.actions[setting.action].ref
            return None if act is None else EntityTypes(frozenset({act.type}))
        case RootName.PRINCIPAL:
            return EntityTypes(frozenset({setting.principal}))
        case RootName.RESOURCE:
            return EntityTypes(frozenset({setting.resource}))
        case RootName.CONTEXT:
            # Without a schema, nobody knows what there is.
            return None if setting.schema.open else setting.context
        case RootName.SESSION:
            return setting.session


def attribute_type(base: Type | None, name: str, schema: Schema) -> Type | None:
    """Return the type of an attribute, where every owner that there can be declares the same."""
    match base:
        case RecordType():
            field = base.fields.get(name)
            return None if field is None else field.type
        case EntityTypes():
            found = [schema.attribute(each, name) for each in base.names]
            first = found[0] if found else None
            if first is None or any(each is None or each.type != first.type for each in found):
                return None
            return first.type
        case _:
            return None


def _set_of(elements: list[Type | None]) -> Type | None:
    found: Type | None = SetType(None)
    for each in elements:
        if each is None or found is None:
            return None
        found = join(found, SetType(each))
    return found
