"""Whether a policy declares what the section `envoy` asks it for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from pdp.errors import suggest
from pdp.schema import Action
from pdp.terms import Policy
from pdp_sidecar.envoy.names import Named
from pdp_sidecar.envoy.options import Options, PrincipalOption, RouteOption
from pdp_sidecar.envoy.templates import Template

Finding: TypeAlias = tuple[tuple[str | int, ...], str, str | None]


class Declared:
    """What a policy declares, as the options are held to it."""

    def __init__(self, policy: Policy) -> None:
        self._schema = policy.schema
        # Where nobody declared anything, there is nothing to be held to.
        self._closed = not policy.schema.open
        self._remedies = {clause.remedy for rule in policy.rules for clause in rule.clauses if clause.remedy}

    def problems(self, options: Options) -> Iterator[Finding]:
        """Yield what the policy does not declare: where, what is wrong, what would help."""
        for number, route in enumerate(options.routes):
            yield from self._route(route, options, ("routes", number))
        yield from self._obligations(options)
        for number, step in enumerate(options.step_up):
            if step.remedy not in self._remedies:
                at = ("step_up", number, "remedy")
                yield at, f"no rule has the remedy `{step.remedy}`", _hint(step.remedy, self._remedies)
        if options.token.actor:
            named = _named(options.token.actor)
            if named is not None:
                yield from self._type(named.type, ("token", "actor"))

    def _type(self, name: str, where: tuple[str | int, ...]) -> Iterator[Finding]:
        if self._closed and self._schema.resolve(name) not in self._schema.entities:
            yield where, f"the policy declares no type `{name}`", _hint(name, self._schema.entities)

    def _route(self, route: RouteOption, options: Options, where: tuple[str | int, ...]) -> Iterator[Finding]:
        if not self._closed:
            return
        who = route.principal or options.principal
        named = _named(route.resource)
        at = (*where, "principal") if route.principal else ("principal",)
        if who is not None:
            yield from self._principal(who, at)
        if named is not None:
            yield from self._type(named.type, (*where, "resource"))
        actions = {"": route.action} if isinstance(route.action, str) else route.action
        for method, name in actions.items():
            here = (*where, "action", method) if method else (*where, "action")
            action = self._schema.actions.get(self._schema.resolve_action(name))
            if action is None:
                yield here, f"the policy declares no action `{name}`", _hint(name, self._schema.actions)
                continue
            if who is not None and named is not None:
                yield from self._applies(action, who.type, named.type, here)
            yield from self._context(action, route, where)

    def _principal(self, option: PrincipalOption, where: tuple[str | int, ...]) -> Iterator[Finding]:
        yield from self._type(option.type, (*where, "type"))
        declared = self._schema.entities.get(self._schema.resolve(option.type))
        for name in option.attributes if declared is not None else ():
            if declared is not None and name not in declared.attributes.fields:
                at = (*where, "attributes", name)
                yield at, f"`{option.type}` has no attribute `{name}`", _hint(name, declared.attributes.fields)

    def _applies(
        self, action: Action, principal: str, resource: str, where: tuple[str | int, ...]
    ) -> Iterator[Finding]:
        for name, kinds, how in ((principal, action.principals, "by"), (resource, action.resources, "on")):
            known = self._schema.resolve(name)
            if known in self._schema.entities and known not in kinds:
                yield where, f"`{action.name}` is not {how} `{name}`: every request would be denied", _list(kinds)

    def _context(self, action: Action, route: RouteOption, where: tuple[str | int, ...]) -> Iterator[Finding]:
        fields = action.context.fields
        for name in route.context:
            if name not in fields:
                at = (*where, "context", name)
                yield at, f"the context of `{action.name}` has no `{name}`", _hint(name, fields)
        for name, field in fields.items():
            if not field.optional and name not in route.context:
                message = f"the context of `{action.name}` has `{name}`, and the route does not say what it is"
                yield (*where, "context"), message, f'write {name} = "{{header.x-{name}}}", or where else it stands'

    def _obligations(self, options: Options) -> Iterator[Finding]:
        for name, option in options.obligations.items():
            declared = self._schema.obligations.get(name)
            if declared is None:
                at = ("obligations", name)
                yield at, f"the policy declares no obligation `{name}`", _hint(name, self._schema.obligations)
                continue
            for key, headers in (
                ("request_headers", option.request_headers),
                ("response_headers", option.response_headers),
            ):
                for header, text in headers.items():
                    for place in _places(text):
                        if place not in declared.fields.fields:
                            where = ("obligations", name, key, header)
                            yield where, f"`{name}` has no argument `{place}`", _hint(place, declared.fields.fields)


def _named(text: str) -> Named | None:
    try:
        return Named.of(text)
    except ValueError:
        return None


def _places(text: str) -> list[str]:
    try:
        return [f"{place.family}.{place.name}" if place.family else place.name for place in Template.of(text).places]
    except ValueError:
        return []


def _hint(word: str, known: Iterable[str]) -> str | None:
    return suggest(word, known) or _list(known)


def _list(known: Iterable[str]) -> str | None:
    names = sorted(known)
    return (
        f"there are {', '.join(f'`{name}`' for name in names[:8])}{', …' if len(names) > 8 else ''}" if names else None
    )
