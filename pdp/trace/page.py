"""A trace as one page that stands by itself: without a script, and without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from pdp.model import Decision, Outcome, Reason
from pdp.trace.markup import Markup, element, join
from pdp.trace.style import STYLE
from pdp.trace.told import ChangeTrace, ClauseTrace, Flips, RuleTrace, Seen, Trace
from pdp.trace.tree import Branch, End, Test
from pdp.values import Datetime, show

MOST: Final = 200
"""So many rules are told one by one."""

_SUPPLIERS: Final = {
    "caller": "the caller, with the request",
    "approver": "an approver",
    "administrator": "an administrator, on record",
    "nobody": "nobody: time passes",
}


def render(trace: Trace, tree: Sequence[Branch | End]) -> str:
    """Return the page."""
    title = f"{trace.decision.outcome}: {trace.principal} to {trace.action} on {trace.resource}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content="default-src 'none'; style-src 'unsafe-inline'"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Markup(STYLE)),
    )
    parts = [_decision(trace), _taking(trace), _nearest(trace), _tree(tree), _rules(trace), _foot(trace.decision)]
    body = element("body", element("main", *(part for part in parts if part)))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


# ------------------------------------------------------------------------------------------------------ the decision


def _decision(trace: Trace) -> Markup:
    decision = trace.decision
    allowed = decision.outcome is Outcome.ALLOW
    kind = "allow" if decision or (allowed and not decision.unhandled) else "partly" if allowed else "deny"
    facts = [
        ("asked", f"{trace.principal} to {trace.action} on {trace.resource}"),
        ("at", trace.now or ""),
        ("acting for them", trace.actor or ""),
        ("valid until", "" if decision.valid_until is None else str(Datetime.of(decision.valid_until))),
        ("decided by", ", ".join(decision.determining_rules) or _default(decision)),
        ("must do", ", ".join(f"{each.name} {_arguments(each.arguments)}" for each in decision.obligations)),
        ("not allowed before somebody does", ", ".join(decision.unhandled) if allowed else ""),
    ]
    rows = [join(element("dt", name), element("dd", value)) for name, value in facts if value]
    badge = element("span", str(decision.outcome), class_=f"badge {kind}")
    return element("header", element("h1", badge, f" {decision.reason}"), element("dl", *rows))


def _default(decision: Decision) -> str:
    return "no permit applies" if decision.reason is Reason.DEFAULT else decision.detail


def _arguments(given: Any) -> str:
    return "{ " + ", ".join(f"{name}: {_plain(value)}" for name, value in given.items()) + " }"


def _plain(value: Any) -> str:
    return show(value) if isinstance(value, bool | int | str) else str(value)


# ---------------------------------------------------------------------------------------------- what it would take


def _taking(trace: Trace) -> Markup:
    flips = trace.flips
    if flips is None:
        return Markup()
    goal = "allowed" if flips.to == Outcome.ALLOW else "denied"
    parts: list[Markup] = [element("h2", f"What it would take to be {goal}")]
    if flips.smallest is None:
        parts.append(element("p", _nothing(flips)))
    else:
        parts.append(_changes(flips.smallest))
        if not flips.complete:
            parts.append(element("p", f"Less might do: {flips.reason}.", class_="faint"))
    if flips.alone is not None:
        parts += [element("h3", "Without an administrator"), _changes(flips.alone)]
    return element("section", *parts)


def _nothing(flips: Flips) -> str:
    if flips.reason:
        return f"That is not known: {flips.reason}."
    return "No few changes of facts would do it: it takes another policy."


def _changes(changes: Iterable[ChangeTrace]) -> Markup:
    rows = [
        element(
            "tr",
            element("td", element("code", change.text)),
            element("td", element("span", change.who, class_=f"who {change.who}"), class_="by"),
            element("td", _SUPPLIERS.get(change.who, ""), class_="faint"),
        )
        for change in changes
    ]
    return element("table", element("tbody", *rows), class_="changes")


# --------------------------------------------------------------------------------------------------------- the rules


def _nearest(trace: Trace) -> Markup:
    if trace.nearest is None:
        return Markup()
    return element("section", element("h2", "The nearest rule that did not decide"), _rule(trace.nearest, opened=True))


def _rules(trace: Trace) -> Markup:
    if not trace.rules:
        return Markup()
    more = len(trace.rules) - MOST
    rest = [element("p", f"… and {more} more rules.", class_="faint")] if more > 0 else []
    return element(
        "section", element("h2", f"Rules in scope: {len(trace.rules)}"), *map(_rule, trace.rules[:MOST]), *rest
    )


def _rule(rule: RuleTrace, *, opened: bool = False) -> Markup:
    verdict, kind = _verdict(rule)
    head = element(
        "summary",
        element("span", verdict, class_=f"badge small {kind}"),
        element("strong", rule.id if rule.id.startswith("grant ") else f" {rule.effect} {rule.id}"),
        element("span", f"  {rule.place}", class_="faint"),
    )
    notes = [
        element("p", each, class_="faint") for each in (rule.docs, f"because {rule.why}" if rule.why else "") if each
    ]
    rows = [
        _row(False, f"{each.side} is out of {each.text or 'it: it is not for those who act for others'}", each.value)
        for each in rule.out_of
    ]
    rows += [
        _row(clause.truth, f"{clause.kind} {clause.text}", _values(clause.values), _more(clause))
        for clause in rule.clauses
    ]
    rows += [_row(None, f"oblige {each}", "unknown") for each in rule.unknown_obligations]
    attributes = {"open": "open"} if opened or rule.determining or rule.applies is not False else {}
    return element("details", head, *notes, element("table", element("tbody", *rows)), **attributes)


def _verdict(rule: RuleTrace) -> tuple[str, str]:
    if rule.determining:
        return ("allows", "allow") if rule.effect == "permit" else ("denies", "deny")
    if rule.applies is None:
        return "unknown", "partly"
    return ("applies", "plain") if rule.applies else ("does not apply", "plain")


def _row(truth: bool | None, said: str, values: str, more: Markup | None = None) -> Markup:
    cells = [
        element("td", _mark(truth), class_="mark"),
        element("td", element("code", said), *([more] if more else [])),
    ]
    return element("tr", *cells, element("td", values, class_="values"))


def _more(clause: ClauseTrace) -> Markup:
    found: list[str] = []
    if clause.remedy is not None and clause.truth is not True:
        found.append(f"else {clause.remedy}")
    for each in clause.approvals:
        spent = f", {'may not count' if each.counts is None else 'does not count'}: {each.why}" if each.why else ""
        found.append(f"approved by {each.approver} at {each.at}, until {each.until}{spent}")
    return join(*(element("div", each, class_="faint") for each in found))


def _values(values: Iterable[Seen]) -> str:
    return ", ".join(f"{seen.text} = {seen.value}" for seen in values)


def _mark(truth: bool | None) -> Markup:
    kind, sign, word = _MARKS[truth]
    return element("span", sign, class_=kind, title=word)


_MARKS: Final = {
    True: ("yes", "✓", "true"),
    False: ("no", "✗", "false"),
    None: ("unsure", "?", "unknown"),
}


# ---------------------------------------------------------------------------------------------------------- the tree


def _tree(tree: Sequence[Branch | End]) -> Markup:
    if not tree:
        return Markup()
    lead = element(
        "p",
        "The rules of this kind of question, nested by the tests that they share. The way that was taken is marked; "
        "below a test that does not hold, nothing is asked.",
        class_="faint",
    )
    return element("section", element("h2", "The decision tree, and the way through it"), lead, _level(tree, True))


def _level(tree: Sequence[Branch | End], asked: bool) -> Markup:
    return element("ul", *_items(tree, asked), class_="tree")


def _items(tree: Sequence[Branch | End], asked: bool) -> Iterator[Markup]:
    for each in tree[:MOST]:
        if isinstance(each, End):
            yield element("li", _end(each, asked), class_="taken" if asked and each.holds else "left")
        else:
            yield _branch(each, asked)
    if len(tree) > MOST:
        yield element("li", f"… and {len(tree) - MOST} more", class_="faint")


def _branch(branch: Branch, asked: bool) -> Markup:
    goes_on = asked and branch.test.truth is True
    line = _asked(branch.test, asked)
    if goes_on:
        return element("li", line, _level(branch.below, True), class_="taken")
    # Where nobody knows, the rules below are looked at one by one.
    unsure = asked and branch.test.truth is None
    words = _first(branch).rule if branch.ends == 1 else f"{branch.ends} rules"
    summary = element("summary", f"not reached: {words}", class_="faint")
    below = element("details", summary, _level(branch.below, False))
    return element("li", line, below, class_="unsure" if unsure else "left")


def _first(branch: Branch) -> End:
    below = branch.below[0]
    return below if isinstance(below, End) else _first(below)


def _asked(test: Test, asked: bool) -> Markup:
    mark = _mark(test.truth) if asked else element("span", "·", class_="faint", title="not asked")
    values = element("span", f"  {_values(test.values)}", class_="values") if asked else Markup()
    return element("div", mark, " ", element("code", test.text), values, class_="test")


def _end(end: End, asked: bool) -> Markup:
    kind = ("allow" if end.effect == "permit" else "deny") if end.determining else "plain"
    name = end.rule if end.rule.startswith("grant ") else f"{end.effect} {end.rule}"
    tests = [_asked(test, asked) for test in end.tests]
    return join(element("span", name, class_=f"badge small {kind}"), *tests)


def _foot(decision: Decision) -> Markup:
    said = f"policy {decision.revision or '–'}, facts {decision.facts_revision or '–'}"
    return element("footer", element("p", said, class_="faint"))
