"""Makes a case that differs smaller, to the least that still does: fewer policies, conditions, entities, attributes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from tests.beside.cases import Case
from tests.beside.rules import Rule
from tests.beside.text import smaller

T = TypeVar("T")
Differs = Callable[[Case], bool]


def shrink(case: Case, index: int | None, differs: Differs, seconds: float = 60.0) -> Case:
    """Return a case with the one request that differs, and as little else as can be found in time."""
    end = time.monotonic() + seconds
    found = case
    if index is not None:
        # It may take what was asked before.
        for requests in ([case.requests[index]], case.requests[: index + 1]):
            fewer = replace(case, requests=requests)
            if differs(fewer):
                found = fewer
                break
    elif differs(fewer := replace(case, requests=[])):
        found = fewer
    while time.monotonic() < end:
        less = _first(_smaller(found), differs, end)
        if less is None:
            return found
        found = less
    return found


def _first(candidates: Iterator[Case], differs: Differs, end: float) -> Case | None:
    for each in candidates:
        if time.monotonic() > end:
            return None
        if differs(each):
            return each
    return None


def _smaller(case: Case) -> Iterator[Case]:
    for rules in shorter(case.rules):
        yield replace(case, rules=tuple(rules))
    for entities in shorter(case.entities):
        yield replace(case, entities=list(entities))
    for requests in shorter(case.requests, 1):
        yield replace(case, requests=list(requests))
    for at, rule in enumerate(case.rules):
        for less in _smaller_rule(rule):
            yield replace(case, rules=(*case.rules[:at], less, *case.rules[at + 1 :]))
    for at, entity in enumerate(case.entities):
        for fewer in _smaller_entity(entity):
            yield replace(case, entities=[*case.entities[:at], fewer, *case.entities[at + 1 :]])
    for at, asked in enumerate(case.requests):
        for context in _less(asked.context or {}):
            yield replace(
                case, requests=[*case.requests[:at], replace(asked, context=context), *case.requests[at + 1 :]]
            )
    if case.schema is not None:
        yield replace(case, schema=None)


def shorter(items: Sequence[T], least: int = 0) -> Iterator[Sequence[T]]:
    """Yield the same with less in it."""
    if len(items) > 3 + least:
        half = len(items) // 2
        yield items[half:]
        yield items[:half]
    if len(items) > least:
        for at in range(len(items)):
            yield [*items[:at], *items[at + 1 :]]


def _smaller_rule(rule: Rule) -> Iterator[Rule]:
    if rule.notes:
        yield replace(rule, notes=())
    for links in shorter(rule.links):
        yield replace(rule, links=tuple(links))
    for conditions in shorter(rule.conditions):
        yield replace(rule, conditions=tuple(conditions))
    for at, name in enumerate(("principal", "action", "resource")):
        if rule.scope[at] != name and "?" not in rule.scope[at]:
            yield replace(rule, scope=(*rule.scope[:at], name, *rule.scope[at + 1 :]))  # type: ignore[arg-type]
    for at, (kind, text) in enumerate(rule.conditions):
        for less in smaller(text):
            yield replace(rule, conditions=(*rule.conditions[:at], (kind, less), *rule.conditions[at + 1 :]))


def _smaller_entity(entity: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "tags" in entity:
        yield {name: value for name, value in entity.items() if name != "tags"}
    for attrs in _less(entity["attrs"]):
        yield {**entity, "attrs": attrs}
    for parents in shorter(entity["parents"]):
        yield {**entity, "parents": list(parents)}


def _less(given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name in given:
        yield {each: value for each, value in given.items() if each != name}
