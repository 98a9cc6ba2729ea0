"""The operators: what they take, what they come to, and what to say where their operands do not go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pdp import terms
from pdp.checker.constants import settled
from pdp.checker.place import Place, problem, text
from pdp.checker.report import SETTLED_HELP, Report
from pdp.errors import article, listed
from pdp.syntax.tree import ArithmeticOp, CompareOp
from pdp.types import ORDERED, WRONG, EntityTypes, EnumType, Primitive, SetType, Type, Wrong, comparable, join


def compare(term: terms.Compare, left: Type, right: Type, at: Place) -> Type:
    """Check a comparison."""
    if isinstance(left, Wrong) or isinstance(right, Wrong):
        return Primitive.BOOL
    if not comparable(left, right):
        help_ = _mismatch_help(left, right, term, at.report) or "only values of one type are compared"
        problem(at, "type_mismatch", f"`{left}` is compared with `{right}`", term.span, help_)
    elif term.op not in (CompareOp.EQ, CompareOp.NE) and left not in ORDERED:
        names = ", ".join(sorted(f"`{kind}`" for kind in ORDERED))
        problem(at, "not_ordered", f"values of type `{left}` have no order", term.span, f"only {names} have one")
    elif term.left == term.right and not isinstance(term.left, terms.Constant):
        problem(
            at,
            "constant_condition",
            f"`{text(term.left)}` is compared with itself",
            term.span,
            "compare it with something else",
        )
    else:
        _report_settled(term, settled(term, left, right), at)
    return Primitive.BOOL


def _report_settled(term: terms.Term, outcome: bool | None, at: Place) -> None:
    if outcome is not None:
        word = "always" if outcome else "never"
        problem(at, "constant_condition", f"`{text(term)}` is {word} true", term.span, SETTLED_HELP)


def quantifier(term: terms.Quantifier, domain: Type, at: Place) -> None:
    """Check that there is something to go through."""
    _report_settled(term, settled(term, domain), at)


def _mismatch_help(left: Type, right: Type, term: terms.Compare | terms.In, report: Report) -> str | None:
    for kind, other, written in ((left, right, term.right), (right, left, term.left)):
        constant = written.value if isinstance(written, terms.Constant) else None
        if not isinstance(constant, str) or other is not Primitive.STRING:
            continue
        if isinstance(kind, EnumType):
            close = report.suggest(constant, kind.members)
            return (
                f"the member of an enum is written without quotes: `{constant}`"
                if constant in kind.members
                else f"`{kind}` has the members {listed(kind.members, 'none')}{'; ' + close if close else ''}"
            )
        if isinstance(kind, EntityTypes):
            return f'an entity is written with its type: `{sorted(kind.names)[0]} "{constant}"`'
        if kind in (Primitive.DATETIME, Primitive.DURATION, Primitive.IP, Primitive.INT, Primitive.DECIMAL):
            return f"{'an' if str(kind)[0] == 'I' else 'a'} `{kind}` is written without quotes"
    return None


def arithmetic(term: terms.Arithmetic, left: Type, right: Type, at: Place) -> Type:
    """Return the type of a sum, a difference or a product."""
    if isinstance(left, Wrong) or isinstance(right, Wrong):
        return WRONG
    kind = _sum(term.op, left, right)
    if kind is None:
        return problem(
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


def negate(term: terms.Negate, kind: Type, at: Place) -> Type:
    """Return the type of a negative value."""
    if kind not in (Primitive.INT, Primitive.DECIMAL, Primitive.DURATION) and not isinstance(kind, Wrong):
        return problem(
            at, "bad_arithmetic", f"`-{kind}` is not defined", term.span, "only numbers and durations have a sign"
        )
    return kind


def membership(term: terms.In, left: Type, right: Type, at: Place) -> Type:
    """Check a test of hierarchy, set or range."""
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
        problem(at, "not_a_collection", f"nothing is in a value of type `{right}`", term.right.span, help_)
    elif element is None:
        problem(at, "constant_condition", "nothing is in an empty set", term.span, "name at least one value")
    elif not comparable(left, element):
        help_ = _mismatch_help(left, element, _first_item(term), at.report) or "only values of one type are compared"
        problem(at, "type_mismatch", f"`{left}` is looked for in a set of `{element}`", term.span, help_)
    else:
        _report_settled(term, settled(term, left), at)
    return Primitive.BOOL


def _first_item(term: terms.In) -> terms.In:
    if isinstance(term.right, terms.SetOf) and term.right.items:
        return replace(term, right=term.right.items[0])
    return term


def is_type(term: terms.Is, kind: Type, at: Place) -> Type:
    """Check a test of an entity's type."""
    if isinstance(kind, EntityTypes):
        truth = None if term.type in kind.names and len(kind.names) > 1 else term.type in kind.names
        word = "always" if truth else "never"
        at.verdicts.note(
            term.span, truth, "constant_condition", f"`{text(term.operand)}` is {word} {article(term.type)}"
        )
    elif not isinstance(kind, Wrong):
        problem(at, "type_mismatch", f"`is` asks for the type of an entity, not of {article(kind)}", term.span)
    return Primitive.BOOL


def is_empty(term: terms.IsEmpty, kind: Type, at: Place) -> Type:
    """Check a test for an empty set."""
    if not isinstance(kind, SetType | Wrong):
        problem(at, "not_a_set", f"`is empty` is asked of a set, not of a value of type `{kind}`", term.operand.span)
    return Primitive.BOOL


def contains(term: terms.Contains, left: Type, right: Type, at: Place) -> Type:
    """Check a comparison of sets."""
    for kind, side in ((left, term.left), (right, term.right)):
        if not isinstance(kind, SetType | Wrong):
            problem(
                at,
                "not_a_set",
                f"`{term.op}` compares sets, not a value of type `{kind}`",
                side.span,
                "a set is written `[a, b]`",
            )
            return Primitive.BOOL
    if not comparable(left, right):
        problem(
            at,
            "type_mismatch",
            f"`{left}` is compared with `{right}`",
            term.span,
            "only values of one type are compared",
        )
    else:
        _report_settled(term, settled(term, left, right), at)
    return Primitive.BOOL


def like(term: terms.Like, kind: Type, at: Place) -> Type:
    """Check a match of a text."""
    if kind is not Primitive.STRING and not isinstance(kind, Wrong):
        problem(
            at, "type_mismatch", f"`like` matches a `String`, not `{kind}`", term.operand.span, "compare it with `==`"
        )
    else:
        _report_settled(term, settled(term, kind), at)
    return Primitive.BOOL


def set_of(term: terms.SetOf, kinds: Sequence[Type], at: Place) -> Type:
    """Return the type of a set of elements of those types."""
    element: Type | None = None
    for item, kind in zip(term.items, kinds, strict=True):
        joined = kind if element is None else join(element, kind)
        if joined is None:
            return problem(
                at,
                "mixed_set",
                f"a set of `{element}` holds {article(kind)}",
                item.span,
                "the elements of a set are of one type",
            )
        element = joined
    return SetType(element)


def time_test(term: terms.TimeTest, kinds: Sequence[Type], at: Place) -> Type:
    """Check that `now` is compared with an instant."""
    instants, wrong = 0, False
    for addend, kind in zip(term.bound, kinds, strict=True):
        if kind is Primitive.DATETIME:
            instants += -1 if addend.negative else 1
        elif isinstance(kind, Wrong):
            wrong = True
        elif kind is not Primitive.DURATION:
            problem(
                at,
                "type_mismatch",
                f"`now` is compared with a value of type `{kind}`",
                addend.span,
                "a `Datetime` is compared with `now`, a `Duration` with `now - …`",
            )
            wrong = True
    if instants != 1 and not wrong:
        problem(
            at,
            "type_mismatch",
            "a `Datetime` is compared with a `Duration`",
            term.span,
            "compare instants with instants: `now < x`, `now - x < 15m`",
        )
    return Primitive.BOOL
