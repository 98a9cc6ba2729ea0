"""Who may do something, and what somebody may do, among the entities that an engine holds: page by page.

Each candidate is decided as `decide` does it, so nothing is listed that would not be granted. All candidates of a page
are decided of one policy, one set of facts and one instant.
"""

from __future__ import annotations

import base64
import datetime as _datetime
import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypedDict, TypeVar

from pdp.answers import action_name, is_string
from pdp.classes import dataclass, replace
from pdp.clocks import Clocks
from pdp.errors import RequestError
from pdp.model import Decision, Entity, Outcome, Request
from pdp.session import Session
from pdp.values import EntityRef
from pdp.world import World

if TYPE_CHECKING:
    from typing import Unpack

T = TypeVar("T")

LIMIT: Final = 100
"""So many results are on a page, where nobody says how many."""

MAX_LIMIT: Final = 10_000
"""No page has more results."""

LOOKED: Final = 10_000
"""So many candidates are looked at for one page. Then it ends, though it is not full."""

SECONDS: Final = 1.0
"""So long a page takes, and the one decision more that it was in the midst of."""

MAX_DEPTH: Final = 64


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of what was searched for, in the order of ids. `next_token` asks for what follows; empty, nothing does.

    A page may hold fewer results than its limit, or none, and another follow all the same.

    >>> Page(("read",), "").is_last
    True
    """

    results: tuple[T, ...]
    next_token: str = ""

    @property
    def is_last(self) -> bool:
        """Whether nothing follows."""
        return not self.next_token


class Asking(TypedDict, total=False):
    """What a search may be asked with, by name; `Terms` says what stands for what is left out."""

    context: Mapping[str, Any] | None
    session: Mapping[str, Any] | None
    now: _datetime.datetime | None
    entities: Iterable[Entity]
    handles: Iterable[str]
    limit: int
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What stays the same from candidate to candidate, and from page to page but for `token`."""

    context: Mapping[str, Any] | None = None
    session: Mapping[str, Any] | None = None
    now: _datetime.datetime | None = None
    entities: Iterable[Entity] = ()
    handles: Iterable[str] = ()
    limit: int = LIMIT
    token: str = ""


class Search:
    """Searches of one world. `decide` answers a request of it. Each raises RequestError for what is no search."""

    def __init__(self, world: World, decide: Callable[[World, Request], Decision], clocks: Clocks) -> None:
        self._world, self._decide, self._clocks = world, decide, clocks

    def who_can(
        self,
        principal_type: str,
        action: str,
        resource: Entity | EntityRef,
        among: Callable[[EntityRef], bool] | None = None,
        **terms: Unpack[Asking],
    ) -> Page[EntityRef]:
        """Return principals of a type, of those `among` whom whoever asks may look."""
        kind, resource = self._listed(principal_type), _fixed(resource, "resource")
        asked = self._is_asked(kind, action, resource.type)
        candidates: Sequence[EntityRef] = self._world.store.names(kind) if asked else ()
        if among is not None:
            # INVARIANT: before any is looked at. The token of a page names one, and where a page ends tells of others.
            candidates = [*filter(among, candidates)]
        question = "who", kind, action, resource
        return self._page(candidates, lambda ref: ref.id, question, Terms(**terms), lambda ref: (ref, action, resource))

    def what_can(
        self, principal: Entity | EntityRef, action: str, resource_type: str, **terms: Unpack[Asking]
    ) -> Page[EntityRef]:
        """Return resources of a type."""
        kind, principal = self._listed(resource_type), _fixed(principal, "principal")
        asked = self._is_asked(principal.type, action, kind)
        candidates = self._world.store.names(kind) if asked else ()
        question = "what", principal, action, kind
        return self._page(
            candidates, lambda ref: ref.id, question, Terms(**terms), lambda ref: (principal, action, ref)
        )

    def actions(
        self, principal: Entity | EntityRef, resource: Entity | EntityRef, **terms: Unpack[Asking]
    ) -> Page[str]:
        """Return names of declared actions."""
        schema = self._world.schema
        principal, resource = _fixed(principal, "principal"), _fixed(resource, "resource")
        names = sorted(schema.actions.keys() - ({schema.other} if schema.open else set()))
        candidates = [name for name in names if self._is_asked(principal.type, name, resource.type)]
        question = "actions", principal, resource
        return self._page(candidates, str, question, Terms(**terms), lambda name: (principal, name, resource))

    def _listed(self, kind: object) -> str:
        """Return the name of a type; raise RequestError where all of its entities are there by their names alone."""
        if not is_string(kind):
            raise RequestError("the type to list is not a string")
        schema = self._world.schema
        name = schema.resolve(str.__str__(kind))
        declared = schema.entities.get(name)
        if declared is not None and declared.bare and not schema.is_cedar:
            raise RequestError(
                f"there is no list of `{name}`: it has neither attributes nor parents, so that each id is that of one"
            )
        return name

    def _is_asked(self, principal: str, action: str, resource: str) -> bool:
        """Tell whether a request of these types can be asked at all; where it cannot, each is denied."""
        schema = self._world.schema
        if schema.open:
            return True
        declared = schema.actions.get(action_name(action, schema) or "")
        if declared is None:
            return False
        return schema.resolve(principal) in declared.principals and schema.resolve(resource) in declared.resources

    def _page(
        self,
        candidates: Sequence[T],
        name: Callable[[T], str],
        question: tuple[object, ...],
        terms: Terms,
        ask: Callable[[T], tuple[Any, Any, Any]],
    ) -> Page[T]:
        limit = _limit(terms.limit)
        brought = tuple(_kept(each) for each in _all(terms.entities, "entities"))
        terms = replace(terms, entities=brought, handles=_names(terms.handles))
        mark = _Mark.of(question, terms, self._world)
        start = bisect_right(candidates, mark.read(terms.token), key=name) if terms.token else 0
        found, end = self._found(candidates, start, limit, terms, ask)
        return Page(tuple(found), mark.write(name(candidates[end - 1])) if end < len(candidates) else "")

    def _found(
        self,
        candidates: Sequence[T],
        start: int,
        limit: int,
        terms: Terms,
        ask: Callable[[T], tuple[Any, Any, Any]],
    ) -> tuple[list[T], int]:
        """Return those that are granted, and after which candidate the page ends."""
        world, decide, monotonic = self._world, self._decide, self._clocks.monotonic
        session, now, handles = _read_once(terms.session), self._now(terms.now), frozenset(terms.handles)
        brought, began, found = tuple(terms.entities), monotonic(), list[T]()
        last = min(len(candidates), start + LOOKED)
        for place in range(start, last):
            candidate = candidates[place]
            principal, action, resource = ask(candidate)
            decision = decide(world, Request(principal, action, resource, terms.context, session, now, brought))
            if decision.outcome is Outcome.ALLOW and handles.issuperset(decision.unhandled):
                found.append(candidate)
            # Not `>`: a clock that fails compares with nothing, and then nobody knows how long it took.
            late = not monotonic() - began < SECONDS
            if len(found) == limit or late:
                return found, place + 1
        return found, last

    def _now(self, given: _datetime.datetime | None) -> _datetime.datetime | None:
        """Return one instant for all. Where no clock tells it, each is asked without, and denied."""
        if given is not None:
            return given
        try:
            return self._clocks.now()
        except Exception:
            return None


class _Mark:
    """Of what a token is: the question, and the policy and entities that its pages are of."""

    def __init__(self, question: bytes, state: bytes) -> None:
        self._question, self._state = question, state

    @classmethod
    def of(cls, question: tuple[object, ...], terms: Terms, world: World) -> _Mark:
        told = *question, terms.context, terms.session, terms.now, terms.entities, terms.handles
        try:
            asked = _form(told, MAX_DEPTH)
        except Exception as error:
            raise RequestError(f"the question cannot be told from others: {type(error).__name__}") from error
        return cls(_digest(asked), _digest(f"{world.policy.revision} {world.store.revision}"))

    def write(self, last: str) -> str:
        told = self._question + self._state + last.encode("utf-8", "surrogatepass")
        return base64.urlsafe_b64encode(told).decode("ascii").rstrip("=")

    def read(self, token: object) -> str:
        """Return the name that the page before ended with."""
        try:
            text = str.__str__(token)
            told = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
            last = told[2 * _SIZE :].decode("utf-8", "surrogatepass")
        except (TypeError, ValueError):
            raise RequestError("the token of the page is none") from None
        if len(told) < 2 * _SIZE:
            raise RequestError("the token of the page is none")
        if told[:_SIZE] != self._question:
            raise RequestError("the token of the page is of another question: all but the token has to be the same")
        if told[_SIZE : 2 * _SIZE] != self._state:
            raise RequestError("policy or entities have changed since the page before: begin with the first again")
        return last


_SIZE: Final = 12


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:_SIZE]


def _form(value: Any, depth: int) -> str:
    """Return a text that two values share only where they are of one kind and equal."""
    if depth == 0:
        raise ValueError("it is nested too deep")
    kind = type(value)
    if issubclass(kind, Mapping):
        parts = sorted(_form(name, depth - 1) + _form(inner, depth - 1) for name, inner in value.items())
        return f"m{len(parts)}:{''.join(parts)}"
    if kind is Entity:
        return _form((value.type, value.id, value.attributes, [*value.parents], value.tags), depth)
    if issubclass(kind, list | tuple):
        return f"l{_name(kind)}{len(value)}:{''.join(_form(inner, depth - 1) for inner in value)}"
    if issubclass(kind, set | frozenset):
        return f"s{len(value)}:{''.join(sorted(_form(inner, depth - 1) for inner in value))}"
    return f"v{_name(kind)}{_text(str.__str__(value) if issubclass(kind, str) else repr(value))}"


def _name(kind: type) -> str:
    return _text(f"{kind.__module__}.{kind.__qualname__}")


def _text(text: str) -> str:
    return f"{len(text)}:{text}"


def _fixed(given: Entity | EntityRef, role: str) -> Entity | EntityRef:
    """Return an entity or a name that can be read as often as there are candidates."""
    found: object = given
    if not isinstance(found, Entity | EntityRef) or not is_string(found.type):
        raise RequestError(f"the {role} is neither an entity nor a reference")
    return _kept(given)


def _kept(given: T) -> T:
    if not isinstance(given, Entity) or isinstance(given.parents, list | tuple):
        return given
    return replace(given, parents=_all(given.parents, "parents"))


def _limit(given: object) -> int:
    if type(given) is not int or not 1 <= given <= MAX_LIMIT:
        raise RequestError(f"the limit of a page is a number from 1 to {MAX_LIMIT}")
    return given


def _all(given: Iterable[T], what: str) -> tuple[T, ...]:
    try:
        return tuple(given)
    except Exception as error:
        raise RequestError(f"the {what} that the request brings are not a list") from error


def _names(given: Iterable[str]) -> tuple[str, ...]:
    if isinstance(given, str):
        raise RequestError("`handles` is a list of names")
    return tuple(sorted(set(_all(given, "obligations"))))


def _read_once(session: Any) -> Any:
    """Return a session that is read once for all candidates; as it is where it is none, which denies each."""
    try:
        return session if session is None or type(session) is Session else Session(session)
    except Exception:
        return session
