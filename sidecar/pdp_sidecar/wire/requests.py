"""Questions on the wire and as an engine takes them."""

from __future__ import annotations

import datetime as _datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeVar

from google.protobuf.message import DecodeError

from pdp.classes import dataclass
from pdp.errors import RequestError
from pdp.identity.who import NOTHING, Bearer, Shown
from pdp.model import Entity, Membership, Request
from pdp.session import Session
from pdp.values import Datetime, EntityRef
from pdp_sidecar.generated import check_pb2, value_pb2
from pdp_sidecar.wire.times import micros_of_timestamp, timestamp
from pdp_sidecar.wire.values import Unsendable, fields_of, record_message, ref_message, ref_of, text

MAX_KEPT: Final = 4096
"""What has more bytes is read each time: what is kept has a bound, whatever callers send."""

MAX_BROUGHT: Final = 10_000
"""No request brings more entities, and no entity that it brings more parents."""

_SAYING: Final[tuple[Literal["context", "session", "now", "token", "shown"], ...]] = (
    "context",
    "session",
    "now",
    "token",
    "shown",
)
"""What a question says besides names."""

# ------------------------------------------------------------------------------------------------------ off the wire


def entity_of(message: value_pb2.Entity) -> Entity | EntityRef:
    """Return a reference, or an entity where the message has attributes or parents; raise RequestError."""
    has_attributes = message.HasField("attributes")
    if not has_attributes and not message.parents:
        return EntityRef(message.type, message.id)
    if len(message.parents) > MAX_BROUGHT:
        raise RequestError(f"an entity that a request brings has at most {MAX_BROUGHT} parents")
    attributes = fields_of(message.attributes) if has_attributes else {}
    return Entity(message.type, message.id, attributes, tuple(map(_parent_of, message.parents)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What questions of a batch have where they do not have it themselves: read once, however many take it."""

    principal: Entity | EntityRef | None = None
    action: str = ""
    resource: Entity | EntityRef | None = None
    context: Mapping[str, Any] | None = None
    session: Mapping[str, Any] | None = None
    now: _datetime.datetime | None = None
    entities: tuple[Entity, ...] = ()

    @classmethod
    def of(
        cls,
        message: check_pb2.CheckRequest,
        session: Callable[[value_pb2.Record], Mapping[str, Any]] = fields_of,
    ) -> Defaults:
        """Read defaults; raise RequestError where what they bring is damaged. `session` reads the session."""
        return cls(
            principal=entity_of(message.principal) if message.HasField("principal") else None,
            action=message.action,
            resource=entity_of(message.resource) if message.HasField("resource") else None,
            context=fields_of(message.context) if message.HasField("context") else None,
            session=session(message.session) if message.HasField("session") else None,
            now=_now_of(message) if message.HasField("now") else None,
            entities=entities_of(message.entities),
        )


NO_DEFAULTS: Final = Defaults()


def request_of(
    message: check_pb2.CheckRequest,
    defaults: Defaults = NO_DEFAULTS,
    entity: Callable[[value_pb2.Entity], Entity | EntityRef] = entity_of,
    session: Callable[[value_pb2.Record], Mapping[str, Any]] = fields_of,
) -> Request:
    """Return a question; raise RequestError where it names no principal or resource, or what it brings is damaged.

    `entity` reads principal and resource, `session` the session.

    >>> entity = value_pb2.Entity(type="User", id="ada")
    >>> request_of(check_pb2.CheckRequest(principal=entity, action="read"))
    Traceback (most recent call last):
    pdp.errors.RequestError: the request names no resource
    """
    has = message.HasField
    principal = entity(message.principal) if has("principal") else defaults.principal
    if principal is None:
        raise RequestError("the request names no principal")
    resource = entity(message.resource) if has("resource") else defaults.resource
    if resource is None:
        raise RequestError("the request names no resource")
    brought = message.entities
    return Request(
        principal,
        message.action or defaults.action,
        resource,
        fields_of(message.context) if has("context") else defaults.context,
        session(message.session) if has("session") else defaults.session,
        _now_of(message) if has("now") else defaults.now,
        defaults.entities + entities_of(brought) if brought else defaults.entities,
    )


class Named(NamedTuple):
    """A question that only names things, and what whoever asks handles. What it does not name is that of defaults."""

    principal: EntityRef | None
    action: str
    resource: EntityRef | None
    handles: frozenset[str]

    def request(self, defaults: Defaults) -> Request | None:
        """Return the whole question, None where there is no principal or no resource."""
        who, what = self.principal or defaults.principal, self.resource or defaults.resource
        if who is None or what is None:
            return None
        if defaults is NO_DEFAULTS:
            return Request(who, self.action, what)
        return Request(
            who,
            self.action or defaults.action,
            what,
            defaults.context,
            defaults.session,
            defaults.now,
            defaults.entities,
        )


class Questions:
    """Reads questions, and remembers by their bytes those that only name things, and what they name, up to a number.

    To look one up takes a fifth of reading it. What brings a context, a session or entities is read each time; but a
    session that was here before is the one that an engine has read already, which takes longer than all the rest. No
    question with a token is remembered. It is for one thread.
    """

    def __init__(self, most: int = 2**14, sessions: int = 2**12) -> None:
        self._most, self._most_sessions = most, sessions
        self._sessions: dict[bytes, Session] = {}
        self._named: dict[bytes, Named] = {}
        self._refs: dict[bytes, EntityRef] = {}

    def of(self, message: check_pb2.CheckRequest, defaults: Defaults = NO_DEFAULTS) -> Request:
        """Return what `request_of` does."""
        # What else is in them (handles, view) tells them apart, and does no harm.
        key = message.SerializeToString()
        named = self._named.get(key) or self._naming(message, key)
        found = None if named is None else named.request(defaults)
        return request_of(message, defaults, self._entity, self._session) if found is None else found

    def naming(self, data: bytes) -> Named | None:
        """Return a question out of its bytes, None for one that does not only name things, or is none."""
        found = self._named.get(data)
        if found is not None:
            return found
        try:
            return self._naming(check_pb2.CheckRequest.FromString(data), data)
        except (DecodeError, RequestError):
            return None

    def _naming(self, message: check_pb2.CheckRequest, key: bytes) -> Named | None:
        has = message.HasField
        if message.entities or any(map(has, _SAYING)):
            return None
        principal = self._entity(message.principal) if has("principal") else None
        resource = self._entity(message.resource) if has("resource") else None
        if isinstance(principal, Entity) or isinstance(resource, Entity):
            return None
        found = Named(principal, message.action, resource, frozenset(message.handles))
        _keep(self._named, key, found, self._most)
        return found

    def defaults(self, message: check_pb2.CheckRequest) -> Defaults:
        """Return what `Defaults.of` does."""
        return Defaults.of(message, self._session)

    def _session(self, message: value_pb2.Record) -> Session:
        key = message.SerializeToString()
        found = self._sessions.get(key)
        if found is None:
            # Nobody else has what it is made of.
            found = Session(fields_of(message), kept=False)
            _keep(self._sessions, key, found, self._most_sessions)
        return found

    def _entity(self, message: value_pb2.Entity) -> Entity | EntityRef:
        key = message.SerializeToString()
        found = self._refs.get(key)
        if found is not None:
            return found
        read = entity_of(message)
        if type(read) is EntityRef:
            _keep(self._refs, key, read, self._most)
        return read


_T = TypeVar("_T")


def _keep(kept: dict[bytes, _T], key: bytes, value: _T, most: int) -> None:
    if len(key) > MAX_KEPT:
        return
    if len(kept) >= most:
        kept.clear()
    kept[key] = value


def entities_of(messages: Sequence[value_pb2.Entity]) -> tuple[Entity, ...]:
    """Return the entities that a request brings; raise RequestError for a reference, which brings nothing."""
    if len(messages) > MAX_BROUGHT:
        raise RequestError(f"a request brings at most {MAX_BROUGHT} entities, this one brings {len(messages)}")
    return tuple(map(_brought, messages))


def _brought(message: value_pb2.Entity) -> Entity:
    found = entity_of(message)
    if isinstance(found, EntityRef):
        raise RequestError("`entities` holds a reference: an entity that a request brings has attributes or parents")
    return found


def _parent_of(message: value_pb2.Membership) -> EntityRef | Membership:
    if not message.HasField("parent"):
        raise RequestError("a membership names no parent")
    if not message.HasField("until"):
        return ref_of(message.parent)
    until = micros_of_timestamp(message.until)
    if until is None:
        # INVARIANT: an end that cannot be read is not left out, which would have it last for good.
        raise RequestError("the end of a membership is no time of whole microseconds")
    return Membership(ref_of(message.parent), Datetime(until))


def shown_of(message: check_pb2.Shown) -> Shown:
    """Return what was shown with a token."""
    return Shown(
        certificate=message.certificate or None,
        proofs=tuple(message.proofs),
        method=message.method,
        url=message.url,
    )


def _now_of(message: check_pb2.CheckRequest) -> _datetime.datetime:
    micros = micros_of_timestamp(message.now)
    if micros is None:
        raise RequestError("`now` is no time of whole microseconds")
    return Datetime(micros).to_datetime()


# ----------------------------------------------------------------------------------------------------- onto the wire


def request_message(
    request: Request,
    handles: Iterable[str] = (),
    view: check_pb2.View = check_pb2.VIEW_BASIC,
) -> check_pb2.CheckRequest:
    """Return a question as it is sent; raise Unsendable where part of it has no form there."""
    principal: object = request.principal
    bearer = principal if isinstance(principal, Bearer) else None
    return check_pb2.CheckRequest(
        principal=None if bearer is not None else entity_message(request.principal),
        token=None if bearer is None else text(bearer.token),
        shown=None if bearer is None else shown_message(bearer.shown),
        action=text(request.action),
        resource=entity_message(request.resource),
        context=None if request.context is None else record_message(_mapping(request.context, "context")),
        session=None if request.session is None else record_message(_mapping(request.session, "session")),
        entities=map(entity_message, request.entities),
        now=None if request.now is None else timestamp(_instant(request.now)),
        handles=sorted(map(text, handles)),
        view=view,
    )


def shown_message(shown: Shown) -> check_pb2.Shown | None:
    """Return what was shown with a token as it is sent, None for nothing."""
    if shown == NOTHING:
        return None
    return check_pb2.Shown(
        certificate=shown.certificate or b"",
        proofs=map(text, shown.proofs),
        method=text(shown.method),
        url=text(shown.url),
    )


def entity_message(entity: Entity | EntityRef) -> value_pb2.Entity:
    """Return an entity, or a reference to one, as it is sent; raise Unsendable."""
    if not isinstance(entity, Entity | EntityRef):
        raise Unsendable(f"a value of Python's `{type(entity).__name__}` is no entity")
    if isinstance(entity, EntityRef):
        return value_pb2.Entity(type=text(entity.type), id=text(entity.id))
    if entity.tags:
        raise Unsendable("tags of an entity have no form on the wire")
    return value_pb2.Entity(
        type=text(entity.type),
        id=text(entity.id),
        attributes=record_message(_mapping(entity.attributes, "attributes")),
        parents=map(_parent_message, entity.parents),
    )


def _parent_message(parent: Any) -> value_pb2.Membership:
    until = parent.until if isinstance(parent, Membership) else None
    ref = parent.parent if isinstance(parent, Membership) else parent
    if not isinstance(ref, EntityRef):
        raise Unsendable(f"a value of Python's `{type(ref).__name__}` names no parent")
    return value_pb2.Membership(parent=ref_message(ref), until=None if until is None else timestamp(_instant(until)))


def _instant(moment: Any) -> int:
    try:
        return (moment if isinstance(moment, Datetime) else Datetime.of(moment)).micros
    except (ValueError, AttributeError, TypeError):
        raise Unsendable("a time that is sent is a datetime with a zone") from None


def _mapping(given: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise Unsendable(f"`{what}` is a mapping, and not a value of Python's `{type(given).__name__}`")
    return given
