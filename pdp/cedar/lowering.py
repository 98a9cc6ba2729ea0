"""From Cedar's syntax tree to typed rules, the same as those of the language of pdp.

Cedar asks its conditions from left to right and stops at the first that fails: `terms.AndThen` and `terms.OrElse` keep
that order, and no pass moves a test across one that may be unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, assert_never

from pdp import extensions, terms
from pdp.cedar import tree
from pdp.lowering import total
from pdp.schema import Schema
from pdp.source import Span
from pdp.symbols import ContainsOp, Function
from pdp.terms import ClauseKind, RootName
from pdp.values import EntityRef, Record, Unknown, ValueSet


def lower(policies: Sequence[tree.Policy], schema: Schema, revision: str = "") -> terms.Policy:
    """Return policies without slots as typed rules."""
    actions = _Actions(schema)
    rules = tuple(_rule(policy, schema, actions) for policy in policies)
    return terms.Policy(schema=schema, rules=rules, revision=revision)


class _Actions:
    """The actions that a scope covers, by their names."""

    def __init__(self, schema: Schema) -> None:
        self._exact = {action.ref: name for name, action in schema.actions.items() if action.ref is not None}
        self._members: dict[EntityRef, list[EntityRef]] = {}
        for ref, name in self._exact.items():
            for group in schema.actions[name].parents:
                self._members.setdefault(group, []).append(ref)
        self._every = frozenset(schema.actions)
        self._known: dict[tuple[object, ...], frozenset[str]] = {}

    def covered(self, scope: tree.ActionConstraint) -> frozenset[str]:
        """Return the actions of a scope."""
        if scope.relation is None:
            return self._every
        refs = tuple(each.ref for each in scope.entities)
        found = self._known.get((scope.relation, refs))
        if found is None:
            # Scopes that are equal share one set: there may be very many of them.
            found = self._known[scope.relation, refs] = frozenset(self._find(scope.relation, refs))
        return found

    def _find(self, relation: tree.Relation, refs: Sequence[EntityRef]) -> Iterator[str]:
        for ref in refs:
            if relation is tree.Relation.EQ:
                yield from [self._exact[ref]] if ref in self._exact else []
            else:
                yield from self._inside(ref)

    def _inside(self, group: EntityRef) -> Iterator[str]:
        """Yield the actions in a group, itself too.

        They are looked for when a scope names the group: those of all groups together can be very many.
        """
        found, work = {group}, [group]
        while work:
            here = work.pop()
            if here in self._exact:
                yield self._exact[here]
            new = [each for each in self._members.get(here, ()) if each not in found]
            found.update(new)
            work += new


def _rule(policy: tree.Policy, schema: Schema, actions: _Actions) -> terms.Rule:
    principal, exact_principal = _scope(policy.principal, RootName.PRINCIPAL, schema)
    resource, exact_resource = _scope(policy.resource, RootName.RESOURCE, schema)
    return terms.Rule(
        id=policy.id,
        effect=policy.effect,
        principals=(principal,),
        actions=actions.covered(policy.action),
        resources=(resource,),
        clauses=_clauses([*exact_principal, *exact_resource, *map(_clause, policy.conditions)]),
        docs="\n".join(policy.comments),
        span=policy.span,
    )


def _scope(scope: tree.Constraint, root: RootName, schema: Schema) -> tuple[terms.Scope, list[terms.Clause]]:
    """Return a scope, and the clause that it needs beside it, if any."""
    if scope.target is None:
        return terms.Scope(type=scope.type), []
    if isinstance(scope.target, tree.Slot):
        raise ValueError("a template is no policy")
    ref = scope.target.ref
    if scope.relation is tree.Relation.IN:
        return terms.Scope(type=scope.type, within=(ref,)), []
    found = terms.Scope(type=ref.type, within=(ref,))
    if not schema.open and ref.type not in schema.containers:
        # Nothing else is in it.
        return found, []
    exact = terms.Same(left=terms.Root(name=root), right=terms.Constant(value=ref), span=scope.span)
    return found, [terms.Clause(kind=ClauseKind.WHEN, condition=exact, span=scope.span)]


_KINDS: Final = {tree.ConditionKind.WHEN: ClauseKind.WHEN, tree.ConditionKind.UNLESS: ClauseKind.UNLESS}


def _clause(condition: tree.Condition) -> terms.Clause:
    return terms.Clause(kind=_KINDS[condition.kind], condition=_term(condition.body), span=condition.span)


def _clauses(clauses: Sequence[terms.Clause]) -> tuple[terms.Clause, ...]:
    """Return clauses that may be asked in any order: those that may not are one."""
    first = next((at for at, each in enumerate(clauses) if not total(each.condition)), len(clauses))
    if first >= len(clauses) - 1:
        return tuple(clauses)
    rest = clauses[first:]
    operands = [
        terms.Not(operand=each.condition, span=each.span) if each.kind is ClauseKind.UNLESS else each.condition
        for each in rest
    ]
    span = _joined(rest[0].span, rest[-1].span)
    whole = terms.AndThen(operands=tuple(operands), span=span)
    return (*clauses[:first], terms.Clause(kind=ClauseKind.WHEN, condition=whole, span=span))


def _joined(first: Span | None, last: Span | None) -> Span | None:
    return None if first is None or last is None else first.to(last)


# ------------------------------------------------------------------------------------------------------ expressions


def _term(found: tree.Expression) -> terms.Term:
    span = found.span
    match found:
        case tree.Literal():
            return terms.Constant(value=found.value, span=span)
        case tree.Entity():
            return terms.Constant(value=found.ref, span=span)
        case tree.Variable():
            return terms.Root(name=_ROOTS[found.name], span=span)
        case tree.Not():
            return terms.Not(operand=_term(found.operand), span=span)
        case tree.Negate():
            return terms.Call(function=Function.NEG, operands=(_term(found.operand),), span=span)
        case tree.And():
            return terms.AndThen(operands=_each(found.operands), span=span)
        case tree.Or():
            return terms.OrElse(operands=_each(found.operands), span=span)
        case tree.If():
            test, then, otherwise = _each((found.test, found.then, found.otherwise))
            return terms.If(test=test, then=then, otherwise=otherwise, span=span)
        case tree.Binary():
            return _binary(found)
        case tree.Has():
            if len(found.path) == 1:
                return terms.Has(base=_term(found.operand), name=found.path[0], span=span)
            return terms.HasPath(base=_term(found.operand), path=found.path, span=span)
        case tree.Like():
            return terms.Like(operand=_term(found.operand), parts=found.parts, span=span)
        case tree.Is():
            within = None if found.within is None else _term(found.within)
            return terms.Is(operand=_term(found.operand), type=found.type, within=within, span=span)
        case tree.Access():
            return terms.Attribute(base=_term(found.base), name=found.name, span=span)
        case tree.Call():
            return _call(found)
        case tree.SetOf():
            return _set(_each(found.items), span)
        case tree.RecordOf():
            return _record([(name, _term(value)) for name, value in found.fields], span)
        case _:
            assert_never(found)


_ROOTS: Final = {
    tree.VariableName.PRINCIPAL: RootName.PRINCIPAL,
    tree.VariableName.ACTION: RootName.ACTION,
    tree.VariableName.RESOURCE: RootName.RESOURCE,
    tree.VariableName.CONTEXT: RootName.CONTEXT,
}


def _each(found: Sequence[tree.Expression]) -> tuple[terms.Term, ...]:
    return tuple(map(_term, found))


def _binary(found: tree.Binary) -> terms.Term:
    left, right, span = _term(found.left), _term(found.right), found.span
    match found.op:
        case tree.BinaryOp.EQ:
            return terms.Same(left=left, right=right, span=span)
        case tree.BinaryOp.NE:
            return terms.Not(operand=terms.Same(left=left, right=right, span=span), span=span)
        case tree.BinaryOp.IN:
            return terms.Within(left=left, right=right, span=span)
        case _:
            return terms.Call(function=Function(found.op), operands=(left, right), span=span)


_CONTAINS: Final[Mapping[str, ContainsOp]] = {str(op): op for op in ContainsOp}
_FROM_TEXT: Final = (Function.DECIMAL, Function.IP, Function.DATETIME, Function.DURATION)


def _call(found: tree.Call) -> terms.Term:
    operands, span = _each(found.arguments), found.span
    if found.name in _CONTAINS:
        return terms.Contains(op=_CONTAINS[found.name], left=operands[0], right=operands[1], span=span)
    match found.name:
        case "contains":
            return terms.Holds(left=operands[0], right=operands[1], span=span)
        case "isEmpty":
            return terms.IsEmpty(operand=operands[0], span=span)
        case "hasTag":
            return terms.HasTag(base=operands[0], name=operands[1], span=span)
        case "getTag":
            return terms.Tag(base=operands[0], name=operands[1], span=span)
        case _:
            function = Function(found.name)
    constants = [each.value for each in operands if isinstance(each, terms.Constant)]
    if function in _FROM_TEXT and len(constants) == len(operands):
        value = extensions.apply(function, constants)
        if not isinstance(value, Unknown):
            return terms.Constant(value=value, span=span)
    return terms.Call(function=function, operands=operands, span=span)


def _set(items: Sequence[terms.Term], span: Span | None) -> terms.Term:
    values = [each.value for each in items if isinstance(each, terms.Constant)]
    if len(values) == len(items):
        return terms.Constant(value=ValueSet(values), span=span)
    return terms.SetOf(items=tuple(items), span=span)


def _record(fields: Sequence[tuple[str, terms.Term]], span: Span | None) -> terms.Term:
    values = {name: each.value for name, each in fields if isinstance(each, terms.Constant)}
    if len(values) == len(fields):
        return terms.Constant(value=Record(values), span=span)
    return terms.RecordOf(fields=tuple(fields), span=span)
