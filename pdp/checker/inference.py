"""The type of every term, for one combination of action, principal type and resource type."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias, assert_never

from pdp import terms
from pdp.checker import attributes, operations, presence
from pdp.checker.place import Place, Verdicts, problem
from pdp.checker.report import Report
from pdp.schema import Schema
from pdp.types import WRONG, EntityTypes, FieldType, Primitive, RecordType, SetType, Type, Wrong, join
from pdp.values import Datetime, Decimal, Duration, EntityRef, EnumMember, Ip, Record, Value, ValueSet


def infer(term: terms.Term, at: Place) -> Type:
    """Return the type of a term; report what does not fit."""
    match term:
        case terms.Constant():
            return type_of(term.value, at.schema)
        case terms.Root():
            return _root(term, at)
        case terms.Variable():
            return _narrowed(term, dict(at.variables).get(term.index, WRONG), at)
        case terms.Attribute():
            return _narrowed(term, attributes.attribute(term, _base(term.base, at), at), at)
        case terms.Has():
            return attributes.has(term, _base(term.base, at), at)
        case terms.Not():
            return _truth(term.operand, at, "`not`")
        case terms.And():
            return _and(term, at)
        case terms.Or():
            return _or(term, at)
        case terms.If():
            return _if(term, at)
        case terms.Quantifier():
            return _quantifier(term, at)
        case terms.RecordOf():
            return RecordType({name: FieldType(infer(value, at)) for name, value in term.fields})
        case terms.CalendarTest():
            return Primitive.BOOL
        case terms.Approvals():
            if term.of is not None:
                infer(term.of, at)
            return Primitive.BOOL
        case (
            terms.AndThen()
            | terms.OrElse()
            | terms.Same()
            | terms.Holds()
            | terms.Within()
            | terms.HasPath()
            | terms.Call()
            | terms.HasTag()
            | terms.Tag()
        ):
            raise AssertionError("nothing that the parser reads comes to this")
        case _:
            return _operation(term, at)


_Operation: TypeAlias = (
    terms.Compare
    | terms.Arithmetic
    | terms.Negate
    | terms.In
    | terms.Is
    | terms.IsEmpty
    | terms.Contains
    | terms.Like
    | terms.SetOf
    | terms.TimeTest
)


def _operation(term: _Operation, at: Place) -> Type:
    match term:
        case terms.Compare():
            return operations.compare(term, infer(term.left, at), infer(term.right, at), at)
        case terms.Arithmetic():
            return operations.arithmetic(term, infer(term.left, at), infer(term.right, at), at)
        case terms.Negate():
            return operations.negate(term, infer(term.operand, at), at)
        case terms.In():
            return operations.membership(term, infer(term.left, at), infer(term.right, at), at)
        case terms.Is():
            # Whatever else makes sure of the type, the test is no constant: it may stand in a define.
            return operations.is_type(term, infer(term.operand, at.forgetting(term.operand)), at)
        case terms.IsEmpty():
            return operations.is_empty(term, infer(term.operand, at), at)
        case terms.Contains():
            return operations.contains(term, infer(term.left, at), infer(term.right, at), at)
        case terms.Like():
            return operations.like(term, infer(term.operand, at), at)
        case terms.SetOf():
            return operations.set_of(term, [infer(item, at) for item in term.items], at)
        case terms.TimeTest():
            return operations.time_test(term, [infer(each.term, at) for each in term.bound], at)
        case _:
            assert_never(term)


def _narrowed(term: terms.Term, kind: Type, at: Place) -> Type:
    if not isinstance(kind, EntityTypes) or len(kind.names) < 2:
        return kind
    return EntityTypes(presence.narrow(term, kind.names, at.facts))


def type_of(value: Value, schema: Schema) -> Type:
    """Return the type of a constant."""
    match value:
        case bool():
            return Primitive.BOOL
        case int():
            return Primitive.INT
        case str():
            return Primitive.STRING
        case Decimal():
            return Primitive.DECIMAL
        case Datetime():
            return Primitive.DATETIME
        case Duration():
            return Primitive.DURATION
        case Ip():
            return Primitive.IP
        case EnumMember():
            return schema.enums.get(value.enum, WRONG)
        case EntityRef():
            return EntityTypes(frozenset({value.type}))
        case Record() | ValueSet():
            return WRONG
        case _:
            assert_never(value)


def _root(term: terms.Root, at: Place) -> Type:
    match term.name:
        case terms.RootName.ACTION:
            raise AssertionError("nothing that the parser reads comes to this")
        case terms.RootName.PRINCIPAL:
            return at.principal
        case terms.RootName.RESOURCE:
            return at.resource
        case terms.RootName.CONTEXT | terms.RootName.SESSION:
            return problem(
                at,
                "whole_root",
                f"`{term.name}` is no value by itself",
                term.span,
                f"name the attribute that is meant: `{term.name}.…`",
            )
        case _:
            assert_never(term.name)


def _base(term: terms.Term, at: Place) -> Type:
    """Return the type of what has an attribute: the context and the session are values there, and only there."""
    match term:
        case terms.Root(name=terms.RootName.CONTEXT):
            return at.context
        case terms.Root(name=terms.RootName.SESSION):
            return at.session
        case _:
            return infer(term, at)


def _truth(term: terms.Term, at: Place, place: str) -> Type:
    kind = infer(term, at)
    if kind is not Primitive.BOOL and not isinstance(kind, Wrong):
        problem(
            at, "not_a_condition", f"{place} takes a condition, not a value of type `{kind}`", term.span, _hint(kind)
        )
    return Primitive.BOOL


def _hint(kind: Type) -> str:
    match kind:
        case SetType():
            return "ask whether it `is empty`, or what is `in` it"
        case _:
            return "compare it with something"


def static(term: terms.Term, at: Place) -> bool | None:
    """Return the truth of a term that the types of the cell alone decide, or None."""
    match term:
        case terms.Is():
            kind = _quietly(term.operand, at)
            if isinstance(kind, EntityTypes):
                return None if term.type in kind.names and len(kind.names) > 1 else term.type in kind.names
            return None
        case terms.Not():
            truth = static(term.operand, at)
            return None if truth is None else not truth
        case terms.And():
            truths = [static(operand, at) for operand in term.operands]
            return False if False in truths else True if None not in truths else None
        case terms.Or():
            truths = [static(operand, at) for operand in term.operands]
            return True if True in truths else False if None not in truths else None
        case _:
            return None


def _quietly(term: terms.Term, at: Place) -> Type:
    if isinstance(term, terms.Root) and term.name in (terms.RootName.PRINCIPAL, terms.RootName.RESOURCE):
        return at.principal if term.name is terms.RootName.PRINCIPAL else at.resource
    return infer(term, replace(at, report=Report(), verdicts=Verdicts()))


def _and(term: terms.And, at: Place) -> Type:
    _operands(term.operands, at, [presence.when_true(each) for each in term.operands], False, "`and`")
    return Primitive.BOOL


def _or(term: terms.Or, at: Place) -> Type:
    _operands(term.operands, at, [presence.when_false(each) for each in term.operands], True, "`or`")
    return Primitive.BOOL


def _operands(
    operands: tuple[terms.Term, ...], at: Place, facts: list[presence.Facts], decided: bool, place: str
) -> None:
    """Check operands, each knowing what the others make sure of.

    Where the types of a cell alone decide the whole by one operand, the others are not looked at: they may be about
    another type.
    """
    deciding = {id(operand) for operand in operands if static(operand, at) is decided}
    for operand, known in zip(operands, presence.others(facts), strict=True):
        if not deciding or id(operand) in deciding:
            _truth(operand, at.knowing(known), place)


def _if(term: terms.If, at: Place) -> Type:
    _truth(term.test, at, "`if`")
    decided = static(term.test, at)
    then = WRONG if decided is False else infer(term.then, at.knowing(presence.when_true(term.test)))
    otherwise = WRONG if decided is True else infer(term.otherwise, at.knowing(presence.when_false(term.test)))
    joined = join(then, otherwise)
    if joined is None:
        return problem(
            at,
            "type_mismatch",
            f"`then` is of type `{then}` and `else` of type `{otherwise}`",
            term.span,
            "both have to be of one type",
        )
    return joined


def _quantifier(term: terms.Quantifier, at: Place) -> Type:
    domain = infer(term.domain, at)
    element: Type = WRONG
    if isinstance(domain, SetType):
        element = WRONG if domain.element is None else domain.element
        operations.quantifier(term, domain, at)
    elif not isinstance(domain, Wrong):
        problem(
            at,
            "not_a_set",
            f"`{term.op}` goes through a set, not a value of type `{domain}`",
            term.domain.span,
            "a set is written `[a, b]`, and its type `[T]`",
        )
    _truth(term.body, replace(at, variables=(*at.variables, (term.variable.index, element))), f"`{term.op}`")
    return Primitive.BOOL
