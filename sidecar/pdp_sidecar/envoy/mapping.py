"""Requests of HTTP as questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pdp.classes import dataclass
from pdp.identity.who import Identity
from pdp.model import Entity, Request
from pdp.values import EntityRef
from pdp_sidecar.envoy.asked import Asked
from pdp_sidecar.envoy.names import Named
from pdp_sidecar.envoy.options import Options, PrincipalOption, RouteOption
from pdp_sidecar.envoy.refusals import Refused
from pdp_sidecar.envoy.routes import Pattern, Reach, host, method
from pdp_sidecar.envoy.sessions import Sessions
from pdp_sidecar.envoy.templates import Place, Template
from pdp_sidecar.generated.ext_authz_pb2 import Attributes


@dataclass(frozen=True, slots=True)
class Principals:
    """Who asks, by what a request brings."""

    type: str
    id: Template
    attributes: Mapping[str, Template]

    @property
    def by_token(self) -> bool:
        """Whether the token says who it is: no other's session is that of the principal."""
        return any(place.family == "claim" for place in self.id.places)

    @classmethod
    def of(cls, option: PrincipalOption) -> Principals:
        """Read the options; raise ValueError."""
        named = {name: Template.of(text) for name, text in option.attributes.items()}
        return cls(option.type, Template.of(option.id), named)

    def principal(self, asked: Asked) -> Entity | EntityRef:
        """Return who asks; raise Refused where the request names nobody."""
        id_ = self.id.filled(asked)
        if id_ is None:
            raise Refused(401, "no_principal", "the request says of nobody that they ask")
        if not self.attributes:
            return EntityRef(self.type, id_)
        return Entity(self.type, id_, values(self.attributes, asked))


@dataclass(frozen=True, slots=True)
class Route:
    """What the requests of a route ask for. Without `principals`, who asks is whoever the verified token is of."""

    name: str
    reach: Reach
    principals: Principals | None
    actions: str | Mapping[str, str]
    resource: Named
    context: Mapping[str, Template]

    @classmethod
    def of(cls, option: RouteOption, principal: PrincipalOption | None, *, verifies: bool = False) -> Route:
        """Read the options; raise ValueError."""
        who = option.principal or principal
        if who is None and not verifies:
            raise ValueError(f"route `{option.name}` does not say who asks, and neither does the section")
        return cls(
            option.name,
            reach(option),
            None if who is None else Principals.of(who),
            option.action,
            Named.of(option.resource),
            {name: Template.of(text) for name, text in option.context.items()},
        )

    def action(self, name: str) -> str:
        """Return the action of a method; raise Refused where there is none."""
        action = self.actions if isinstance(self.actions, str) else self.actions.get(name)
        if action is None:
            raise Refused(403, "no_route", "no route is for such a request")
        return action


def reach(option: RouteOption) -> Reach:
    """Return the requests of a route; raise ValueError. Where actions go by method, it is for these methods alone."""
    methods = option.methods or (() if isinstance(option.action, str) else tuple(option.action))
    return Reach(frozenset(map(method, methods)), frozenset(map(host, option.hosts)), Pattern.of(option.path))


def values(templates: Mapping[str, Template], asked: Asked) -> dict[str, Any]:
    """Return what templates come to; what is missing is left out, and so not known."""
    found = {name: template.value(asked) for name, template in templates.items()}
    return {name: value for name, value in found.items() if value is not None}


class Question(NamedTuple):
    """A request of HTTP as a question, with what it was read from."""

    request: Request
    route: Route
    asked: Asked
    principal: EntityRef
    resource: EntityRef
    identity: Identity | None = None


class Mapped:
    """What a request brings, and what it was read as: for the headers that it is sent on with."""

    def __init__(self, question: Question) -> None:
        self._question = question

    def look(self, place: Place) -> Any:
        """Return what is in a place, None for nothing."""
        question = self._question
        match place.family, place.name:
            case "", "principal":
                return str(question.principal)
            case "", "resource":
                return str(question.resource)
            case "", "action":
                return question.request.action
            case "principal", "id":
                return question.principal.id
            case "principal", "type":
                return question.principal.type
            case "resource", "id":
                return question.resource.id
            case "resource", "type":
                return question.resource.type
        return question.asked.look(place)


class Requests:
    """Turns requests of HTTP into questions, by the options."""

    def __init__(self, options: Options) -> None:
        """Read the options; raise ValueError for the first that does not hold up. `problems` has all of them."""
        self._options = options
        self._routes = tuple(
            Route.of(option, options.principal, verifies=options.token.verify) for option in options.routes
        )
        self._sessions = Sessions.of(options.token)

    def asked(self, attributes: Attributes) -> Asked:
        """Return a request as what is looked at."""
        option = self._options
        return Asked(
            attributes,
            payload=option.token.payload,
            issuer=option.token.issuer,
            trusted_hops=option.trusted_hops,
            normalise=option.normalise_paths,
        )

    def route(self, asked: Asked) -> Route:
        """Return the route of a request, and let it know what its path has in the places of that; raise Refused."""
        target = asked.target
        for route in self._routes:
            captures = route.reach.match(asked.method, asked.host, target.segments)
            if captures is not None:
                asked.captures = captures
                return route
        raise Refused(403, "no_route", "no route is for such a request")

    def question(self, asked: Asked, route: Route | None = None) -> Question:
        """Return the question of a request, of a route that was found already if there is one; raise Refused."""
        route = self.route(asked) if route is None else route
        principal, session = self._who(asked, route.principals)
        resource = route.resource.ref(asked)
        if resource is None:
            raise Refused(403, "no_resource", "the request names no resource")
        request = Request(principal, route.action(asked.method), resource, values(route.context, asked), session)
        ref = principal.ref if isinstance(principal, Entity) else principal
        return Question(request, route, asked, ref, resource, asked.identity)

    def _who(self, asked: Asked, principals: Principals | None) -> tuple[Entity | EntityRef, dict[str, Any] | None]:
        """Return who asks and the session, which a verified token tells itself."""
        if principals is None:
            # INVARIANT: without a token that was verified, nobody asks.
            if asked.identity is None:
                raise Refused(401, "no_token", "the request says of nobody that they ask")
            return asked.identity.principal, None
        principal = principals.principal(asked)
        return principal, self._sessions.session(asked) if principals.by_token else None
