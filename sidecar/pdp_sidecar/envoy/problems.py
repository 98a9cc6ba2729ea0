"""What is wrong with the section `envoy`, all of it at once, by itself and beside the policy that is asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from pdp.classes import dataclass
from pdp.errors import suggest
from pdp.terms import Policy
from pdp_sidecar.envoy.challenges import Challenges, SignIn
from pdp_sidecar.envoy.declared import Declared
from pdp_sidecar.envoy.forged import same
from pdp_sidecar.envoy.mapping import reach
from pdp_sidecar.envoy.names import Named
from pdp_sidecar.envoy.options import Options, PrincipalOption, RouteOption
from pdp_sidecar.envoy.routes import Pattern, Reach
from pdp_sidecar.envoy.templates import FAMILIES, PLAIN, Place, Template

Where: TypeAlias = tuple[str | int, ...]
_ASKED: Final = frozenset({"method", "path", "host"})
MAPPED: Final = frozenset({"principal", "resource", "action"})
_HEADER: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,127}\Z")
_NOT_OURS: Final = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "www-authenticate",
    }
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: where in the section, by keys and numbers, what is wrong, and what would help."""

    where: Where
    message: str
    help: str | None = None

    def __str__(self) -> str:
        at = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.where)
        return f"envoy{at}: {self.message}" + (f" (help: {self.help})" if self.help else "")


def problems(options: Options, policy: Policy | None = None) -> list[Problem]:
    """Return all that is wrong; nothing means that it can be served. Without a policy, only what needs none is seen."""
    found = [*_general(options), *_principal(options.principal, ("principal",), frozenset())]
    for number, route in enumerate(options.routes):
        found += _route(route, options, ("routes", number))
    found += _together(options.routes)
    if policy is not None:
        found += [Problem(*each) for each in Declared(policy).problems(options)]
    return found


def _try(where: Where, read: Callable[[], object]) -> Iterator[Problem]:
    try:
        read()
    except ValueError as error:
        yield Problem(where, str(error))


def _general(options: Options) -> Iterator[Problem]:
    if not options.routes:
        yield Problem(("routes",), "there is no route, so every request would be denied", "add [[envoy.routes]]")
    if not 0 <= options.trusted_hops <= 16:
        yield Problem(("trusted_hops",), "the number of trusted proxies is from 0 to 16")
    own = {*options.headers, *(name for each in options.obligations.values() for name in each.request_headers)}
    for name in options.keep_headers:
        if same(name) in map(same, (*own, *options.remove_headers)):
            yield Problem(("keep_headers",), f"`{name}` is set or removed, and so cannot be kept")
    for key, named in (("remove_headers", options.remove_headers), ("keep_headers", options.keep_headers)):
        for name in named:
            yield from _header((key,), name, frozenset())
    yield from _headers(("headers",), options.headers, lambda text, at: _places(text, at, MAPPED, (*FAMILIES, *MAPPED)))
    for name, option in options.obligations.items():
        at: Where = ("obligations", name)
        for key, headers in (
            ("request_headers", option.request_headers),
            ("response_headers", option.response_headers),
        ):
            yield from _headers((*at, key), headers, lambda text, here: _try(here, lambda: Template.of(text)))
        if not (option.request_headers or option.response_headers or option.metadata):
            yield Problem(at, f"nothing fulfils the obligation `{name}`", "set a header, or metadata = true")
    for number, step in enumerate(options.step_up):
        yield from _try(("step_up", number), lambda step=step: SignIn.of(step))  # type: ignore[misc]
    yield from _try(("realm",), lambda: Challenges(Options(realm=options.realm)))
    if options.token.actor:
        yield from _named(("token", "actor"), options.token.actor, frozenset())
        yield from _written(_id_of(options.token.actor), ("token", "actor"), frozenset())
    if options.token.verify:
        yield from _verified(options)
    if "." in options.token.payload or not options.token.payload:
        yield Problem(("token", "payload"), "the name of the payload is that of `payload_in_metadata`, without dots")


def _verified(options: Options) -> Iterator[Problem]:
    """Find principals by claims, where a token that is verified here says itself who it is of."""
    named: list[tuple[Where, PrincipalOption | None]] = [(("principal",), options.principal)]
    named += [(("routes", number, "principal"), route.principal) for number, route in enumerate(options.routes)]
    for where, option in named:
        if option is not None and any(place.family == "claim" for place in _places_of(option.id)):
            message = "the token is verified here, and its issuer says who it is of"
            yield Problem((*where, "id"), message, "leave `principal` out, or leave `verify` to a filter of Envoy")


def _headers(
    where: Where, headers: Mapping[str, str], check: Callable[[str, Where], Iterable[Problem]]
) -> Iterator[Problem]:
    for name, text in headers.items():
        yield from _header((*where, name), name, _NOT_OURS)
        yield from check(text, (*where, name))


def _header(where: Where, name: str, refused: frozenset[str]) -> Iterator[Problem]:
    if not _HEADER.match(name):
        yield Problem(where, f"`{name}` is no name of a header", "write it in lower case, with `-` and without `_`")
    elif name in refused:
        yield Problem(where, f"`{name}` is not for an answer to set")


def _places(text: str, where: Where, names: frozenset[str], families: Iterable[str] = FAMILIES) -> Iterator[Problem]:
    """Find places that stand for nothing: `names` are those of the path, and of what else there is."""
    try:
        places = Template.of(text).places
    except ValueError as error:
        yield Problem(where, str(error))
        return
    for place in places:
        if place.family and place.family not in families:
            yield _unknown(where, place, families)
        elif not place.family and place.name not in PLAIN | names:
            yield _unknown(where, place, PLAIN | names)
        elif place.family in ("principal", "resource") and place.name not in ("id", "type"):
            yield Problem(where, f"`{place}` names nothing", f"write {{{place.family}.id}} or {{{place.family}.type}}")


def _unknown(where: Where, place: Place, known: Iterable[str]) -> Problem:
    there = ", ".join(f"`{name}`" for name in sorted(known))
    name = place.family or place.name
    return Problem(where, f"`{place}` stands for nothing", suggest(name, known) or f"there are {there}")


def _named(where: Where, text: str, names: frozenset[str]) -> Iterator[Problem]:
    try:
        named = Named.of(text)
    except ValueError as error:
        yield Problem(where, str(error))
    else:
        yield from _places(named.id.text, where, names)


def _principal(option: PrincipalOption | None, where: Where, names: frozenset[str]) -> Iterator[Problem]:
    if option is None:
        return
    yield from _places(option.id, (*where, "id"), names)
    for name, text in option.attributes.items():
        yield from _places(text, (*where, "attributes", name), names)
    yield from _written(option.id, (*where, "id"), names, trusts_headers=option.trust_headers)
    for name, text in option.attributes.items():
        yield from _written(text, (*where, "attributes", name), names, trusts_headers=option.trust_headers)


def _written(text: str, where: Where, names: frozenset[str], *, trusts_headers: bool = False) -> Iterator[Problem]:
    """Find what whoever sends a request would say of who it is."""
    places = _places_of(text)
    if not trusts_headers and any(place.family == "header" for place in places):
        yield Problem(
            where,
            "whoever sends the request writes its headers and its query: they do not say who it is",
            "use {claim.…} or {spiffe}, or trust_headers = true where a proxy in front writes the header",
        )
    if any(place.family == "query" for place in places):
        yield Problem(where, "nobody who is trusted writes the query")
    if any(not place.family and place.name in names | _ASKED for place in places):
        message = "whoever sends the request chooses its path, its method and its host: they do not say who it is"
        yield Problem(where, message, "use {claim.…} or {spiffe}")


def _id_of(text: str) -> str:
    try:
        return Named.of(text).id.text
    except ValueError:
        return ""


def _places_of(text: str) -> tuple[Place, ...]:
    try:
        return Template.of(text).places
    except ValueError:
        return ()


def _route(option: RouteOption, options: Options, where: Where) -> Iterator[Problem]:
    yield from _try(where, lambda: reach(option))
    try:
        names = Pattern.of(option.path).names
    except ValueError:
        names = frozenset()
    for name in sorted(names & (PLAIN | MAPPED)):
        yield Problem((*where, "path"), f"`{{{name}}}` means something else everywhere", "give it another name")
    if option.principal is None and options.principal is None and not options.token.verify:
        yield Problem((*where, "principal"), f"route `{option.name}` does not say who asks", "add [envoy.principal]")
    yield from _principal(option.principal, (*where, "principal"), names)
    yield from _named((*where, "resource"), option.resource, names)
    for name, text in option.context.items():
        yield from _places(text, (*where, "context", name), names)
    if not isinstance(option.action, str):
        for method in option.methods:
            if method not in option.action:
                yield Problem((*where, "action"), f"there is no action for {method}")
        for method in option.action:
            if option.methods and method not in option.methods:
                yield Problem((*where, "action", method), f"the route is not for {method}")


def _together(routes: tuple[RouteOption, ...]) -> Iterator[Problem]:
    """Find routes that nothing comes to, since one before takes all."""
    before: list[tuple[str, Reach]] = []
    for number, option in enumerate(routes):
        if any(option.name == name for name, _ in before):
            yield Problem(("routes", number, "name"), f"there are two routes `{option.name}`")
        try:
            mine = reach(option)
        except ValueError:
            continue
        hides = next((name for name, other in before if other.covers(mine)), None)
        if hides is not None:
            message = f"nothing comes to the route `{option.name}`: `{hides}`, which stands before it, takes it all"
            yield Problem(("routes", number), message, "put the narrower route first")
        before.append((option.name, mine))
