"""Small worlds in which a request is asked, and what they are like with something in them changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar, assert_never

from pdp import terms
from pdp.classes import dataclass, replace
from pdp.entities import Store
from pdp.evaluation import Question, Scene
from pdp.facts import Snapshot
from pdp.flips.changes import ApprovedBy, Change, InContext, InSession, Lifted, OfEntity, OnRecord, Time, Within
from pdp.flips.known import named_in
from pdp.model import Approval, Membership, Node, Revocation
from pdp.revocation.index import Index
from pdp.schema import Schema
from pdp.testing.runner import Case
from pdp.values import Datetime, EntityRef, Unknown, Value

_Field = TypeVar("_Field")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is asked, when, and all that is known then."""

    principal: EntityRef
    action: str
    resource: EntityRef
    context: Mapping[str, Value]
    session: Mapping[str, Value] | None
    now: Datetime
    nodes: Mapping[EntityRef, Node]
    grants: tuple[terms.Rule, ...] = ()
    approvals: tuple[Approval, ...] = ()
    revocations: tuple[Revocation, ...] = ()

    @property
    def asked(self) -> tuple[EntityRef, str, EntityRef]:
        """Who asks, for what, and on what."""
        return self.principal, self.action, self.resource

    def scene(self, schema: Schema) -> Scene:
        """Return the request and the facts, as rules look at them."""
        revocations = Index.of(self.revocations) if self.revocations else None
        store = Store.of(self.nodes.values())
        declared = schema.actions.get(self.action)
        facts = Snapshot(store, schema, approvals=self.approvals, revocations=revocations)
        question = Question(
            principal=self.principal,
            action=self.action,
            resource=self.resource,
            context=self.context,
            session=self.session,
            now=self.now.micros,
            act=None if declared is None else declared.ref,
            semantics=schema.semantics,
        )
        return Scene(question, facts)


def world_of(case: Case, store: Store, grants: Iterable[terms.Rule] = ()) -> World:
    """Return the world of a case. Of one beside the folder's world, `store` and `grants`, what it is about."""
    asked, stage = case.expectation, case.stage
    nodes = {node.ref: node for node in stage.entities}
    if case.test.beside:
        nodes = _around(nodes, store, _named(asked))
    given = stage.grants + (tuple(grants) if case.test.beside else ())
    return World(
        principal=asked.principal,
        action=asked.action,
        resource=asked.resource,
        context=asked.context,
        session=asked.session,
        now=case.now,
        nodes=nodes,
        grants=tuple(grant for grant in given if not case.test.beside or _concerns(grant, nodes)),
        approvals=stage.approvals,
        revocations=stage.revocations,
    )


def _concerns(grant: terms.Rule, nodes: Mapping[EntityRef, Node]) -> bool:
    held = {*nodes, *(step.parent for node in nodes.values() for step in node.parents)}
    return all(ref in held for scope in (*grant.principals, *grant.resources) for ref in scope.within or ())


def _around(given: Mapping[EntityRef, Node], store: Store, named: Iterable[EntityRef]) -> dict[EntityRef, Node]:
    """Return the entities that are named, all that they are in, and all that their attributes name."""
    found, work = dict(given), [*named, *(ref for node in given.values() for ref in _names(node))]
    while work:
        ref = work.pop()
        node = None if ref in found else store.node(ref)
        if node is not None:
            found[ref] = node
            work += _names(node)
    return found


def _names(node: Node) -> list[EntityRef]:
    refs = [step.parent for step in node.parents]
    for value in node.attributes.values():
        refs += [] if isinstance(value, Unknown) else named_in(value)
    return refs


def _named(asked: terms.Expectation) -> list[EntityRef]:
    values = [asked.principal, asked.resource, *asked.context.values(), *(asked.session or {}).values()]
    return [ref for value in values for ref in named_in(value)]


def needed(world: World) -> World:
    """Return a world without the entities that its request has nothing to do with."""
    values = [world.principal, world.resource, *world.context.values(), *(world.session or {}).values()]
    named = [ref for value in values for ref in named_in(value)]
    named += [each.approver for each in world.approvals]
    kept, work = set[EntityRef](), named
    while work:
        ref = work.pop()
        if ref in world.nodes and ref not in kept:
            kept.add(ref)
            work += _names(world.nodes[ref])
    return replace(world, nodes={ref: node for ref, node in world.nodes.items() if ref in kept})


# ------------------------------------------------------------------------------------------------------------ changes


def changed(world: World, change: Change) -> World:
    """Return a world in which a fact is another one."""
    value = change.value
    match change.fact:
        case InContext(name=name):
            return replace(world, context=with_field(world.context, name, value))
        case InSession(name=name):
            return replace(world, session=with_field(world.session or {}, name, value))
        case Time():
            return replace(world, now=value) if isinstance(value, Datetime) else world
        case ApprovedBy():
            return _approved(world, change.fact, value is True)
        case Lifted():
            # Of what is revoked, all that says so is taken back.
            kept = [each for each in world.revocations if each.kind is not change.fact.kind]
            return replace(world, revocations=tuple(kept))
        case OnRecord(entity=entity):
            return replace(world, nodes={**world.nodes, entity: Node(entity, {})})
        case OfEntity(entity=entity, name=name):
            node = world.nodes.get(entity) or Node(entity, {})
            fields = with_field(node.attributes, name, value)
            return replace(world, nodes={**world.nodes, entity: Node(entity, fields, node.parents, node.tags)})
        case Within(entity=entity, parent=parent):
            node = world.nodes.get(entity) or Node(entity, {})
            steps = [step for step in node.parents if step.parent != parent]
            steps += [Membership(parent)] if value is True else []
            return replace(world, nodes={**world.nodes, entity: Node(entity, node.attributes, tuple(steps), node.tags)})
        case _:
            assert_never(change.fact)


def with_field(fields: Mapping[str, _Field], name: str, value: _Field | None) -> dict[str, _Field]:
    """Return attributes with one of them as it is to be; None where it is absent."""
    found = {each: kept for each, kept in fields.items() if each != name}
    if value is not None:
        found[name] = value
    return found


def _approved(world: World, fact: ApprovedBy, given: bool) -> World:
    kept = [
        each
        for each in world.approvals
        if (each.principal, each.action, each.resource) != world.asked or ApprovedBy(each.approver, each.of) != fact
    ]
    if given:
        kept.append(Approval(fact.approver, *world.asked, world.now, fact.of))
    return replace(world, approvals=tuple(kept))
