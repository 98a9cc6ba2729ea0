"""Where the scopes of a rule are written. Typed rules do not say, so the text of the rule is read once more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pdp.cedar.parser import parse_policies
from pdp.source import Source, Span
from pdp.syntax import tree
from pdp.syntax.parser import parse
from pdp.terms import Rule

PRINCIPALS, RESOURCES, VIA = "principals", "resources", "via"


def scopes_of(rule: Rule) -> Mapping[str, Sequence[Span]]:
    """Return the places of a rule's scopes: its principals, its resources, and who may act for somebody (`via`).

    None of them is told where the text does not read as the one rule that it is.
    """
    span = rule.span
    if span is None:
        return {}
    # A name means the same wherever its rule stands, since names are not looked up here.
    source = Source(span.source.path, span.text)
    found = _cedar(source) if span.source.path.endswith(".cedar") else _pdp(source)
    return {side: [_moved(each, span) for each in places] for side, places in found.items()}


def _moved(place: Span, rule: Span) -> Span:
    return Span(rule.source, rule.start + place.start, rule.start + place.end)


def _pdp(source: Source) -> dict[str, list[Span]]:
    file, _ = parse(source)
    rules = [each for each in file.declarations if isinstance(each, tree.RuleDecl)]
    if len(rules) != 1:
        return {}
    actors = [actor for each in rules[0].clauses if isinstance(each, tree.Via) for actor in each.actors]
    return {
        PRINCIPALS: _written(rules[0].principals),
        RESOURCES: _written(rules[0].resources),
        VIA: [actor.span for actor in actors],
    }


def _written(scopes: tree.Scopes) -> list[Span]:
    return [scopes.span] if scopes.everything else [each.span for each in scopes.items]


def _cedar(source: Source) -> dict[str, list[Span]]:
    policies, _ = parse_policies(source)
    if len(policies) != 1:
        return {}
    found = {PRINCIPALS: policies[0].principal, RESOURCES: policies[0].resource}
    return {side: [each.span] for side, each in found.items() if each.span is not None}
