"""Cedar's terms as expressions of Python: asked from left to right, and of values whose types may not be known."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from pdp import terms
from pdp.codegen import support
from pdp.codegen.unsupported import Unsupported
from pdp.extensions import FUNCTIONS, RESULTS
from pdp.lowering import total
from pdp.operators import holds
from pdp.symbols import Function
from pdp.types import EntityTypes, Primitive, RecordType, SetType, Type
from pdp.values import equal

if TYPE_CHECKING:
    from pdp.codegen.expressions import Expressions

Truths = terms.AndThen | terms.OrElse | terms.Same | terms.Holds | terms.Within | terms.HasPath | terms.HasTag

_ORDERS: Final = {Function.LT: "<", Function.LE: "<=", Function.GT: ">", Function.GE: ">="}
_SUMS: Final = {Function.ADD: "+", Function.SUB: "-", Function.MUL: "*"}
_FORMS: Final = {Primitive.DECIMAL: "units", Primitive.DATETIME: "micros", Primitive.DURATION: "micros"}
_TIMES: Final = (Primitive.DATETIME, Primitive.DURATION)
_PLAIN: Final = (Primitive.BOOL, Primitive.INT, Primitive.STRING, Primitive.IP)


def truth(made: Expressions, term: Truths) -> ast.expr:
    """Return what is true or false as a term is."""
    match term:
        case terms.AndThen():
            return _in_order(made, term.operands, True)
        case terms.OrElse():
            return _in_order(made, term.operands, False)
        case terms.Same():
            return _same(made, term)
        case terms.Holds():
            return _holds(made, term)
        case terms.Within():
            return _within(made, term)
        case terms.HasPath():
            return _has_path(made, term)
        case terms.HasTag():
            return made.nodes.compare(_text(made, term.name), "in", _tags(made, term.base))


def is_within(made: Expressions, term: terms.Is) -> ast.expr:
    """Return whether an entity is of a type and in another, or one of several."""
    if terms.path(term.operand) is None or term.within is None:
        # It would be computed twice.
        raise Unsupported
    inside = terms.Within(left=term.operand, right=term.within, span=term.span)
    kind = terms.Is(operand=term.operand, type=term.type, span=term.span)
    return made.nodes.chain([made.truth(kind), _reached(made, inside)], True)


def _has_path(made: Expressions, term: terms.HasPath) -> ast.expr:
    if terms.path(term.base) is None:
        # It would be computed once more for each name.
        raise Unsupported
    base, found = term.base, []
    for name in term.path:
        found.append(made.truth(terms.Has(base=base, name=name, span=term.span)))
        base = terms.Attribute(base=base, name=name, span=term.span)
    return made.nodes.chain(found, True)


def _in_order(made: Expressions, operands: Iterable[terms.Term], neutral: bool) -> ast.expr:
    found: list[ast.expr] = []
    for each in operands:
        one = _reached(made, each)
        if isinstance(one, ast.Constant) and one.value is neutral:
            continue
        found.append(one)
        if isinstance(one, ast.Constant):
            # Here it ends, whatever follows. What stands before may still raise.
            break
    return made.nodes.chain(found, neutral)


def _reached(made: Expressions, term: terms.Term) -> ast.expr:
    """Return an operand; one that has no fast form leaves the question where it is reached, and not before."""
    try:
        return made.truth(term)
    except Unsupported:
        return made.leave()


def _same(made: Expressions, term: terms.Same) -> ast.expr:
    left, right = made.type_of(term.left), made.type_of(term.right)
    if left is not None and right is not None:
        if not _alike(left, right):
            # Of different kinds, they are not the same: but to find out what they are may raise.
            if total(term):
                return made.nodes.constant(False)
            both = made.nodes.tuple(made.plain(term.left), made.plain(term.right), made.nodes.constant(False))
            return made.nodes.item(both, 2)
        if isinstance(left, Primitive) and left in _FORMS:
            form = _FORMS[left]
            return made.nodes.compare(made.form(term.left, form), "==", made.form(term.right, form))
        if isinstance(left, EntityTypes):
            one, other = made.label(term.left), made.label(term.right)
            if one is not None and other is not None:
                return made.nodes.compare(one, "==", other)
        if isinstance(left, EntityTypes) or left in _PLAIN:
            return made.nodes.compare(made.plain(term.left), "==", made.plain(term.right))
    return made.checked(equal, made.plain(term.left), made.plain(term.right))


def _alike(left: Type, right: Type) -> bool:
    if isinstance(left, EntityTypes | SetType | RecordType):
        return left.__class__ is right.__class__
    return left == right


def _within(made: Expressions, term: terms.Within) -> ast.expr:
    left, right = made.type_of(term.left), made.type_of(term.right)
    if isinstance(left, EntityTypes) and isinstance(right, EntityTypes):
        return made.inside(term.left, term.right)
    if isinstance(left, EntityTypes) and _holds_entities(right) and made.bounded(term.right):
        met = made.nodes.method(made.above(term.left), "isdisjoint", made.elements(term.right))
        return made.nodes.denied(met)
    return made.checked(support.within, made.nodes.name("w"), made.plain(term.left), made.plain(term.right))


def _holds_entities(kind: Type | None) -> bool:
    return isinstance(kind, SetType) and (kind.element is None or isinstance(kind.element, EntityTypes))


def value(made: Expressions, term: terms.Call | terms.Tag) -> ast.expr:
    """Return what gives the value of a term."""
    if isinstance(term, terms.Tag):
        return made.nodes.at(_tags(made, term.base), _text(made, term.name))
    return _call(made, term)


def _call(made: Expressions, term: terms.Call) -> ast.expr:
    nodes, function, kinds = made.nodes, term.function, [made.type_of(each) for each in term.operands]
    if function in _ORDERS and kinds[0] == kinds[1] and kinds[0] in (Primitive.INT, *_TIMES):
        if kinds[0] is Primitive.INT:
            left, right = map(made.plain, term.operands)
        else:
            left, right = (made.form(each, "micros") for each in term.operands)
        return nodes.compare(left, _ORDERS[function], right)
    if function in _SUMS and kinds == [Primitive.INT, Primitive.INT]:
        left, right = map(made.plain, term.operands)
        return made.checked(support.fitting, nodes.binary(left, _SUMS[function], right))
    found = made.checked(FUNCTIONS[function], *map(made.plain, term.operands))
    return made.checked(support.truth if RESULTS[function] is Primitive.BOOL else support.known, found)


def _holds(made: Expressions, term: terms.Holds) -> ast.expr:
    left, right = made.type_of(term.left), made.type_of(term.right)
    element = left.element if isinstance(left, SetType) else None
    # For Python, 1 equals true: where either could be there, sets are asked by keys of their own.
    if element is not None and right is not None and Primitive.BOOL not in (element, right) and _alike(element, right):
        return made.nodes.compare(made.plain(term.right), "in", made.elements(term.left))
    return made.checked(support.truth, made.checked(holds, made.plain(term.left), made.plain(term.right)))


def _text(made: Expressions, term: terms.Term) -> ast.expr:
    found = made.plain(term)
    return found if made.type_of(term) is Primitive.STRING else made.checked(support.text, found)


def _tags(made: Expressions, base: terms.Term) -> ast.expr:
    if isinstance(base, terms.Root) and base.name in (terms.RootName.PRINCIPAL, terms.RootName.RESOURCE):
        return made.nodes.attribute(made.nodes.name("p" if base.name is terms.RootName.PRINCIPAL else "r"), "t")
    if isinstance(made.type_of(base), EntityTypes):
        return made.nodes.attribute(made.far(base), "t")
    return made.checked(support.tags, made.nodes.name("w"), made.plain(base))
