"""What a rule covers: actions with the types of principals and resources, those that are alike looked at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from pdp import terms
from pdp.checker.report import Report
from pdp.checker.scopes import Item
from pdp.classes import dataclass
from pdp.schema import Cell, Schema
from pdp.syntax import tree
from pdp.types import RecordType
from pdp.values import EntityRef

_Actions: TypeAlias = Sequence[tuple[tree.Node, frozenset[str]]]


@dataclass(frozen=True, slots=True)
class Block:
    """What a rule covers of one action: each of these principals on each of these resources."""

    action: str
    principals: frozenset[str]
    resources: frozenset[str]


def covered(
    schema: Schema,
    actions: _Actions,
    principals: Sequence[Item],
    resources: Sequence[Item],
    actors: frozenset[str],
    report: Report,
) -> list[Block]:
    """Return what a rule covers, actions that are alike once; report each of its parts that adds nothing.

    `actors` are the types that may hold as the actor instead of the principal: those rules cover every principal.
    Where `actor` is not declared it may be of any type; then what such a rule asks of another principal is unknown at
    decision time, and denies.
    """
    blocks: list[Block] = []
    useful: set[int] = set()
    alike = {name: schema.alike[name] for _, names in actions for name in names if name in schema.actions}
    first: dict[str, str] = {}
    for name in sorted(alike):
        first.setdefault(alike[name], name)
    adding: set[str] = set()
    for name in first.values():
        action = schema.actions[name]
        who = {id(each): _asked_by(each, action.principals, actors, schema) for each in principals}
        what = {id(each): each.types & action.resources for each in resources}
        asked_by, on = frozenset().union(*who.values()), frozenset().union(*what.values())
        if asked_by and on:
            useful |= {each for each, types in (*who.items(), *what.items()) if types}
            adding.add(alike[name])
            blocks.append(Block(name, asked_by, on))
    useful |= {id(node) for node, names in actions if not adding.isdisjoint(map(alike.get, names))}
    if actions and principals and resources:
        _report_useless(schema, actions, principals, resources, useful, report)
    return blocks


def _asked_by(who: Item, able: frozenset[str], actors: frozenset[str], schema: Schema) -> frozenset[str]:
    asked_by = who.types & able
    if who.types & actors and (not asked_by or actors != schema.entities.keys()):
        return able
    return asked_by


def _report_useless(
    schema: Schema,
    actions: _Actions,
    principals: Sequence[Item],
    resources: Sequence[Item],
    useful: set[int],
    report: Report,
) -> None:
    for node, names in actions:
        if id(node) not in useful:
            declared = [schema.actions[name] for name in names if name in schema.actions]
            on = sorted({name for action in declared for name in action.resources})
            by = sorted({name for action in declared for name in action.principals})
            report.error(
                "action_does_not_apply",
                f"`{node.span.text}` never goes with these principals and resources",
                node.span,
                f"it is on {', '.join(on) or 'nothing'}, by {', '.join(by) or 'nobody'}",
            )
    if not useful:
        return
    for item in (*principals, *resources):
        if id(item) not in useful:
            report.error(
                "scope_covers_nothing",
                f"`{item.written.span.text}` adds nothing: no action here goes with it",
                item.written.span,
                "remove it, or name an action that does",
            )


# ----------------------------------------------------------------------------------------- what makes types alike


@dataclass(frozen=True, slots=True)
class _OfType:
    """A test whether a root is of a type."""

    type: str


@dataclass(frozen=True, slots=True)
class _InTypes:
    """A test whether a root is in an entity of one of these types."""

    types: frozenset[str]


_Use: TypeAlias = str | _OfType | _InTypes | None
"""What a condition asks of a root: an attribute by its name, its type, what it is in; None for all else."""


def uses_of(conditions: Iterable[terms.Term]) -> Mapping[terms.RootName, set[_Use]]:
    """Return what conditions ask of each root that they mention."""
    found: dict[terms.RootName, set[_Use]] = defaultdict(set)
    work = list(conditions)
    while work:
        term = work.pop()
        match term:
            case terms.Attribute(base=terms.Root(name=root)) | terms.Has(base=terms.Root(name=root)):
                found[root].add(term.name)
            case terms.Is(operand=terms.Root(name=root)):
                found[root].add(_OfType(term.type))
            case terms.In(left=terms.Root(name=root)) if types := _named(term.right):
                found[root].add(_InTypes(types))
            case terms.Root():
                found[term.name].add(None)
            case _:
                work.extend(terms.children(term))
    return found


def _named(term: terms.Term) -> frozenset[str]:
    """Return the types of the entities that a term names; nothing where it is anything else."""
    items = term.items if isinstance(term, terms.SetOf) else (term,)
    values = [item.value if isinstance(item, terms.Constant) else None for item in items]
    types = [value.type for value in values if isinstance(value, EntityRef)]
    return frozenset(types) if len(types) == len(values) else frozenset()


def combinations(schema: Schema, blocks: Sequence[Block], uses: Mapping[terms.RootName, set[_Use]]) -> Iterator[Cell]:
    """Yield the combinations that conditions have to be looked at for: all others are like one of these.

    Two types are alike for a rule if all that it asks of them comes out the same.
    """
    seen: set[tuple[object, ...]] = set()
    places: dict[RecordType, int] = {}
    for block in blocks:
        action = schema.actions[block.action]
        context = places.setdefault(action.context, len(places)) if terms.RootName.CONTEXT in uses else None
        session = places.setdefault(action.session, len(places)) if terms.RootName.SESSION in uses else None
        principals = _distinct(schema, block.principals, uses.get(terms.RootName.PRINCIPAL))
        resources = _distinct(schema, block.resources, uses.get(terms.RootName.RESOURCE))
        for how_principal, principal in principals.items():
            for how_resource, resource in resources.items():
                key = how_principal, how_resource, context, session
                if key not in seen:
                    seen.add(key)
                    yield Cell(action=block.action, principal=principal, resource=resource)


def _distinct(schema: Schema, types: frozenset[str], uses: set[_Use] | None) -> dict[tuple[object, ...], str]:
    """Return one of the types for each way in which what is asked of them comes out."""
    asked = sorted(uses or (), key=str)
    found: dict[tuple[object, ...], str] = {}
    for name in sorted(types):
        found.setdefault(tuple(_outcome(schema, name, use) for use in asked), name)
    return found


def _outcome(schema: Schema, name: str, use: _Use) -> object:
    match use:
        case None:
            return name
        case _OfType():
            return name == use.type
        case _InTypes():
            return any(schema.can_be_in(name, each) for each in use.types)
        case _:
            return schema.attribute(name, use)
