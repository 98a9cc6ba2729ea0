"""What may become of a rule: its effect, its scope, its actions, each of its clauses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pdp import terms
from pdp.classes import dataclass, replace
from pdp.model import Effect
from pdp.schema import Schema
from pdp.source import Span
from pdp.terms import Clause, ClauseKind, Scope, Term
from pdp.testing.mutation.conditions import becomes, edits
from pdp.testing.mutation.operators import Operator
from pdp.testing.mutation.reach import covered
from pdp.testing.mutation.trees import shortened, written

_DROPPED: Final = {
    ClauseKind.WHEN: Operator.CLAUSE,
    ClauseKind.UNLESS: Operator.CLAUSE,
    ClauseKind.NEEDS: Operator.NEED,
    ClauseKind.FROM: Operator.TIME,
    ClauseKind.UNTIL: Operator.TIME,
}


_TIMES: Final = (ClauseKind.FROM, ClauseKind.UNTIL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A rule that is another one now, and in what."""

    operator: Operator
    rule: terms.Rule
    text: str
    span: Span | None


def changes(rule: terms.Rule, schema: Schema) -> Iterator[Change]:
    """Yield what becomes of a rule when one thing in it is another, in the order in which it is written."""
    yield from _effect(rule)
    yield from _principals(rule, schema)
    yield from _actions(rule, schema)
    yield from _resources(rule, schema)
    yield from _via(rule, schema)
    for at, clause in enumerate(rule.clauses):
        yield from _clause(rule, at, clause, schema)
    yield from _conditions(rule, schema)
    yield from _rest(rule)


def _effect(rule: terms.Rule) -> Iterator[Change]:
    other = Effect.FORBID if rule.effect is Effect.PERMIT else Effect.PERMIT
    changed = replace(rule, effect=other)
    yield Change(operator=Operator.EFFECT, rule=changed, text=becomes(rule.effect, other), span=rule.span)


# ------------------------------------------------------------------------------------------------------------- scopes


def _principals(rule: terms.Rule, schema: Schema) -> Iterator[Change]:
    for operator, found, text in scopes(rule.principals, _able(rule, schema, principals=True), "anyone", schema):
        yield Change(operator=operator, rule=replace(rule, principals=found), text=f"`to`: {text}", span=rule.span)


def _resources(rule: terms.Rule, schema: Schema) -> Iterator[Change]:
    for operator, found, text in scopes(rule.resources, _able(rule, schema, principals=False), "anything", schema):
        yield Change(operator=operator, rule=replace(rule, resources=found), text=f"`on`: {text}", span=rule.span)


def _via(rule: terms.Rule, schema: Schema) -> Iterator[Change]:
    if rule.via is None:
        return
    yield Change(operator=Operator.CLAUSE, rule=replace(rule, via=None), text="`via` is dropped", span=rule.span)
    for operator, found, text in scopes(rule.via, frozenset(), "anyone", schema):
        yield Change(operator=operator, rule=replace(rule, via=found), text=f"`via`: {text}", span=rule.span)


def _able(rule: terms.Rule, schema: Schema, *, principals: bool) -> frozenset[str]:
    actions = [schema.actions[name] for name in rule.actions if name in schema.actions]
    return frozenset().union(*(each.principals if principals else each.resources for each in actions))


def scopes(
    found: tuple[Scope, ...], able: frozenset[str], every: str, schema: Schema
) -> Iterator[tuple[Operator, tuple[Scope, ...], str]]:
    """Yield scopes of which one is wider, or left out; `able` are the types that there are, where that is known."""
    for at, scope in enumerate(found):
        rest = found[:at], found[at + 1 :]
        wider = _wider(scope, able, schema)
        if wider is not None:
            yield Operator.SCOPE, (*rest[0], *wider, *rest[1]), becomes(scope, _listed(wider, every))
        within = scope.within or ()
        for inner in within if len(within) > 1 else ():
            less = Scope(scope.type, tuple(ref for ref in within if ref != inner))
            yield Operator.NARROWED, (*rest[0], less, *rest[1]), f"`{inner}` is dropped"
        if len(found) > 1:
            yield Operator.NARROWED, (*rest[0], *rest[1]), f"`{_listed((scope,), every)}` is dropped"
    if found != (Scope(),) and all(scope.within is None for scope in found) and able - covered(found, able, schema):
        yield Operator.SCOPE, (Scope(),), becomes(_listed(found, every), every)


def _wider(scope: Scope, able: frozenset[str], schema: Schema) -> tuple[Scope, ...] | None:
    """Return the whole types of what a scope of some entities holds."""
    if scope.within is None:
        return None
    if scope.type is not None:
        return (Scope(scope.type),)
    if schema.open:
        return (Scope(),)
    inside = frozenset(name for ref in scope.within for name in schema.members[ref.type])
    names = inside & able if able else inside - schema.containers or inside
    return tuple(Scope(name) for name in sorted(names)) or None


def _listed(found: Sequence[Scope], every: str) -> str:
    return ", ".join(every if scope == Scope() else str(scope) for scope in found)


# ------------------------------------------------------------------------------------------------------------ actions


def _actions(rule: terms.Rule, schema: Schema) -> Iterator[Change]:
    for name in sorted(schema.actions.keys() - rule.actions - {schema.other}):
        action = schema.actions[name]
        if covered(rule.principals, action.principals, schema) and covered(rule.resources, action.resources, schema):
            changed = replace(rule, actions=rule.actions | {name})
            yield Change(
                operator=Operator.ACTION_ADDED, rule=changed, text=f"`{name}` is one more action", span=rule.span
            )
    for name in sorted(_named(rule, schema)) if len(rule.actions) > 1 else ():
        changed = replace(rule, actions=rule.actions - {name})
        yield Change(
            operator=Operator.ACTION_DROPPED, rule=changed, text=f"the action `{name}` is dropped", span=rule.span
        )


def _named(rule: terms.Rule, schema: Schema) -> frozenset[str]:
    """Return the actions that a rule names one by one: nobody forgets a single one of `any`, or of a group."""
    if rule.actions >= schema.actions.keys() - {schema.other}:
        return frozenset()
    return rule.actions - frozenset().union(*(group for group in schema.groups.values() if group <= rule.actions))


# ------------------------------------------------------------------------------------------------------------ clauses


def _clause(rule: terms.Rule, at: int, clause: Clause, schema: Schema) -> Iterator[Change]:
    def change(operator: Operator, text: str, *found: Clause) -> Change:
        changed = replace(rule, clauses=(*rule.clauses[:at], *found, *rule.clauses[at + 1 :]))
        return Change(operator=operator, rule=changed, text=text, span=clause.span)

    head = shortened(clause.span.text) if clause.span is not None else f"{clause.kind} {written(clause.condition)}"
    condition = clause.condition
    yield change(_DROPPED[clause.kind], f"`{head}` is dropped")
    if isinstance(condition, terms.Approvals):
        able = frozenset().union(*(action.principals for action in schema.actions.values()))
        for operator, found, text in scopes(condition.approvers, able, "anyone", schema):
            changed = replace(clause, condition=replace(condition, approvers=found))
            operator = Operator.APPROVERS if operator is Operator.SCOPE else operator
            yield change(operator, f"approvals from {text}", changed)
    elif clause.kind not in _TIMES and not isinstance(condition, terms.Not):
        negated = terms.Not(operand=condition, span=condition.span)
        yield change(Operator.NEGATION, f"`{head}` is negated", replace(clause, condition=negated))


def _conditions(rule: terms.Rule, schema: Schema) -> Iterator[Change]:
    for edit in edits([clause.condition for clause in rule.clauses], schema):
        pairs = list(zip(rule.clauses, edit.terms, strict=True))
        changed = [(clause, term) for clause, term in pairs if clause.condition is not term]
        # Nobody wrote the comparison of an `until`.
        if edit.operator is not Operator.BOUNDARY and any(clause.kind in _TIMES for clause, _ in changed):
            continue
        if edit.operator is Operator.OPERAND and all(_only_guards(*each, rule, schema) for each in changed):
            continue
        clauses = tuple(replace(clause, condition=term) for clause, term in pairs)
        found = replace(rule, clauses=clauses)
        yield Change(operator=edit.operator, rule=found, text=edit.text, span=edit.span or rule.span)


def _only_guards(clause: Clause, changed: Term, rule: terms.Rule, schema: Schema) -> bool:
    """Tell whether all that a dropped operand did was to keep an absent attribute from being asked for.

    Without it, the condition is unknown where it was false, and a permit, as well as what lifts a forbid, has no effect
    either way. The checker would not let it pass. A forbid of Cedar that is unknown has no effect either.
    """
    if rule.effect is Effect.FORBID and clause.kind is ClauseKind.WHEN and not schema.is_cedar:
        return False
    before, after = list(_guards(clause.condition)), list(_guards(changed))
    gone = next((each for each in before if before.count(each) > after.count(each)), None)
    if gone is None or len(before) != len(after) + 1:
        return False
    read = terms.Attribute(base=gone.base, name=gone.name)
    return any(each == read for each in terms.walk(changed))


def _guards(term: Term) -> Iterator[terms.Has]:
    """Yield what is asked to be present beside something else that has to hold."""
    operands = term.operands if isinstance(term, terms.And | terms.Or | terms.AndThen | terms.OrElse) else ()
    for operand in operands:
        if isinstance(operand, terms.Has) and isinstance(term, terms.And | terms.AndThen):
            yield operand
        yield from _guards(operand)


def _rest(rule: terms.Rule) -> Iterator[Change]:
    if rule.recheck is not None:
        text = f"`recheck every {rule.recheck}` is dropped"
        yield Change(operator=Operator.TIME, rule=replace(rule, recheck=None), text=text, span=rule.span)
    for at, obligation in enumerate(rule.obligations):
        changed = replace(rule, obligations=(*rule.obligations[:at], *rule.obligations[at + 1 :]))
        text = f"`oblige {obligation.name}` is dropped"
        yield Change(operator=Operator.OBLIGATION, rule=changed, text=text, span=obligation.span or rule.span)
