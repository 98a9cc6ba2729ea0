"""Changes made for real: in a store, in a request, in what is approved and revoked, and an engine asked about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from pdp.engine import Engine
from pdp.entities import Store
from pdp.flips.changes import (
    ApprovedBy,
    Change,
    InContext,
    InSession,
    Lifted,
    OfEntity,
    OnRecord,
    Time,
    Within,
)
from pdp.model import Approval, Decision, Membership, Node
from pdp.values import Datetime
from tests.flips.cases import Case


def decide(case: Case, changes: Iterable[Change]) -> Decision:
    """Return what an engine decides that knows all of a case as it would be."""
    changes = list(changes)
    nodes = {node.ref: node for node in case.nodes}
    context, session = dict(case.request.context or {}), case.request.session
    approvals = None if case.approvals is None else list(case.approvals)
    revoked, sessions, now = set(case.revoked), set(case.revoked_sessions), case.request.now
    for change in changes:
        match change.fact:
            case InContext(name=name):
                put(context, name, change.value)
            case InSession(name=name):
                session = dict(session or {})
                put(session, name, change.value)
            case OfEntity(entity=ref) | Within(entity=ref) | OnRecord(entity=ref):
                nodes[ref] = changed(nodes.get(ref) or Node(ref, {}), change)
            case Lifted(entity=ref, name=name):
                revoked.discard(ref)
                sessions.discard(name)
            case Time():
                now = change.value.to_datetime()
    for change in changes:
        if isinstance(change.fact, ApprovedBy) and approvals is not None:
            approvals = approved(approvals, change, case, Datetime.of(now))
    request = case.request._replace(context=context, session=session, now=now)
    engine = Engine(
        case.policy, Store.of(nodes.values()), approvals=approvals, revoked=revoked, revoked_sessions=sessions
    )
    return engine.answer(request)


def put(fields: dict[str, Any], name: str, value: Any) -> None:
    """Set a field, or take it away."""
    fields.pop(name, None)
    if value is not None:
        fields[name] = value


def changed(node: Node, change: Change) -> Node:
    """Return an entity as it would be."""
    attributes, parents = dict(node.attributes), {step.parent: step for step in node.parents}
    match change.fact:
        case OfEntity(name=name):
            put(attributes, name, change.value)
        case Within(parent=parent):
            parents.pop(parent, None)
            if change.value:
                parents[parent] = Membership(parent)
    return replace_node(node, attributes, tuple(parents.values()))


def replace_node(node: Node, attributes: dict[str, Any], parents: tuple[Membership, ...]) -> Node:
    """Return a node with others."""
    return Node(node.ref, attributes, parents)


def approved(found: list[Approval], change: Change, case: Case, now: Datetime) -> list[Approval]:
    """Return what is approved as it would be."""
    fact, request = change.fact, case.request
    assert isinstance(fact, ApprovedBy)
    new = Approval(fact.approver, request.principal, request.action, request.resource, now, fact.of)
    kept = [each for each in found if replace(each, at=now, until=None, asked_by=None, actor=None) != new]
    return [*kept, new] if change.value else kept
