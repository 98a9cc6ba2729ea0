"""Whether a rule could ever matter to a kind of question: what its conditions come to where types lack attributes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Final

from pdp import terms
from pdp.lowering import Setting, type_of
from pdp.model import Effect
from pdp.operators import Truth, conjunction, disjunction, invert
from pdp.schema import Cell, Schema
from pdp.symbols import CompareOp
from pdp.terms import ClauseKind, RootName, Term
from pdp.types import EntityTypes, RecordType, SetType
from pdp.values import UNKNOWN

_ANY: Final[frozenset[Truth]] = frozenset({True, False, UNKNOWN})
_NEVER_KNOWN: Final[frozenset[Truth]] = frozenset({UNKNOWN})


def matters(rule: terms.Rule, cells: Iterable[Cell], schema: Schema) -> bool:
    """Tell whether a rule could be written for any of some cells, and change an answer there, as far as types tell."""
    terms_ = [clause.condition for clause in rule.clauses]
    terms_ += [term for obligation in rule.obligations for _, term in obligation.arguments]
    return any(_is_declared(terms_, cell, schema) and _matters(rule, cell, schema) for cell in cells)


def _is_declared(conditions: Iterable[Term], cell: Cell, schema: Schema) -> bool:
    """Tell whether a cell has each attribute that conditions read; the checker refuses a rule for one that has not."""
    found = [each for condition in conditions for each in terms.walk(condition)]
    if any(isinstance(each, terms.Is) for each in found):
        # It may guard what only some types have.
        return True
    guarded = {(each.base, each.name) for each in found if isinstance(each, terms.Has)}
    return all(
        _declares(each.base.name, each.name, cell, schema) or (each.base, each.name) in guarded
        for each in found
        if isinstance(each, terms.Attribute) and isinstance(each.base, terms.Root)
    )


def _matters(rule: terms.Rule, cell: Cell, schema: Schema) -> bool:
    # Where all but the needs of a permit could hold, it shows at the least what the remedies are.
    clauses = [each for each in rule.clauses if each.kind is not ClauseKind.NEEDS or rule.effect is Effect.FORBID]
    found = [
        frozenset(map(invert, outcomes(each.condition, cell, schema)))
        if each.kind is ClauseKind.UNLESS
        else outcomes(each.condition, cell, schema)
        for each in clauses
    ]
    if rule.effect is Effect.PERMIT or schema.is_cedar:
        return all(True in each for each in found)
    return all(each != frozenset({False}) for each in found)


def cells_of(rule: terms.Rule, schema: Schema) -> frozenset[Cell]:
    """Return the cells that a rule covers."""
    found = set()
    for name in rule.actions & schema.actions.keys():
        action = schema.actions[name]
        for principal, resource in product(
            sorted(covered(rule.principals, action.principals, schema)),
            sorted(covered(rule.resources, action.resources, schema)),
        ):
            found.add(Cell(action=name, principal=principal, resource=resource))
    return frozenset(found)


def covered(scopes: Iterable[terms.Scope], able: frozenset[str], schema: Schema) -> frozenset[str]:
    """Return the types, of some, whose entities scopes can hold."""
    found: set[str] = set()
    for scope in scopes:
        names = able if scope.type is None else able & {scope.type}
        if scope.within is not None:
            names = frozenset(name for name in names for ref in scope.within if schema.can_be_in(name, ref.type))
        found |= names
    return frozenset(found)


def outcomes(term: Term, cell: Cell, schema: Schema) -> frozenset[Truth]:
    """Return what a term may come to in a cell; for what is no truth value, whether it may be known at all."""
    match term:
        case terms.Constant():
            return frozenset({term.value}) if isinstance(term.value, bool) else _ANY
        case terms.Attribute(base=terms.Root() as root, name=name):
            return _ANY if _declares(root.name, name, cell, schema) else _NEVER_KNOWN
        case terms.Has(base=terms.Root() as root, name=name):
            return _ANY if _declares(root.name, name, cell, schema) else frozenset({False})
        case terms.Is(operand=terms.Root() as root):
            return _is(term, root, cell)
        case terms.Not():
            return frozenset(map(invert, outcomes(term.operand, cell, schema)))
        case terms.And() | terms.AndThen():
            return _joined(term.operands, cell, schema, every=True)
        case terms.Or() | terms.OrElse():
            return _joined(term.operands, cell, schema, every=False)
        case terms.Compare(op=CompareOp.EQ | CompareOp.NE) | terms.In() if _apart(term, cell, schema):
            return frozenset({isinstance(term, terms.Compare) and term.op is CompareOp.NE, UNKNOWN})
        case terms.Quantifier():
            return _strict([term.domain], cell, schema)
        case terms.If():
            return _if(term, cell, schema)
        case _:
            return _strict(terms.children(term), cell, schema)


def _apart(term: terms.Compare | terms.In, cell: Cell, schema: Schema) -> bool:
    """Tell whether two entities are of types that make them different, or keep one out of the other."""
    setting = Setting(schema=schema, action=cell.action, principal=cell.principal, resource=cell.resource)
    left, right = type_of(term.left, setting, {}), type_of(term.right, setting, {})
    if isinstance(term, terms.In) and isinstance(right, SetType):
        right = right.element
    if not isinstance(left, EntityTypes) or not isinstance(right, EntityTypes):
        return False
    if isinstance(term, terms.Compare):
        return left.names.isdisjoint(right.names)
    return not any(schema.can_be_in(one, other) for one in left.names for other in right.names)


def _is(term: terms.Is, root: terms.Root, cell: Cell) -> frozenset[Truth]:
    kind = {RootName.PRINCIPAL: cell.principal, RootName.RESOURCE: cell.resource}.get(root.name)
    if kind is None:
        return _ANY
    if kind != term.type:
        return frozenset({False})
    return frozenset({True}) if term.within is None else _ANY


def _if(term: terms.If, cell: Cell, schema: Schema) -> frozenset[Truth]:
    test = outcomes(term.test, cell, schema)
    found: set[Truth] = {UNKNOWN} if UNKNOWN in test else set()
    found |= outcomes(term.then, cell, schema) if True in test else set()
    found |= outcomes(term.otherwise, cell, schema) if False in test else set()
    return frozenset(found)


def _joined(operands: Iterable[Term], cell: Cell, schema: Schema, *, every: bool) -> frozenset[Truth]:
    join, start = (conjunction, True) if every else (disjunction, False)
    found: frozenset[Truth] = frozenset({start})
    for operand in operands:
        found = frozenset(join([one, two]) for one in found for two in outcomes(operand, cell, schema))
    return found


def _strict(below: Iterable[Term], cell: Cell, schema: Schema) -> frozenset[Truth]:
    # Every other operator is unknown where an operand is.
    return _NEVER_KNOWN if any(outcomes(each, cell, schema) == _NEVER_KNOWN for each in below) else _ANY


def _declares(root: RootName, name: str, cell: Cell, schema: Schema) -> bool:
    records = list(_records(root, cell, schema))
    return not records or any(name in record.fields for record in records)


def _records(root: RootName, cell: Cell, schema: Schema) -> Iterator[RecordType]:
    action = schema.actions.get(cell.action)
    kind = {RootName.PRINCIPAL: cell.principal, RootName.RESOURCE: cell.resource}.get(root)
    if kind is not None and kind in schema.entities:
        yield schema.entities[kind].attributes
    if action is not None and root is RootName.CONTEXT:
        yield action.context
    if action is not None and root is RootName.SESSION:
        yield action.session
