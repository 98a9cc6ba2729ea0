"""A trace in words: what was decided, then each rule with its clauses."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Final

from pdp.cli.answer import duties, headline
from pdp.cli.terminal import Terminal, plain
from pdp.model import Effect, Reason
from pdp.terms import ClauseKind, Policy, Rule
from pdp.trace import ClauseTrace, RuleTrace, Trace
from pdp.values import Datetime

_NEAR: Final = 3
"""How many rules that are out of scope are named."""

_NARROW: Final = 60
"""The columns up to which the values of a rule are lined up."""


def lines(trace: Trace, policy: Policy, terminal: Terminal) -> Iterator[str]:
    """Yield a trace, line by line."""
    asked = f"{plain(trace.principal)} to {plain(trace.action)} on {plain(trace.resource)}"
    yield headline(trace.decision, terminal)
    yield f"  asked: {asked}" + (f", at {trace.now}" if trace.now is not None else "")
    if trace.actor is not None:
        yield f"  acting for them: {plain(trace.actor)}, so that only permits with `via` apply"
    yield from duties(trace.decision, terminal)
    if trace.decision.valid_until is not None:
        yield f"  valid until {Datetime.of(trace.decision.valid_until)}"
    width = shutil.get_terminal_size((120, 24)).columns
    above = True
    for rule in trace.rules:
        # What decided stands apart from the rest.
        if above:
            yield ""
        above = rule.determining
        yield from _rule(rule, width, terminal, cedar=policy.schema.is_cedar)
    if not trace.rules:
        yield ""
        yield from _no_rule(trace, policy)


def _no_rule(trace: Trace, policy: Policy) -> Iterator[str]:
    word = "policy" if policy.schema.is_cedar else "rule"
    if trace.decision.reason is not Reason.DEFAULT:
        yield f"no {word} was looked at: the request was refused before"
        return
    yield f"no {word} is in scope: none is about this principal, action and resource"
    action = policy.schema.resolve_action(trace.action)
    near = [rule for rule in policy.rules if action in rule.actions and rule.effect is Effect.PERMIT]
    if near:
        yield f"what permits {plain(action)}:"
        for rule in near[:_NEAR]:
            yield f"  {plain(rule.id)}" + ("" if rule.role is not None else f": {_scope(rule)}")
        if len(near) > _NEAR:
            yield f"  … and {len(near) - _NEAR} more"


def _scope(rule: Rule) -> str:
    principals = ", ".join(plain(str(scope)) for scope in rule.principals)
    resources = ", ".join(plain(str(scope)) for scope in rule.resources)
    via = f", via {', '.join(plain(str(scope)) for scope in rule.via)}" if rule.via is not None else ""
    return f"{principals} on {resources}{via}"


def _rule(rule: RuleTrace, width: int, terminal: Terminal, *, cedar: bool) -> Iterator[str]:
    verdict, tint = _verdict_of_cedar(rule) if cedar else _verdict(rule)
    # The id of a grant says that it is one.
    name = plain(rule.id) if rule.id.startswith("grant ") else f"{rule.effect} {plain(rule.id)}"
    place = f"  {plain(rule.place.rpartition(':')[0])}" if rule.place else ""
    yield f"{terminal.paint(verdict, tint)} {terminal.paint(name, 'strong')}{terminal.paint(place, 'faint')}"
    edge = max((len(_text(clause)) for clause in rule.clauses if len(_text(clause)) <= _NARROW), default=0)
    for clause in rule.clauses:
        yield from _clause(clause, edge, width, terminal)
        yield from _approvals(clause, terminal)
        if clause.remedy is not None and clause.truth is not True and _asks_for_remedy(rule):
            yield f"      else {plain(clause.remedy)}"
    for argument in rule.unknown_obligations:
        yield f"  {terminal.mark(None)} oblige {plain(argument)}, which is unknown"
    if rule.why is not None and rule.applies is not False:
        yield f"    because {plain(rule.why)}"
    if cedar and rule.applies is None and rule.effect is Effect.FORBID:
        yield "    it cannot be evaluated, and Cedar skips what cannot be: nothing is forbidden by it"


def _approvals(clause: ClauseTrace, terminal: Terminal) -> Iterator[str]:
    """Yield who approved what is asked, and why that does not count."""
    for each in clause.approvals:
        spent = f", {'may not count' if each.counts is None else 'does not count'}: {each.why}" if each.why else ""
        times = f"at {each.at}, until {each.until}"
        yield f"      {terminal.mark(each.counts)} approved by {plain(each.approver)} {times}{plain(spent)}"


def _verdict(rule: RuleTrace) -> tuple[str, str]:
    """Return what became of a rule, in words that read on to its name, and their colour."""
    if rule.determining and rule.effect is Effect.FORBID:
        return ("DENIES, being unknown:" if rule.applies is None else "DENIES:"), "deny"
    if rule.determining:
        return "ALLOWS:", "allow"
    if rule.applies is None:
        return "unknown:", "unknown"
    return ("applies:", "strong") if rule.applies else ("does not apply:", "faint")


def _verdict_of_cedar(rule: RuleTrace) -> tuple[str, str]:
    """Return what became of a policy of Cedar: one that fails is skipped, whatever its effect is."""
    if rule.applies is None:
        return (
            ("SKIPPED, with an error:", "deny")
            if rule.effect is Effect.FORBID
            else ("skipped, with an error:", "unknown")
        )
    return _verdict(rule)


def _asks_for_remedy(rule: RuleTrace) -> bool:
    """Tell whether nothing but clauses that can be met stand in the way of an allow."""
    if rule.effect is Effect.FORBID:
        return rule.determining
    return all(clause.truth is True for clause in rule.clauses if clause.kind != ClauseKind.NEEDS)


def _text(clause: ClauseTrace) -> str:
    if clause.text.startswith("unless {"):
        # Several clauses of Cedar, asked one after the other as they are written.
        return plain(clause.text)
    return plain(f"{clause.kind} {clause.text}")


def _clause(clause: ClauseTrace, edge: int, width: int, terminal: Terminal) -> Iterator[str]:
    text = _text(clause)
    # The time of the request stands above.
    values = ", ".join(f"{plain(seen.text)} = {plain(seen.value)}" for seen in clause.values if seen.text != "now")
    start = f"  {terminal.mark(clause.truth)} {text}"
    if not values:
        yield start
    elif max(len(text), edge) + len(values) + 7 <= width:
        yield f"{start}{' ' * (edge - len(text))}   {terminal.paint(values, 'faint')}"
    else:
        yield start
        yield f"      {terminal.paint(values, 'faint')}"
