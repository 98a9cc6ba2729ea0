"""What AuthZEN asks, as a question to the engine."""

from __future__ import annotations

from typing import Any, Final

from msgspec import UNSET

from pdp.model import Entity, Request
from pdp.values import EntityRef
from pdp_sidecar.authzen.bearers import TOKEN
from pdp_sidecar.authzen.documents import Act, Evaluation, Item, Named, Properties
from pdp_sidecar.authzen.options import Options
from pdp_sidecar.authzen.reading import Refused

APPROVAL: Final = "approval"
"""The member of a context in which a client brings the approval that it was told of."""


class Mapping:
    """Names and values of one configuration.

    >>> mapping = Mapping(Options(types={"user": "User"}))
    >>> mapping.principal(Named("user", "ada"))
    EntityRef(type='User', id='ada')
    >>> mapping.principal(Named("user", "ada", {"level": 3})).attributes
    {'level': 3}
    """

    def __init__(self, options: Options) -> None:
        self._types, self._brought, self._session = dict(options.types), frozenset(options.brought), options.session

    def type(self, name: str) -> str:
        """Return what policies call a type."""
        return self._types.get(name, name)

    def principal(self, subject: Named) -> Entity | EntityRef:
        """Return who asks. Properties are attributes that the request brings; what the engine holds goes first."""
        kind = self._types.get(subject.type, subject.type)
        if kind == TOKEN:
            raise Refused(400, "only evaluations take a token as their subject")
        return Entity(kind, subject.id, subject.properties) if subject.properties else EntityRef(kind, subject.id)

    def resource(self, resource: Named) -> Entity | EntityRef:
        """Return what it is about."""
        kind, properties = self._types.get(resource.type, resource.type), resource.properties
        if kind == TOKEN:
            # What is named is told in answers and logs.
            raise Refused(400, "a token is no resource")
        if properties:
            return Entity(kind, resource.id, properties)
        return Entity(kind, resource.id) if kind in self._brought else EntityRef(kind, resource.id)

    def rest(self, action: Act | None, context: Properties) -> tuple[dict[str, Any] | None, Any]:
        """Return context and session; raise Refused where context and action name the same."""
        found = None if context is UNSET else context
        session = None
        if self._session and found and self._session in found:
            # A copy: other questions of the request may have the same context.
            found = {**found}
            session = found.pop(self._session)
        if action is not None and action.properties:
            found = _merged(found or {}, action.properties, self._session)
        return found, session

    def request(self, asked: Evaluation, who: Entity | EntityRef | None = None) -> Request:
        """Return a question; raise Refused. Without a subject, and where that is a token, it is that of `who`."""
        context, session = self.rest(asked.action, asked.context)
        subject = asked.subject
        if subject is not UNSET and subject.type != TOKEN:
            who = self.principal(subject)
        if who is None:
            raise Refused(400, "Object missing required field `subject`")
        return Request(who, asked.action.name, self.resource(asked.resource), context, session)

    def item(self, item: Item, shared: Item, who: Entity | EntityRef | None = None) -> Request:
        """Return a question of many: each part is that of the item, or as a whole what all share. Raise Refused."""
        subject = shared.subject if item.subject is UNSET else item.subject
        action = shared.action if item.action is UNSET else item.action
        resource = shared.resource if item.resource is UNSET else item.resource
        if (subject is UNSET and who is None) or action is UNSET or resource is UNSET:
            lacking = ((subject, "subject"), (action, "action"), (resource, "resource"))
            name = next(name for part, name in lacking if part is UNSET)
            raise Refused(400, f"neither the evaluation nor the request has a `{name}`")
        context = shared.context if item.context is UNSET else item.context
        return self.request(Evaluation(subject=subject, action=action, resource=resource, context=context), who)


class RequestingMapping(Mapping):
    """Names and values where access is asked for: what a client says of approvals is no part of a question."""

    def rest(self, action: Act | None, context: Properties) -> tuple[dict[str, Any] | None, Any]:
        """Return context and session, without what the profile calls an approval; raise Refused."""
        if context is not UNSET and APPROVAL in context:
            # INVARIANT: approvals count that are on record. What a client brings is no reason for anything.
            context = {name: value for name, value in context.items() if name != APPROVAL}
        if action is not None and action.properties and APPROVAL in action.properties:
            raise Refused(400, f"`{APPROVAL}` is no property of an action")
        return super().rest(action, context)


def _merged(context: dict[str, Any], properties: dict[str, Any], session: str) -> dict[str, Any]:
    if session and session in properties:
        raise Refused(400, f"`{session}` is no property of an action")
    both = next((name for name in properties if name in context), None)
    if both is not None:
        # Which of the two a rule should see, nobody can tell.
        raise Refused(400, f"`{both}` is both in the context and a property of the action")
    return {**context, **properties}
