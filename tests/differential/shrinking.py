"""From a case in which two ways differ to the least that still does: fewer rules, clauses, terms, entities."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from pdp import terms
from pdp.model import Node, Request
from pdp.terms import Rule, Term
from tests.differential.cases import Case
from tests.differential.facts import Facts

T = TypeVar("T")
Differs = Callable[[Case], bool]


def shrink(case: Case, index: int, differs: Differs, seconds: float = 60.0) -> Case:
    """Return a case with the one request that differs, and as little else as can be found in time."""
    end = time.monotonic() + seconds
    found = replace_case(case, requests=[case.requests[index]])
    if not differs(found):
        # It takes what was asked before.
        found = replace_case(case, requests=case.requests[: index + 1])
        if not differs(found):
            return case
    found = _halve_rules(found, differs)
    while time.monotonic() < end:
        smaller = _first(_smaller(found), differs, end)
        if smaller is None:
            return found
        found = smaller
    return found


def replace_case(case: Case, **changed: Any) -> Case:
    """Return a case with something else in it; its text is no longer that of its policy."""
    if "policy" in changed:
        changed["text"] = None
    return replace(case, **changed)


def _first(candidates: Iterator[Case], differs: Differs, end: float) -> Case | None:
    for each in candidates:
        if time.monotonic() > end:
            return None
        if differs(each):
            return each
    return None


def _halve_rules(case: Case, differs: Differs) -> Case:
    """Drop large parts of the rules at once, while that goes."""
    size = len(case.policy.rules)
    while size > 1:
        size = (size + 1) // 2
        at = 0
        while at < len(case.policy.rules) and len(case.policy.rules) > 1:
            rules = case.policy.rules[:at] + case.policy.rules[at + size :]
            smaller = _with_rules(case, rules)
            if differs(smaller):
                case = smaller
            else:
                at += size
        if size == 1:
            break
    return case


def _with_rules(case: Case, rules: tuple[Rule, ...]) -> Case:
    policy = replace(case.policy, rules=rules)
    return replace_case(case, policy=policy)


def _smaller(case: Case) -> Iterator[Case]:
    for requests in _shorter(case.requests, 1):
        yield replace_case(case, requests=requests)
    for facts in _smaller_facts(case.facts):
        yield replace_case(case, facts=facts)
    for at, rule in enumerate(case.policy.rules):
        for smaller in _smaller_rule(rule):
            yield _with_rules(case, (*case.policy.rules[:at], smaller, *case.policy.rules[at + 1 :]))
    for at, request in enumerate(case.requests):
        for asked in _smaller_request(request):
            yield replace_case(case, requests=[*case.requests[:at], asked, *case.requests[at + 1 :]])


def _shorter(items: list[T], least: int = 0) -> Iterator[list[T]]:
    if len(items) > 3 + least:
        half = len(items) // 2
        yield items[half:]
        yield items[:half]
    if len(items) > least:
        for at in range(len(items)):
            yield items[:at] + items[at + 1 :]


def _smaller_facts(facts: Facts) -> Iterator[Facts]:
    for name in ("nodes", "provided", "failing", "brought", "revoked", "revoked_sessions", "approvals"):
        for items in _shorter(getattr(facts, name) or []):
            yield replace(facts, **{name: items})
    if facts.clock is not None:
        yield replace(facts, clock=None)
    for at, node in enumerate(facts.nodes):
        for smaller in _smaller_node(node):
            yield replace(facts, nodes=[*facts.nodes[:at], smaller, *facts.nodes[at + 1 :]])


def _smaller_node(node: Node) -> Iterator[Node]:
    if len(node.attributes) > 4:
        yield replace(node, attributes={})
    for attributes in _less(node.attributes):
        yield replace(node, attributes=attributes)
    for parents in _shorter(list(node.parents)):
        yield replace(node, parents=tuple(parents))
    for at, parent in enumerate(node.parents):
        if parent.until is not None:
            steps = (*node.parents[:at], replace(parent, until=None), *node.parents[at + 1 :])
            yield replace(node, parents=steps)


def _less(given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name in given:
        yield {each: value for each, value in given.items() if each != name}


def _smaller_request(request: Request) -> Iterator[Request]:
    if request.session is not None:
        yield request._replace(session=None)
        if isinstance(request.session, dict):
            for session in _less(request.session):
                yield request._replace(session=session)
    for context in _less(request.context):
        yield request._replace(context=context)
    for entities in _shorter(list(request.entities)):
        yield request._replace(entities=tuple(entities))


# ------------------------------------------------------------------------------------------------------------ rules


def _smaller_rule(rule: Rule) -> Iterator[Rule]:
    for clauses in _shorter(list(rule.clauses)):
        yield replace(rule, clauses=tuple(clauses))
    for obligations in _shorter(list(rule.obligations)):
        yield replace(rule, obligations=tuple(obligations))
    for name in ("recheck", "via"):
        if getattr(rule, name) is not None:
            yield replace(rule, **{name: None})
    for name in ("principals", "resources"):
        scopes = getattr(rule, name)
        if scopes != (terms.Scope(),) and rule.role is None:
            yield replace(rule, **{name: (terms.Scope(),)})
            for fewer in _shorter(list(scopes), 1):
                yield replace(rule, **{name: tuple(fewer)})
    for at, clause in enumerate(rule.clauses):
        for term in smaller_terms(clause.condition):
            smaller = replace(clause, condition=term)
            yield replace(rule, clauses=(*rule.clauses[:at], smaller, *rule.clauses[at + 1 :]))


def smaller_terms(term: Term) -> Iterator[Term]:
    """Yield terms that are smaller: what is below, then the same with less below."""
    yield from terms.children(term)
    match term:
        case terms.And() | terms.Or():
            for operands in _shorter(list(term.operands), 2):
                yield replace(term, operands=tuple(operands))
            for at, operand in enumerate(term.operands):
                for smaller in smaller_terms(operand):
                    yield replace(term, operands=(*term.operands[:at], smaller, *term.operands[at + 1 :]))
        case terms.SetOf():
            for items in _shorter(list(term.items)):
                yield replace(term, items=tuple(items))
        case terms.TimeTest():
            for bound in _shorter(list(term.bound), 1):
                yield replace(term, bound=tuple(bound))
        case terms.RecordOf() | terms.Approvals():
            pass
        case _:
            for name in ("operand", "test", "then", "otherwise", "left", "right", "domain", "body", "base"):
                inner = getattr(term, name, None)
                if isinstance(inner, terms.Node):
                    for smaller in smaller_terms(inner):  # type: ignore[arg-type]
                        yield replace(term, **{name: smaller})
