"""A trace in words: what was decided, then each rule with its clauses."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Final

from pdp.cli.answer import duties, headline
from pdp.cli.terminal import Terminal, plain
from pdp.flips.search import MOST
from pdp.model import Effect, Outcome, Reason
from pdp.terms import ClauseKind, Policy, Rule
from pdp.trace import ChangeTrace, ClauseTrace, RuleTrace, SideTrace, Trace
from pdp.values import Datetime

_FEW: Final = 3
"""How many rules of one kind are shown where nobody asks for all."""

_LONG: Final = 120
"""So many characters of a value are shown: what could not be read at a glance says no more when it is whole."""

_NARROW: Final = 60
"""The columns up to which the values of a rule are lined up."""


def lines(trace: Trace, policy: Policy, terminal: Terminal, *, everything: bool = False) -> Iterator[str]:
    """Yield a trace, line by line; `everything` shows each rule in scope."""
    asked = f"{plain(trace.principal)} to {plain(trace.action)} on {plain(trace.resource)}"
    yield headline(trace.decision, terminal)
    width = shutil.get_terminal_size((120, 24)).columns
    question = f"  asked: {asked}" + (f", at {trace.now}" if trace.now is not None else "")
    last = "" if trace.decision.valid_until is None else f"valid until {Datetime.of(trace.decision.valid_until)}"
    beside = last and len(question) + len(last) + 2 <= width
    yield f"{question}; {last}" if beside else question
    if trace.actor is not None:
        yield f"  acting for them: {plain(trace.actor)}, so that only permits with `via` apply"
    yield from duties(trace.decision, terminal)
    if last and not beside:
        yield f"  {last}"
    if not trace.rules and trace.decision.reason is not Reason.DEFAULT:
        word = "policy" if policy.schema.is_cedar else "rule"
        yield f"  no {word} was looked at: the request was refused before"
    yield from _rules(trace, policy, width, terminal, everything=everything)
    yield from _flips(trace, width, terminal)


def _rules(trace: Trace, policy: Policy, width: int, terminal: Terminal, *, everything: bool) -> Iterator[str]:
    shown = list(trace.rules) if everything else _telling(trace)
    above = True
    for rule in shown:
        # What decided stands apart from the rest.
        if above:
            yield ""
        above = rule.determining
        yield from _rule(rule, width, terminal, cedar=policy.schema.is_cedar, nearest=rule == trace.nearest)
    rest = len(trace.rules) - sum(not rule.out_of for rule in shown)
    if rest > 0:
        words = "one more rule in scope" if rest == 1 else f"{rest} more rules in scope"
        yield terminal.paint(f"… and {words}: `--all` shows {'it' if rest == 1 else 'them'}", "faint")
    if not trace.rules and not shown and trace.decision.reason is Reason.DEFAULT:
        yield ""
        yield from _no_rule(trace, policy)


def _telling(trace: Trace) -> list[RuleTrace]:
    """Return the rules that say most: those that decided, those that could not be told, and the nearest."""
    near = trace.nearest
    deciding = [rule for rule in trace.rules if rule.determining][:_FEW]
    others = [rule for rule in trace.rules if not rule.determining and rule != near]
    unsure = [rule for rule in others if rule.applies is not False][:_FEW]
    # Where nobody knows which is the nearest, the first ones stand in for it.
    rest = [rule for rule in others if rule.applies is False][:_FEW] if near is None else []
    return [*deciding, *([near] if near is not None and near not in deciding else []), *unsure, *rest]


def _no_rule(trace: Trace, policy: Policy) -> Iterator[str]:
    word = "policy" if policy.schema.is_cedar else "rule"
    yield f"no {word} is in scope: none is about this principal, action and resource"
    action = policy.schema.resolve_action(trace.action)
    near = [rule for rule in policy.rules if action in rule.actions and rule.effect is Effect.PERMIT]
    if near:
        yield f"what permits {plain(action)}:"
        for rule in near[:_FEW]:
            yield f"  {plain(rule.id)}" + ("" if rule.role is not None else f": {_scope(rule)}")
        if len(near) > _FEW:
            yield f"  … and {len(near) - _FEW} more"


def _scope(rule: Rule) -> str:
    principals = ", ".join(plain(str(scope)) for scope in rule.principals)
    resources = ", ".join(plain(str(scope)) for scope in rule.resources)
    via = f", via {', '.join(plain(str(scope)) for scope in rule.via)}" if rule.via is not None else ""
    return f"{principals} on {resources}{via}"


# ------------------------------------------------------------------------------------------------- what it would take


def _flips(trace: Trace, width: int, terminal: Terminal) -> Iterator[str]:
    flips = trace.flips
    if flips is None:
        return
    goal = "allowed" if flips.to == Outcome.ALLOW else "denied"
    if trace.rules or trace.nearest is not None:
        yield ""
    if flips.smallest is None:
        if flips.reason:
            yield f"what it would take to be {goal} is not known: {plain(flips.reason)}"
        else:
            yield f"to be {goal}: no change of up to {MOST} facts does it, of the values that were tried"
        return
    yield from _way(f"to be {goal}", flips.smallest, width, terminal)
    if not flips.complete:
        yield f"  less might do: {plain(flips.reason)}"
    if flips.alone is not None:
        yield from _way("without an administrator", flips.alone, width, terminal)


def _way(title: str, changes: tuple[ChangeTrace, ...], width: int, terminal: Terminal) -> Iterator[str]:
    """Yield changes, those of one supplier together, on as many lines as they take."""
    start = f"{terminal.paint(title, 'strong')}: "
    for who in dict.fromkeys(change.who for change in changes):
        line = ""
        for text in [plain(change.text) for change in changes if change.who == who]:
            if line and len(title) + len(line) + len(text) + len(who) + 8 > width:
                yield f"{start}{line},"
                start, line = " " * (len(title) + 2), ""
            line = f"{line}, {text}" if line else text
        yield f"{start}{line}  {terminal.paint(f'({who})', 'faint')}"
        start = " " * (len(title) + 2)


# ------------------------------------------------------------------------------------------------------------ a rule


def _rule(rule: RuleTrace, width: int, terminal: Terminal, *, cedar: bool, nearest: bool) -> Iterator[str]:
    verdict, tint = _verdict_of_cedar(rule) if cedar else _verdict(rule)
    if nearest and rule.applies is not True and not rule.determining:
        verdict, tint = "nearest:", "strong"
    # The id of a grant says that it is one.
    name = plain(rule.id) if rule.id.startswith("grant ") else f"{rule.effect} {plain(rule.id)}"
    place = f"  {plain(rule.place.rpartition(':')[0])}" if rule.place else ""
    head = f"{terminal.paint(verdict, tint)} {terminal.paint(name, 'strong')}{terminal.paint(place, 'faint')}"
    why = f"because {plain(rule.why)}" if rule.why is not None and rule.applies is not False else ""
    beside = why and len(verdict) + len(name) + len(place) + len(why) + 3 <= width
    yield f"{head}  {why}" if beside else head
    if why and not beside:
        yield f"    {why}"
    edge = max((len(_text(clause)) for clause in rule.clauses if len(_text(clause)) <= _NARROW), default=0)
    for each in rule.out_of:
        yield f"  {terminal.mark(False)} {_side(each)}   {terminal.paint(plain(each.value), 'faint')}"
    for clause in rule.clauses:
        asks = clause.remedy is not None and clause.truth is not True and _asks_for_remedy(rule)
        yield from _clause(clause, edge, width, terminal, clause.remedy if asks else None)
        yield from _approvals(clause, terminal)
    for argument in rule.unknown_obligations:
        yield f"  {terminal.mark(None)} oblige {plain(argument)}, which is unknown"
    if cedar and rule.applies is None and rule.effect is Effect.FORBID:
        yield "    it cannot be evaluated, and Cedar skips what cannot be: nothing is forbidden by it"


def _side(side: SideTrace) -> str:
    if side.side != "actor":
        return f"{side.side} is out of {plain(side.text)}"
    return f"via {plain(side.text)}" if side.text else "without `via`: it is not for those who act for others"


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


def _short(value: str) -> str:
    """Write a value, cut where it is long: `--json` has it whole."""
    return plain(value[:_LONG]) + ("…" if len(value) > _LONG else "")


def _clause(clause: ClauseTrace, edge: int, width: int, terminal: Terminal, remedy: str | None) -> Iterator[str]:
    text = _text(clause)
    # The time of the request stands above.
    values = ", ".join(f"{plain(seen.text)} = {_short(seen.value)}" for seen in clause.values if seen.text != "now")
    line, length = f"  {terminal.mark(clause.truth)} {text}", len(text) + 4
    for more in (values, f"else {plain(remedy)}" if remedy is not None else ""):
        if not more:
            continue
        shown = terminal.paint(more, "faint") if more is values else more
        gap = max(edge + 7 - length, 3) if more is values else 3
        if length + gap + len(more) <= width:
            line, length = f"{line}{' ' * gap}{shown}", length + gap + len(more)
        else:
            yield line
            line, length = f"      {shown}", 6 + len(more)
    yield line
