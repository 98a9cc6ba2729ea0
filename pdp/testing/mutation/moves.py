"""Worlds to start a search from, and what may be changed in one: the facts that rules read, to values worth trying."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final

from pdp import terms
from pdp.classes import replace
from pdp.evaluation import Scene, evaluate
from pdp.flips.candidates import changes_of
from pdp.flips.changes import Change, InContext, InSession, OfEntity, Time
from pdp.flips.known import Known, named_in
from pdp.flips.pool import usual
from pdp.flips.wishes import Wishes
from pdp.model import Approval, Membership, Node
from pdp.schema import Action, Schema
from pdp.symbols import CompareOp
from pdp.testing.mutation.worlds import World, changed
from pdp.types import RecordType
from pdp.values import DATETIME_MAX, Datetime, EntityRef, Unknown, Value

OTHER: Final = "other"
"""What somebody is called who is made up."""

_MOST: Final = 60
"""So many values are tried for one fact."""


def moves(world: World, rules: Sequence[terms.Rule], schema: Schema) -> Iterator[World]:
    """Yield worlds with one thing changed that rules look at: what is absent, and what is made up, comes last."""
    scene = world.scene(schema)
    known = known_of(world, schema)
    wishes = Wishes(scene, schema, known)
    wishes.before_rules()
    for rule in rules:
        wishes.rule(rule)
        for clause in rule.clauses:
            for condition in _beside(clause.condition):
                wishes.condition(condition)
    for fact in list(wishes.facts):
        for change in islice(changes_of(fact, wishes, scene, schema, known), _MOST):
            yield changed(world, change)
    yield from _moments(world, scene, rules)
    yield from _approved(world, rules, schema)
    for fact in list(wishes.facts):
        # A test may leave out even what an entity has to have.
        if isinstance(fact, InContext | InSession | OfEntity):
            yield changed(world, Change(fact, None))


def _beside(term: terms.Term) -> Iterator[terms.Term]:
    """Yield conditions that hold for texts which a pattern would match if it were looser at one end."""
    for each in terms.walk(term):
        if isinstance(each, terms.Like):
            text = "x".join(each.parts)
            for wrong in (f"x{text}", f"{text}x"):
                yield terms.Compare(op=CompareOp.EQ, left=each.operand, right=terms.Constant(value=wrong))


def known_of(world: World, schema: Schema) -> Known:
    """Return the entities that there are."""
    values = [world.principal, world.resource, *world.context.values(), *(world.session or {}).values()]
    named = chain.from_iterable(named_in(value) for value in values)
    return Known(world.nodes.values(), len(world.nodes), schema, named)


def _moments(world: World, scene: Scene, rules: Sequence[terms.Rule]) -> Iterator[World]:
    """Yield the instants around the bounds of tests of time: a test may be at any time."""
    for rule in rules:
        for clause in rule.clauses:
            for term in terms.walk(clause.condition):
                bound = _bound(term, scene) if isinstance(term, terms.TimeTest) else None
                for step in (0, -1, 1) if bound is not None else ():
                    at = (bound or 0) + step
                    if 0 < at <= DATETIME_MAX:
                        yield changed(world, Change(Time(), Datetime(at)))


def _bound(term: terms.TimeTest, scene: Scene) -> int | None:
    total = 0
    for addend in term.bound:
        micros = getattr(evaluate(addend.term, scene), "micros", None)
        if not isinstance(micros, int):
            return None
        total += -micros if addend.negative else micros
    return total


# ---------------------------------------------------------------------------------------------------------- approvals


def _approved(world: World, rules: Sequence[terms.Rule], schema: Schema) -> Iterator[World]:
    """Yield worlds with as many approvals as a rule wants, with one less, and with all of them about to lapse."""
    found = [
        clause.condition for rule in rules for clause in rule.clauses if isinstance(clause.condition, terms.Approvals)
    ]
    for term in found:
        for count in (term.count, term.count - 1):
            yield _with_approvals(world, term, count, schema)
        for micros in (term.window.micros, term.window.micros - 1):
            at = Datetime(world.now.micros - micros)
            yield replace(world, approvals=tuple(replace(each, at=at) for each in world.approvals))


def _with_approvals(world: World, term: terms.Approvals, count: int, schema: Schema) -> World:
    bound = None if term.of is None else evaluate(term.of, world.scene(schema))
    people = list(_approvers(term, count, world, schema))
    if isinstance(bound, Unknown) or not people:
        return world
    given = tuple(Approval(node.ref, *world.asked, world.now, bound) for node in people)
    others = tuple(each for each in world.approvals if (each.principal, each.action, each.resource) != world.asked)
    return replace(world, nodes={**world.nodes, **{node.ref: node for node in people}}, approvals=(*others, *given))


def _approvers(term: terms.Approvals, count: int, world: World, schema: Schema) -> Iterator[Node]:
    """Yield people who may approve, made up."""
    for scope in term.approvers:
        within = (scope.within or (None,))[0]
        able = {scope.type} if scope.type is not None else acting(schema)
        kinds = [name for name in sorted(able) if within is None or schema.can_be_in(name, within.type)]
        if kinds:
            for number in range(1, count + 1):
                node = made_up(kinds[0], schema, world, f"approver {number}")
                yield Node(node.ref, node.attributes, () if within is None else (Membership(within),))
            return


def acting(schema: Schema) -> frozenset[str]:
    """Return the types of those who act."""
    return frozenset().union(*(action.principals for action in schema.actions.values()))


# ------------------------------------------------------------------------------------------------- where it may start


def starts(world: World, actions: Iterable[str], schema: Schema) -> Iterator[World]:
    """Yield what else could be asked in a world: another action, by and on others that are there or are made up."""
    for name in sorted(actions):
        action = schema.actions.get(name)
        if action is None:
            continue
        here = world if name == world.action else replace(world, action=name, context=_context(world, action, schema))
        principals = _instead(world.principal, action.principals, world, schema)
        resources = _instead(world.resource, action.resources, world, schema)
        for principal, resource in [*((each, resources[0]) for each in principals[:1])]:
            yield _asked(here, principal, resource)
        for principal in principals[1:]:
            yield _asked(here, principal, resources[0])
        for resource in resources[1:]:
            yield _asked(here, principals[0], resource)


def _asked(world: World, principal: Node, resource: Node) -> World:
    nodes = {principal.ref: principal, resource.ref: resource, **world.nodes}
    return replace(world, principal=principal.ref, resource=resource.ref, nodes=nodes)


def _instead(ref: EntityRef, types: frozenset[str], world: World, schema: Schema) -> list[Node]:
    """Return who or what may stand in a place: what is there first, and one of each type that is made up."""
    here = [world.nodes.get(ref, Node(ref, {}))] if ref.type in types else []
    there = [node for node in world.nodes.values() if node.ref.type in types and node.ref != ref]
    return [*here, *there, *(made_up(name, schema, world) for name in sorted(types))]


def _context(world: World, action: Action, schema: Schema) -> dict[str, Value]:
    kept = {name: value for name, value in world.context.items() if name in action.context.fields}
    return {**_whole(action.context, schema, world), **kept}


def made_up(kind: str, schema: Schema, world: World, name: str = OTHER) -> Node:
    """Return an entity of a type with all that it has to have."""
    declared = schema.entities.get(kind)
    if declared is None:
        return Node(EntityRef(kind, name), {})
    id_ = name if declared.ids is None else min(declared.ids, default=name)
    return Node(EntityRef(kind, id_), {**_whole(declared.attributes, schema, world)})


def _whole(record: RecordType, schema: Schema, world: World) -> dict[str, Value]:
    known, now = known_of(world, schema), world.now.micros
    found = {}
    for name, each in record.fields.items():
        value = None if each.optional else next(usual(each.type, schema, known, now), None)
        if value is not None:
            found[name] = value
    return found


def nowhere(schema: Schema, actions: Iterable[str]) -> Iterator[World]:
    """Yield worlds that are made up, one for each kind of question."""
    for name in sorted(actions):
        action = schema.actions.get(name)
        for principal in sorted(action.principals) if action is not None else ():
            for resource in sorted(action.resources) if action is not None else ():
                world = World(
                    principal=EntityRef(principal, OTHER),
                    action=name,
                    resource=EntityRef(resource, OTHER),
                    context={},
                    session=None,
                    now=terms.TEST_START,
                    nodes={},
                )
                who, what = (made_up(kind, schema, world) for kind in (principal, resource))
                world = _asked(world, who, what)
                yield world if action is None else replace(world, context=_context(world, action, schema))
