"""Terms, rules and whole cases as text: what the checker reads, and what a person reads who looks for a difference."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from pdp import terms
from pdp.model import Effect
from pdp.terms import ClauseKind, Rule, Scope, Term
from pdp.values import Value, quote, show
from pdp.zones import CalendarField

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def write_term(term: Term) -> str:
    """Write a condition as policies do; every operand stands in parentheses where it is not simple."""
    match term:
        case terms.Constant():
            return show(term.value)
        case terms.Root():
            return str(term.name)
        case terms.Variable():
            return f"{term.name}"
        case terms.Attribute():
            return f"{_inner(term.base)}.{term.name}"
        case terms.Has():
            return f"{_inner(term.base)} has {term.name}"
        case terms.Not():
            return f"not {_inner(term.operand)}"
        case terms.And():
            return " and ".join(map(_inner, term.operands))
        case terms.Or():
            return " or ".join(map(_inner, term.operands))
        case terms.If():
            return f"if {_inner(term.test)} then {_inner(term.then)} else {_inner(term.otherwise)}"
        case terms.Compare() | terms.Arithmetic() | terms.Contains():
            return f"{_inner(term.left)} {term.op} {_inner(term.right)}"
        case terms.Negate():
            return f"-{_inner(term.operand)}"
        case terms.In():
            return f"{_inner(term.left)} in {_inner(term.right)}"
        case terms.Is():
            return f"{_inner(term.operand)} is {term.type}"
        case terms.IsEmpty():
            return f"{_inner(term.operand)} is empty"
        case terms.Like():
            return f"{_inner(term.operand)} like {quote('*'.join(term.parts))}"
        case terms.Quantifier():
            return f"{term.op} {term.variable.name} in {_inner(term.domain)}: {_inner(term.body)}"
        case terms.SetOf():
            return f"[{', '.join(map(write_term, term.items))}]"
        case terms.RecordOf():
            return "{ " + ", ".join(f"{name}: {write_term(value)}" for name, value in term.fields) + " }"
        case terms.TimeTest():
            return _time_test(term)
        case terms.CalendarTest():
            return _calendar_test(term)
        case terms.Approvals():
            return _approvals(term)
        case _:
            assert_never(term)


_SIMPLE = (terms.Constant, terms.Root, terms.Variable, terms.Attribute, terms.SetOf, terms.RecordOf)


def _inner(term: Term) -> str:
    return write_term(term) if isinstance(term, _SIMPLE) else f"({write_term(term)})"


def _time_test(term: terms.TimeTest) -> str:
    bound = _inner(term.bound[0].term) if term.bound else "nothing"
    for addend in term.bound[1:]:
        bound += f" {'-' if addend.negative else '+'} {_inner(addend.term)}"
    return f"now {term.op} {bound}"


def _calendar_test(term: terms.CalendarTest) -> str:
    def value(number: int) -> str:
        return _DAYS[number] if term.field is CalendarField.WEEKDAY and 0 <= number < 7 else str(number)

    values = f"[{', '.join(map(value, term.values))}]" if term.op is None else value(term.values[0])
    return f'now["{term.zone}"].{term.field} {term.op or "in"} {values}'


def _approvals(term: terms.Approvals) -> str:
    bound = "" if term.of is None else f" of {_inner(term.of)}"
    return f"{term.count} approvals{bound} from {_scopes(term.approvers)} for {term.window}"


def _scope(scope: Scope) -> str:
    if scope.type is not None and scope.within is not None and len(scope.within) == 1:
        parent = scope.within[0]
        # `Type "id"` is that entity, or anything in it.
        return str(parent) if parent.type == scope.type else f"{scope.type} in {parent}"
    return str(scope)


def _scopes(scopes: Iterable[Scope], every: str = "anyone") -> str:
    # An entity right after `T in E,` would be taken for one of its list.
    found = [_scope(scope) for scope in sorted(scopes, key=lambda scope: " in " in _scope(scope))]
    return ", ".join(every if each == "anyone" else each for each in found) or "nobody"


def write_rule(rule: Rule) -> str:
    """Write a rule or a grant as policies do."""
    if rule.role is not None:
        return _grant(rule)
    head = f"rule {rule.id}:\n  {rule.effect} {_scopes(rule.principals)} to {', '.join(sorted(rule.actions))}"
    lines = [f"{head} on {_scopes(rule.resources, 'anything')}"]
    lines += map(_clause, rule.clauses)
    if rule.via is not None:
        lines.append(f"via {_scopes(rule.via)}")
    for duty in rule.obligations:
        arguments = ", ".join(f"{name}: {write_term(term)}" for name, term in duty.arguments)
        lines.append(f"oblige {duty.name} {{ {arguments} }}" if arguments else f"oblige {duty.name}")
    if rule.recheck is not None:
        lines.append(f"recheck every {rule.recheck}")
    if rule.effect is Effect.FORBID:
        lines.append(f"because {quote(rule.because or 'why')}")
    elif not any(clause.kind is ClauseKind.UNTIL for clause in rule.clauses):
        lines.append('standing because "why"')
    return "\n  ".join(lines) + "\n"


def _clause(clause: terms.Clause) -> str:
    condition = clause.condition
    if clause.kind in (ClauseKind.UNTIL, ClauseKind.FROM) and (at := _instant(condition)) is not None:
        return f"{clause.kind} {show(at)}"
    remedy = "" if clause.remedy is None else f" else {quote(clause.remedy)}"
    return f"{clause.kind} {write_term(condition)}{remedy}"


def _instant(condition: Term) -> Value | None:
    if isinstance(condition, terms.TimeTest) and len(condition.bound) == 1:
        term = condition.bound[0].term
        return term.value if isinstance(term, terms.Constant) else None
    return None


def _grant(rule: Rule) -> str:
    principal, resource = (scopes[0].within for scopes in (rule.principals, rule.resources))
    assert principal is not None and resource is not None
    ends = [_clause(clause) for clause in rule.clauses]
    end = " ".join(ends) if ends else 'standing because "why"'
    return f"grant {rule.role} on {resource[0]} to {principal[0]} {end}\n"
