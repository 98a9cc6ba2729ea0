"""What `decide` and `trace` are asked: arguments and options, or one JSON object, into an engine and a request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pdp import conform
from pdp.classes import dataclass
from pdp.cli.endings import Refusal, Status
from pdp.cli.entities import read_entities, read_name, read_reference, split_help
from pdp.conform import Mismatch
from pdp.conform.mismatch import clip, misplaced, near
from pdp.conform.scalars import datetime
from pdp.engine import Engine
from pdp.entities import Store
from pdp.errors import RecordError, suggest
from pdp.folder import load
from pdp.model import Approval, Entity, Request
from pdp.ports import ApprovalSource, FactSource
from pdp.schema import Schema
from pdp.terms import Policy
from pdp.types import RecordType
from pdp.values import EntityRef

if TYPE_CHECKING:
    from pdp.cli.document import Document
    from pdp.identity.who import Identity

_KEYS: Final = ("principal", "action", "resource", "context", "session", "now", "entities", "approvals")
_TOKEN: Final = ("token_file", "token_env", "identity")
_MANY: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, the engine that answers it, and what is odd about the request and yet no error.

    `identity` is whom a token speaks for, where one names the principal.
    """

    engine: Engine
    request: Request
    notes: tuple[str, ...]
    identity: Identity | None = None

    @property
    def policy(self) -> Policy:
        """The policy that the engine goes by."""
        return self.engine.policy


def ask(path: str, given: Mapping[str, Any]) -> Asked:
    """Load a policy folder and put together the request; raise Refusal or DiagnosticError where that fails."""
    by_token = any(given.get(name) is not None for name in _TOKEN)
    if by_token:
        # What reads tokens is imported when there is one.
        from pdp.cli.bearer import unnamed

        given = unnamed(given)
    _check_usage(given, by_token=by_token)
    policy, store = load(path).require()
    schema = policy.schema
    if schema.is_cedar and given["approvals"] is not None:
        raise Refusal("invalid_usage", "policies of Cedar ask for no approvals: leave `--approvals` out")
    stored = _stored(path, given, schema)
    who = _brought(path, given, schema) if by_token else None
    parts = _from_object(given, schema, who) if given["request"] is not None else _from_arguments(given, schema, who)
    request = parts.request(given["at"])
    engine = Engine(
        policy,
        store,
        approvals=_approvals(parts, request, policy) if stored is None else stored,
        revocations=record(given["revocations"]),
        handles=[_obligation(name, schema) for name in given["handles"]],
    )
    if stored is not None and engine.approvals_failure is not None:
        message, help_ = split_help(engine.approvals_failure)
        raise Refusal("no_record", f"`--approvals`: {message}", help=help_, status=Status.FAILED)
    return Asked(engine=engine, request=request, notes=tuple(_notes_of(request, schema, store)), identity=who)


def _brought(path: str, given: Mapping[str, Any], schema: Schema) -> Identity:
    from pdp.cli.bearer import bring, read_token

    return bring(read_token(given), path, given["identity"], schema)


def _approvals(parts: _Parts, request: Request, policy: Policy) -> tuple[Approval, ...]:
    if "approvals" not in parts.places:
        return ()
    # Most requests come without any JSON: what reads it is imported when there is some.
    from pdp.cli.approvals import read_approvals

    found: tuple[Approval, ...] = parts.read("approvals", lambda data: read_approvals(data, request, policy))
    return found


def _stored(path: str, given: Mapping[str, Any], schema: Schema) -> ApprovalSource | None:
    """Return the store of approvals, where that is what is given."""
    if not is_store(given["approvals"]):
        if given["keys"] is not None:
            raise Refusal("invalid_usage", "`--keys` says whose signatures count in a store: `--approvals` names none")
        return None
    from pdp.cli.access import beside, open_store

    keys = given["keys"] or beside(path, "keys.json")
    return open_store(given["approvals"], keys, schema, option="--approvals")


def is_store(given: str | None) -> bool:
    """Tell whether approvals are in a store, and not in JSON."""
    return given is not None and given.endswith(".db") and not given.startswith("@")


def record(path: str | None) -> FactSource | None:
    """Open a record of revocations; raise Refusal where that fails."""
    if path is None:
        return None
    from pdp.revocation.log import RevocationLog

    try:
        return RevocationLog(path)
    except RecordError as error:
        message, help_ = split_help(str(error))
        raise Refusal("no_record", f"`--revocations`: {message}", help=help_, status=Status.FAILED) from None


def _check_usage(given: Mapping[str, Any], *, by_token: bool) -> None:
    if given["request"] is not None:
        extra = [name for name in _KEYS if given.get(name) is not None and not is_store(given[name])]
        if extra:
            shown = f"`--{extra[0]}`" if extra[0] not in _KEYS[:3] else f"`{extra[0].upper()}`"
            raise Refusal("invalid_usage", f"`--request` holds the whole request: it goes without {shown}")
    else:
        for name in _KEYS[1:3] if by_token else _KEYS[:3]:
            if given[name] is None:
                help_ = "write PATH PRINCIPAL ACTION RESOURCE, as in `. User:ada read Page:home`, or use `--request`"
                raise Refusal("invalid_usage", f"missing argument {name.upper()}", help=help_)
    readers = [name for name, value in given.items() if value == "-" and name in (*_KEYS[3:], "request", "token_file")]
    if len(readers) > 1:
        shown = " and ".join(f"`--{name.replace('_', '-')}`" for name in sorted(readers))
        raise Refusal("invalid_usage", f"standard input can be read once, not by {shown}")


def _obligation(name: str, schema: Schema) -> str:
    known = schema.resolve(name)
    if known not in schema.obligations:
        help_ = suggest(name, schema.obligations) or "`--handles` names obligations that the policy declares"
        raise Refusal("invalid_usage", f"`--handles`: there is no obligation `{clip(name)}`", help=help_)
    return known


# --------------------------------------------------------------------------------------------------------- the words


class Words(NamedTuple):
    """How the parts of a request are written, where a policy is pdp's or Cedar's; each raises Mismatch."""

    ref: Callable[[str], EntityRef]
    name: Callable[[Any], Entity | EntityRef]
    action: Callable[[Any], str]
    context: Callable[[Any, str], dict[str, Any]]
    session: Callable[[Any], dict[str, Any] | None]
    entities: Callable[[Any], tuple[Entity, ...]]


def _words(schema: Schema) -> Words:
    if schema.is_cedar:
        from pdp.cedar.asked import name_of
        from pdp.cli import cedar

        return Words(
            ref=lambda text: name_of(text, schema),
            name=lambda data: cedar.read_name(data, schema),
            action=lambda data: cedar.read_action(data, schema),
            context=lambda data, action: cedar.check_context(data, action, schema),
            session=cedar.check_session,
            entities=lambda data: cedar.read_entities(data, schema),
        )
    return Words(
        ref=lambda text: _ref(text, schema),
        name=lambda data: read_name(data, schema),
        action=_action,
        context=lambda data, _: _object(data),
        session=lambda data: _session(data, schema),
        entities=lambda data: read_entities(data, schema),
    )


def _ref(text: str, schema: Schema) -> EntityRef:
    try:
        return conform.read_ref(text, schema)
    except ValueError as error:
        raise Mismatch("invalid_reference", *split_help(str(error))) from None


# --------------------------------------------------------------------------------------------------------- the parts


class _Parts:
    """Where each part of a request stands: a document and the way to it there."""

    def __init__(self, schema: Schema, who: Identity | None) -> None:
        self.schema = schema
        self.words = _words(schema)
        self.who = who
        self.names: dict[str, Entity | EntityRef] = {}
        self.action = ""
        self.places: dict[str, tuple[Document, tuple[str, ...]]] = {}

    def read(self, name: str, reader: Callable[[Any], Any]) -> Any:
        """Read a part; None where it is not given."""
        if name not in self.places:
            return None
        document, path = self.places[name]
        data = document.data
        for step in path:
            data = data[step]
        try:
            return reader(data)
        except Mismatch as wrong:
            document.refuse(wrong, *path)

    def request(self, at: str | None) -> Request:
        """Put the parts together; `at` goes before a time that stands in the request."""
        for role in ("principal", "resource"):
            if role in self.places:
                self.names[role] = self.read(role, self.words.name)
        if self.who is not None:
            from pdp.cli.bearer import check_alone, check_same

            check_same(self.who, self.names.get("principal"), self.schema)
            self.names["principal"] = self.who.principal
            brought = self.read("entities", self.words.entities) or ()
            check_alone(self.who, brought, self.schema)
        if "action" in self.places:
            self.action = self.read("action", self.words.action)
        now = _instant(at) if at is not None else self.read("now", datetime)
        return Request(
            principal=self.names["principal"],
            action=self.action,
            resource=self.names["resource"],
            context=self.read("context", lambda data: self.words.context(data, self.action)) or {},
            session=self.read("session", self.words.session) if self.who is None else self.who.session,
            now=None if now is None else now.to_datetime(),
            entities=self.read("entities", self.words.entities) or (),
        )


def _from_object(given: Mapping[str, Any], schema: Schema, who: Identity | None) -> _Parts:
    from pdp.cli.document import Document

    document = Document("--request", given["request"], schema, whole=True)
    parts = _Parts(schema, who)
    try:
        for key in _object(document.data):
            if key not in _KEYS:
                help_ = near(key, _KEYS) or f"it has {', '.join(f'`{name}`' for name in _KEYS)}"
                raise Mismatch("unknown_key", f"a request has no `{clip(key)}`", help_, (key,))
            parts.places[key] = (document, (key,))
        for key in _KEYS[:3]:
            if key not in document.data and not (key == "principal" and who is not None):
                raise Mismatch("missing_key", f"a request needs `{key}`")
        if who is not None and "session" in document.data:
            help_ = "leave it out: the token says how its principal proved who it is"
            raise Mismatch("unknown_key", "a request with a token has no `session`", help_, ("session",))
    except Mismatch as wrong:
        document.refuse(wrong)
    return parts


def _from_arguments(given: Mapping[str, Any], schema: Schema, who: Identity | None) -> _Parts:
    parts = _Parts(schema, who)
    for role in ("principal", "resource"):
        if given[role] is None:
            continue
        try:
            parts.names[role] = parts.words.ref(given[role])
        except Mismatch as wrong:
            raise Refusal("invalid_request", f"{role.upper()}: {wrong.message}", help=wrong.help) from None
    try:
        parts.action = parts.words.action(given["action"])
    except Mismatch as wrong:
        raise Refusal("invalid_request", f"ACTION: {wrong.message}", help=wrong.help) from None
    for name in ("context", "session", "entities", "approvals"):
        if given[name] is not None and not (name == "approvals" and is_store(given[name])):
            from pdp.cli.document import Document

            parts.places[name] = (Document(f"--{name}", given[name], schema), ())
    return parts


def _object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise misplaced("an object", data, 'write `{"name": value}`')
    return data


def _session(data: Any, schema: Schema) -> dict[str, Any] | None:
    if data is None:
        return None
    found = _object(data)
    if isinstance(found.get("actor"), str):
        try:
            # Whoever writes `User:ada` writes `Agent:helper` too.
            found = {**found, "actor": read_reference(found["actor"], schema)}
        except Mismatch as wrong:
            raise wrong.under("actor") from None
    return found


def _action(data: Any) -> str:
    if not isinstance(data, str):
        raise misplaced("the name of an action", data)
    return data


def _instant(text: str) -> Any:
    try:
        return datetime(text)
    except Mismatch as wrong:
        raise Refusal("invalid_usage", f"`--at`: {wrong.message}", help=wrong.help) from None


# ------------------------------------------------------------------------------------------------------------- notes


def _notes_of(request: Request, schema: Schema, store: Store) -> Iterator[str]:
    if schema.is_cedar:
        from pdp.cli.cedar import notes

        return notes(request, schema, store)
    return _notes(request, schema, store)


def _notes(request: Request, schema: Schema, store: Store) -> Iterator[str]:
    """Yield what the engine takes as unknown or leaves out, which is hardly what was meant."""
    action = schema.actions.get(schema.resolve_action(request.action))
    if action is None:
        help_ = suggest(request.action, schema.actions)
        if help_ is not None:
            yield help_
        return
    yield from _odd("context", request.context or {}, action.context, schema)
    if request.session is not None:
        lax = RecordType({name: kind for name, kind in action.session.fields.items() if name in request.session})
        yield from _odd("session", request.session, lax, schema, known=action.session)
    brought = [each for each in (request.principal, request.resource, *request.entities) if isinstance(each, Entity)]
    for entity in brought:
        yield from _odd_entity(entity, schema, store)
    for ref in (request.principal, request.resource):
        if isinstance(ref, EntityRef) and all(entity.ref != ref for entity in brought):
            yield from _not_held(ref, schema, store)


def _odd_entity(entity: Entity, schema: Schema, store: Store) -> Iterator[str]:
    if store.node(entity.ref) is not None:
        yield f"{_shown(entity.ref)} is held by the policy folder: what the request says of it is not used"
    else:
        yield from _odd(_shown(entity.ref), entity.attributes, schema.entities[entity.type].attributes, schema)


def _not_held(ref: EntityRef, schema: Schema, store: Store) -> Iterator[str]:
    declared = schema.entities.get(ref.type)
    if store.node(ref) is None and declared is not None and not declared.bare:
        # To look for a similar id among very many would take longer than to decide.
        ids = [node.ref.id for node in store if node.ref.type == ref.type] if len(store) <= _MANY else []
        yield near(ref.id, ids) or f"no entity file holds {_shown(ref)}; `--entities` brings entities along"


def _shown(ref: EntityRef) -> str:
    return f'{clip(ref.type)} "{clip(ref.id)}"'


def _odd(
    owner: str, given: Mapping[str, Any], kind: RecordType, schema: Schema, known: RecordType | None = None
) -> Iterator[str]:
    fields = (known or kind).fields
    for wrong in conform.mismatches(dict(given), kind, schema):
        place = owner + "".join(f"[{step}]" if isinstance(step, int) else f".{clip(step)}" for step in wrong.path)
        if wrong.code == "undeclared_attribute":
            help_ = near(wrong.path[-1], fields) if len(wrong.path) == 1 else wrong.help
            yield f"{place}: there is no such attribute" + (f", {help_}" if help_ else "")
        elif wrong.code == "missing_attribute":
            yield f"{place}: {wrong.message}"
        else:
            yield f"{place} is unknown: {wrong.message}" + (f"; {wrong.help}" if wrong.help else "")
