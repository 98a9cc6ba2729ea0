"""The type of every term, for one combination of action, principal type and resource type."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import assert_never

from pdp import terms
from pdp.checker import presence
from pdp.checker.report import Report
from pdp.errors import article, suggest
from pdp.schema import Cell, Schema
from pdp.source import Span
from pdp.syntax.tree import ArithmeticOp, CompareOp
from pdp.types import (
    ORDERED,
    WRONG,
    EntityTypes,
    EnumType,
    FieldType,
    Primitive,
    RecordType,
    SetType,
    Type,
    Wrong,
    comparable,
    join,
)
from pdp.values import Datetime, Decimal, Duration, EntityRef, EnumMember, Ip, Record, Value, ValueSet


@dataclass(slots=True)
class Verdicts:
    """What tests on types came out as, over all cells of a rule: what is the same in all of them is constant."""

    seen: dict[Span, set[bool]] = field(default_factory=lambda: defaultdict(set))
    texts: dict[Span, tuple[str, str]] = field(default_factory=dict)

    def note(self, span: Span | None, truth: bool | None, code: str, message: str) -> None:
        """Take note of a test's outcome in one cell; None where it depends on the request."""
        if span is not None:
            self.seen[span] |= {True, False} if truth is None else {truth}
            self.texts[span] = code, message


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is known where a term stands: the types of the roots and variables, and which attributes are there."""

    schema: Schema
    report: Report
    verdicts: Verdicts
    principal: Type
    resource: Type
    context: RecordType
    session: RecordType
    facts: presence.Facts = presence.NOTHING
    lenient: bool = False
    """Whether optional attributes need no `has`: in the `when` of a forbid, where absence denies."""
    variables: tuple[tuple[int, Type], ...] = ()
    cell: Cell | None = None

    def knowing(self, facts: presence.Facts) -> Place:
        """Return the same place with more attributes known to be there."""
        return self if facts <= self.facts else replace(self, facts=self.facts | facts)


def infer(term: terms.Term, at: Place) -> Type:
    """Return the type of a term; report what does not fit."""
    match term:
        case terms.Constant():
            return type_of(term.value, at.schema)
        case terms.Root():
            return _root(term, at)
        case terms.Variable():
            return dict(at.variables).get(term.index, WRONG)
        case terms.Attribute():
            return _attribute(term, at)
        case terms.Has():
            return _has(term, at)
        case terms.Not():
            return _truth(term.operand, at, "`not`")
        case terms.And():
            return _and(term, at)
        case terms.Or():
            return _or(term, at)
        case terms.If():
            return _if(term, at)
        case terms.Compare():
            return _compare(term, at)
        case terms.Arithmetic():
            return _arithmetic(term, at)
        case terms.Negate():
            return _negate(term, at)
        case terms.In():
            return _in(term, at)
        case terms.Is():
            return _is(term, at)
        case terms.IsEmpty():
            return _set_of(term.operand, at, "`is empty`")
        case terms.Contains():
            return _contains(term, at)
        case terms.Like():
            return _like(term, at)
        case terms.Quantifier():
            return _quantifier(term, at)
        case terms.SetOf():
            return _set(term, at)
        case terms.RecordOf():
            return RecordType({name: FieldType(infer(value, at)) for name, value in term.fields})
        case terms.TimeTest():
            return _time_test(term, at)
        case terms.CalendarTest():
            return Primitive.BOOL
        case terms.Approvals():
            if term.of is not None:
                infer(term.of, at)
            return Primitive.BOOL
        case _:
            assert_never(term)


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


def _error(at: Place, code: str, message: str, span: Span | None, help: str | None = None) -> Type:
    if span is not None:
        notes = ()
        at.report.error(code, message, span, help, notes)
    return WRONG


# ------------------------------------------------------------------------------------------------------- attributes


def _root(term: terms.Root, at: Place) -> Type:
    match term.name:
        case terms.RootName.PRINCIPAL:
            return at.principal
        case terms.RootName.RESOURCE:
            return at.resource
        case terms.RootName.CONTEXT | terms.RootName.SESSION:
            return _error(
                at,
                "whole_root",
                f"`{term.name}` is no value by itself",
                term.span,
                f"name the attribute that is meant: `{term.name}.…`",
            )
        case _:
            assert_never(term.name)


def _fields(base: terms.Term, at: Place) -> list[tuple[str, RecordType]] | None:
    """Return whose attributes a term has, and their types: of one record, or of each entity type it may be."""
    if isinstance(base, terms.Root) and base.name is terms.RootName.CONTEXT:
        return [("the context" if at.cell is None else f"the context of `{at.cell.action}`", at.context)]
    if isinstance(base, terms.Root) and base.name is terms.RootName.SESSION:
        return [("the session", at.session)]
    kind = infer(base, at)
    match kind:
        case RecordType():
            return [(f"`{_text(base)}`", kind)]
        case EntityTypes():
            return [
                (f"entity type `{name}`", at.schema.entities[name].attributes)
                for name in sorted(kind.names)
                if name in at.schema.entities
            ]
        case Wrong():
            return None
        case _:
            _error(at, "no_attributes", f"a value of type `{kind}` has no attributes", base.span, _value_help(kind))
            return None


def _value_help(kind: Type) -> str:
    if isinstance(kind, SetType):
        return "look at its elements: `any x in …: x.…`"
    return "only entities and records have attributes"


def _attribute(term: terms.Attribute, at: Place) -> Type:
    owners = _fields(term.base, at)
    if owners is None:
        return WRONG
    found: Type | None = None
    for owner, record in owners:
        declared = record.fields.get(term.name)
        if declared is None:
            return _missing(term, owner, record, at)
        if declared.optional and not at.lenient and not _known(term, at):
            return _unguarded(term, owner, at)
        joined = declared.type if found is None else join(found, declared.type)
        if joined is None:
            return _error(
                at,
                "ambiguous_type",
                f"`{term.name}` is of type `{found}` in one type and of type `{declared.type}` in another",
                _name_span(term),
                "write a rule for each type",
            )
        found = joined
    return WRONG if found is None else found


def _known(term: terms.Attribute, at: Place) -> bool:
    where = presence.path(term)
    return where is not None and where in at.facts


def _missing(term: terms.Attribute | terms.Has, owner: str, record: RecordType, at: Place) -> Type:
    return _error(
        at,
        "unknown_attribute",
        f"attribute `{term.name}` not found on {owner}",
        _name_span(term),
        suggest(term.name, record.fields) or _declared(record),
    )


def _declared(record: RecordType) -> str:
    return f"it has {', '.join(record.fields)}" if record.fields else "it has no attributes"


def _unguarded(term: terms.Attribute, owner: str, at: Place) -> Type:
    base = _text(term.base)
    return _error(
        at,
        "optional_attribute",
        f"attribute `{term.name}` of {owner} is optional",
        _name_span(term),
        f"ask first whether it is there: `{base} has {term.name} and …`",
    )


def _has(term: terms.Has, at: Place) -> Type:
    owners = _fields(term.base, at)
    if owners is None:
        return Primitive.BOOL
    declared = [record.fields.get(term.name) for _, record in owners]
    if owners and not any(declared):
        _missing(term, *owners[0], at)
    elif all(each is not None and not each.optional for each in declared):
        message = f"every {owners[0][0].removeprefix('the ')} has `{term.name}`"
        at.verdicts.note(term.span, True, "constant_condition", message)
    else:
        at.verdicts.note(term.span, None, "", "")
    return Primitive.BOOL


def _name_span(term: terms.Attribute | terms.Has) -> Span | None:
    """Return where the attribute's name stands: at the end of the term."""
    span = term.span
    if span is None or not span.text.endswith(term.name):
        return span
    return Span(span.source, span.end - len(term.name), span.end)


def _text(term: terms.Term) -> str:
    return "…" if term.span is None else " ".join(term.span.text.split())


# --------------------------------------------------------------------------------------------------------- logic


def _truth(term: terms.Term, at: Place, place: str) -> Type:
    kind = infer(term, at)
    if kind is not Primitive.BOOL and not isinstance(kind, Wrong):
        _error(
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
            kind = infer(term.operand, replace(at, report=Report(), verdicts=Verdicts()))
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
    deciding = [operand for operand in operands if static(operand, at) is decided]
    for operand, known in zip(operands, presence.others(facts), strict=True):
        if not deciding or operand in deciding:
            _truth(operand, at.knowing(known), place)


def _if(term: terms.If, at: Place) -> Type:
    _truth(term.test, at, "`if`")
    then = infer(term.then, at.knowing(presence.when_true(term.test)))
    otherwise = infer(term.otherwise, at.knowing(presence.when_false(term.test)))
    joined = join(then, otherwise)
    if joined is None:
        return _error(
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
    elif not isinstance(domain, Wrong):
        _error(
            at,
            "not_a_set",
            f"`{term.op}` goes through a set, not a value of type `{domain}`",
            term.domain.span,
            "a set is written `[a, b]`, and its type `[T]`",
        )
    _truth(term.body, replace(at, variables=(*at.variables, (term.variable.index, element))), f"`{term.op}`")
    return Primitive.BOOL


# --------------------------------------------------------------------------------------------------------- operators


def _compare(term: terms.Compare, at: Place) -> Type:
    left, right = infer(term.left, at), infer(term.right, at)
    if isinstance(left, Wrong) or isinstance(right, Wrong):
        return Primitive.BOOL
    if not comparable(left, right):
        help_ = _mismatch_help(left, right, term) or "only values of one type are compared"
        _error(at, "type_mismatch", f"`{left}` is compared with `{right}`", term.span, help_)
    elif term.op not in (CompareOp.EQ, CompareOp.NE) and left not in ORDERED:
        names = ", ".join(sorted(f"`{kind}`" for kind in ORDERED))
        _error(at, "not_ordered", f"values of type `{left}` have no order", term.span, f"only {names} have one")
    elif term.left == term.right:
        _error(
            at,
            "constant_condition",
            f"`{_text(term.left)}` is compared with itself",
            term.span,
            "compare it with something else",
        )
    return Primitive.BOOL


def _mismatch_help(left: Type, right: Type, term: terms.Compare | terms.In) -> str | None:
    for kind, other, written in ((left, right, term.right), (right, left, term.left)):
        constant = written.value if isinstance(written, terms.Constant) else None
        if not isinstance(constant, str) or other is not Primitive.STRING:
            continue
        if isinstance(kind, EnumType):
            close = suggest(constant, kind.members)
            return (
                f"the member of an enum is written without quotes: `{constant}`"
                if constant in kind.members
                else f"`{kind}` has the members {', '.join(kind.members)}{'; ' + close if close else ''}"
            )
        if isinstance(kind, EntityTypes):
            return f'an entity is written with its type: `{sorted(kind.names)[0]} "{constant}"`'
        if kind in (Primitive.DATETIME, Primitive.DURATION, Primitive.IP, Primitive.INT, Primitive.DECIMAL):
            return f"{'an' if str(kind)[0] == 'I' else 'a'} `{kind}` is written without quotes"
    return None


def _arithmetic(term: terms.Arithmetic, at: Place) -> Type:
    left, right = infer(term.left, at), infer(term.right, at)
    if isinstance(left, Wrong) or isinstance(right, Wrong):
        return WRONG
    kind = _sum(term.op, left, right)
    if kind is None:
        return _error(
            at,
            "bad_arithmetic",
            f"`{left} {term.op} {right}` is not defined",
            term.span,
            "times differ and move by durations; numbers go with numbers of their kind",
        )
    return kind


def _sum(op: ArithmeticOp, left: Type, right: Type) -> Type | None:
    number, length, instant = Primitive.INT, Primitive.DURATION, Primitive.DATETIME
    table: dict[tuple[Type, Type], Type]
    if op is ArithmeticOp.MUL:
        table = {(number, number): number, (length, number): length, (number, length): length}
    else:
        table = {
            (number, number): number,
            (Primitive.DECIMAL, Primitive.DECIMAL): Primitive.DECIMAL,
            (length, length): length,
            (instant, length): instant,
        }
        table |= {(length, instant): instant} if op is ArithmeticOp.ADD else {(instant, instant): length}
    return table.get((left, right))


def _negate(term: terms.Negate, at: Place) -> Type:
    kind = infer(term.operand, at)
    if kind not in (Primitive.INT, Primitive.DECIMAL, Primitive.DURATION) and not isinstance(kind, Wrong):
        return _error(
            at, "bad_arithmetic", f"`-{kind}` is not defined", term.span, "only numbers and durations have a sign"
        )
    return kind


def _in(term: terms.In, at: Place) -> Type:
    left, right = infer(term.left, at), infer(term.right, at)
    if isinstance(left, Wrong) or isinstance(right, Wrong):
        return Primitive.BOOL
    element = right.element if isinstance(right, SetType) else right
    if isinstance(left, EntityTypes) and isinstance(element, EntityTypes):
        possible = any(at.schema.can_be_in(a, b) for a in left.names for b in element.names)
        at.verdicts.note(
            term.span,
            None if possible else False,
            "impossible_membership",
            f"{article(left)} is never in {article(element)}",
        )
    elif left is Primitive.IP and element is Primitive.IP:
        pass
    elif not isinstance(right, SetType):
        help_ = "to look inside a text, use `like`" if right is Primitive.STRING else "a set is written `[a, b]`"
        _error(at, "not_a_collection", f"nothing is in a value of type `{right}`", term.right.span, help_)
    elif element is None:
        _error(at, "constant_condition", "nothing is in an empty set", term.span, "name at least one value")
    elif not comparable(left, element):
        help_ = _mismatch_help(left, element, _first_item(term)) or "only values of one type are compared"
        _error(at, "type_mismatch", f"`{left}` is looked for in a set of `{element}`", term.span, help_)
    return Primitive.BOOL


def _first_item(term: terms.In) -> terms.In:
    if isinstance(term.right, terms.SetOf) and term.right.items:
        return replace(term, right=term.right.items[0])
    return term


def _is(term: terms.Is, at: Place) -> Type:
    kind = infer(term.operand, at)
    if isinstance(kind, EntityTypes):
        truth = None if term.type in kind.names and len(kind.names) > 1 else term.type in kind.names
        word = "always" if truth else "never"
        at.verdicts.note(
            term.span, truth, "constant_condition", f"`{_text(term.operand)}` is {word} {article(term.type)}"
        )
    elif not isinstance(kind, Wrong):
        _error(at, "type_mismatch", f"`is` asks for the type of an entity, not of {article(kind)}", term.span)
    return Primitive.BOOL


def _set_of(term: terms.Term, at: Place, place: str) -> Type:
    kind = infer(term, at)
    if not isinstance(kind, SetType | Wrong):
        _error(at, "not_a_set", f"{place} is asked of a set, not of a value of type `{kind}`", term.span)
    return Primitive.BOOL


def _contains(term: terms.Contains, at: Place) -> Type:
    left, right = infer(term.left, at), infer(term.right, at)
    for kind, side in ((left, term.left), (right, term.right)):
        if not isinstance(kind, SetType | Wrong):
            _error(
                at,
                "not_a_set",
                f"`{term.op}` compares sets, not a value of type `{kind}`",
                side.span,
                "a set is written `[a, b]`",
            )
            return Primitive.BOOL
    if not comparable(left, right):
        _error(
            at,
            "type_mismatch",
            f"`{left}` is compared with `{right}`",
            term.span,
            "only values of one type are compared",
        )
    return Primitive.BOOL


def _like(term: terms.Like, at: Place) -> Type:
    kind = infer(term.operand, at)
    if kind is not Primitive.STRING and not isinstance(kind, Wrong):
        _error(
            at, "type_mismatch", f"`like` matches a `String`, not `{kind}`", term.operand.span, "compare it with `==`"
        )
    return Primitive.BOOL


def _set(term: terms.SetOf, at: Place) -> Type:
    element: Type | None = None
    for item in term.items:
        kind = infer(item, at)
        joined = kind if element is None else join(element, kind)
        if joined is None:
            return _error(
                at,
                "mixed_set",
                f"a set of `{element}` holds {article(kind)}",
                item.span,
                "the elements of a set are of one type",
            )
        element = joined
    return SetType(element)


def _time_test(term: terms.TimeTest, at: Place) -> Type:
    instants, wrong = 0, False
    for addend in term.bound:
        kind = infer(addend.term, at)
        if kind is Primitive.DATETIME:
            instants += -1 if addend.negative else 1
        elif isinstance(kind, Wrong):
            wrong = True
        elif kind is not Primitive.DURATION:
            _error(
                at,
                "type_mismatch",
                f"`now` is compared with a value of type `{kind}`",
                addend.span,
                "a `Datetime` is compared with `now`, a `Duration` with `now - …`",
            )
            wrong = True
    if instants != 1 and not wrong:
        _error(
            at,
            "type_mismatch",
            "a `Datetime` is compared with a `Duration`",
            term.span,
            "compare instants with instants: `now < x`, `now - x < 15m`",
        )
    return Primitive.BOOL
