"""What whoever was verified asks: principal and session are those that were proved, whatever else the question says."""

from __future__ import annotations

from typing import Any

from pdp.identity.who import Identity
from pdp.model import Entity, Request
from pdp.schema import Schema
from pdp.values import EntityRef
from pdp.world import resolved
from pdp_sidecar.callers import Caller, NotPermitted


class ProvenRequest(Request):
    """A request whose principal and session are those of an identity."""

    __slots__ = ("identity",)

    def __init__(self, request: Request, identity: Identity) -> None:
        """Take all else from a request."""
        _, action, resource, context, _, now, entities = request
        super().__init__(identity.principal, action, resource, context, identity.session, now, entities)
        self.identity = identity


def spoken_for(caller: Caller, principal: Entity | EntityRef, token: Identity | None) -> Identity | None:
    """Return whose principal and session a question has: that of its token, or of a caller that asks for itself.

    None where the caller asks for somebody in its own name.
    """
    if token is not None:
        return token
    own = caller.identity
    return own if own is not None and _named(principal) == own.ref else None


def proven(caller: Caller, request: Request, identity: Identity, schema: Schema) -> ProvenRequest:
    """Return a request as that of an identity; raise NotPermitted where it says anything beside what was proved."""
    if not caller.may_ask_for(identity.ref):
        raise NotPermitted(f"`{caller.name}` may not ask for this principal")
    if _named(request.principal) != identity.ref:
        raise NotPermitted("the token is of another principal than the question names")
    if request.session is not None:
        raise NotPermitted("what a session is says the token: the question has none beside it")
    _check_brought(caller, request, identity, schema)
    return ProvenRequest(request, identity)


def _check_brought(caller: Caller, request: Request, identity: Identity, schema: Schema) -> None:
    """Raise NotPermitted where the request brings what would make more of the principal than was proved."""
    resource: Any = request.resource
    if not request.entities and type(resource) is EntityRef:
        return
    who = resolved(identity.ref, schema)
    brought = [*request.entities, *((resource,) if isinstance(resource, Entity) else ())]
    if any(resolved(each.ref, schema) == who for each in brought):
        raise NotPermitted("what is known of a principal says its token, or a source: the request does not bring it")
    if identity is not caller.identity:
        # Whoever hands on a token vouches for the facts that it brings, as it does without one.
        return
    if request.entities:
        raise NotPermitted("whoever asks for itself brings no entities but the resource")
    if not isinstance(resource, Entity):
        return
    actor: Any = identity.session.get("actor")
    acts = resolved(actor, schema) if isinstance(actor, EntityRef) else None
    it = resolved(resource.ref, schema)
    if it == acts:
        # It is the actor that asks: what it is in would be its own word.
        raise NotPermitted("what is known of whoever acts for a principal says a source: the request does not bring it")
    if any(_may_hold(resource, it.type, each.type, schema) for each in (who, acts) if each is not None):
        # A group that is in another, or says anything of itself, would be the word of its own member.
        raise NotPermitted("whoever asks for itself brings nothing that it may be in")


def _may_hold(resource: Entity, outer: str, inner: str, schema: Schema) -> bool:
    declared = schema.entities.get(inner)
    if schema.open or declared is None:
        return bool(resource.parents)
    return any(schema.can_be_in(parent, outer) for parent in declared.parents)


def _named(principal: Entity | EntityRef) -> EntityRef:
    return principal.ref if isinstance(principal, Entity) else principal
