"""The policy decision point: requests in, decisions out, and never an exception that could be taken for an allow."""

from __future__ import annotations

import datetime as _datetime
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from pdp import conform, trace
from pdp.arguments import Leased, entered
from pdp.cells import Cell, Program, settled
from pdp.classes import replace
from pdp.codegen.support import careful
from pdp.conform import Mismatch
from pdp.entities import Store
from pdp.entities.held import Held, lookup
from pdp.errors import RequestError
from pdp.evaluation import FOREVER, Question, Scene
from pdp.facts import Snapshot
from pdp.folder import Loaded, load, load_sources
from pdp.ids import wrong_id
from pdp.interpreter import Finding, Judgement, conclude, judge, look_at
from pdp.model import Approval, Decision, Entity, Leaf, Node, Obligation, Outcome, Reason, Remedy, Request
from pdp.ports import AttributeProvider, DecisionSink
from pdp.schema import Schema
from pdp.session import Session
from pdp.source import Source
from pdp.terms import Policy
from pdp.values import Datetime, EntityRef, Unknown, Value, show
from pdp.world import Direct, Given, World, resolved

if TYPE_CHECKING:
    from pathlib import Path


def _wall_clock() -> _datetime.datetime:
    return _datetime.datetime.now(_datetime.UTC)


_tuple = tuple.__new__


# What is asked with is told by its own class: what it says of itself is not asked, nor whether it equals something.
_NOTHING: Final = ()


class _Refused(Exception):
    """A request that cannot be turned into a question."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Engine:
    """Answers requests by a policy and the facts it holds.

    >>> engine = Engine.from_text('''
    ... type User
    ... type Page
    ... action read on Page by User
    ... rule everybody_reads:
    ...   permit User to read on Page
    ... ''')
    >>> engine.allows(EntityRef("User", "ada"), "read", EntityRef("Page", "home"))
    True
    """

    def __init__(
        self,
        policy: Policy,
        store: Store,
        *,
        providers: Sequence[AttributeProvider] = (),
        approvals: Sequence[Approval] | None = (),
        revoked: Iterable[EntityRef] = (),
        revoked_sessions: Iterable[str] = (),
        handles: Iterable[str] = (),
        sink: DecisionSink | None = None,
        clock: Callable[[], _datetime.datetime] = _wall_clock,
        compiled: bool | None = None,
    ) -> None:
        """Hold a policy and facts.

        `providers` are asked for entities that the store does not hold, in their order. `approvals` None says that the
        approvals cannot be read: every rule that asks for one is then unknown. `handles` names the obligations that
        the caller fulfils; an allow with any other is not truthy. `sink` sees every decision. `clock` returns an aware
        datetime, and is asked once for a decision without `now`. `compiled` False answers by the interpreter alone, as
        `PDP_COMPILED=0` in the environment does: the answers are the same.
        """
        self._providers = tuple(providers)
        self._handles = frozenset(handles)
        self._record = None if sink is None else sink.record
        self._clock = clock
        self._compiles = os.environ.get("PDP_COMPILED") != "0" if compiled is None else compiled
        self._changing = threading.Lock()
        _ENGINES.add(self)
        given = Given(
            approvals=None if approvals is None else tuple(approvals),
            revoked=frozenset(revoked),
            revoked_sessions=frozenset(revoked_sessions),
        )
        # A decision looks here once, and all of it is made of what it finds.
        at_once = self._compiles and clock is _wall_clock
        self._direct = Direct(decide=at_once, allows=at_once and sink is None)
        if not self._direct.allows:
            # To look for what is not there before each decision would cost as much as the decision.
            vars(self)["allows"] = self._allows_as_decided
        self._world = World(self._program(policy), store, given, self._direct)

    def _program(self, policy: Policy) -> Program:
        return Program(policy, self._handles)

    @property
    def policy(self) -> Policy:
        """The policy that answers now."""
        return self._world.policy

    @classmethod
    def load(cls, path: str | Path, *, cache: str | Path | None = None, **options: Any) -> Engine:
        """Load a policy folder, or one `.pdp` file, with the options of the constructor.

        What sound files come to is kept in the folder `cache` (by default that of `PDP_CACHE`, or the user's own; "off"
        for none). Raises PolicyError or FactsError with every diagnostic of every file.
        """
        return cls._of(load(path, cache=cache), options)

    @classmethod
    def from_text(cls, text: str, *, entities: Iterable[Entity] = (), **options: Any) -> Engine:
        """Load a policy from a text, with entities given as objects and the options of the constructor.

        Raises PolicyError with every diagnostic, and RequestError for an entity that the schema does not know.
        """
        policy, _ = load_sources([Source("policy.pdp", text)]).require()
        return cls(policy, store_of(entities, policy.schema), **options)

    @classmethod
    def _of(cls, loaded: Loaded, options: Mapping[str, Any]) -> Engine:
        policy, store = loaded.require()
        return cls(policy, store, **options)

    # ------------------------------------------------------------------------------------------------------ asking

    def decide(
        self,
        principal: Entity | EntityRef,
        action: str,
        resource: Entity | EntityRef,
        context: Mapping[str, Any] | None = None,
        session: Mapping[str, Any] | None = None,
        now: _datetime.datetime | None = None,
        entities: Iterable[Entity] = (),
    ) -> Decision:
        """Answer a request. Never raises: what cannot be asked, or goes wrong on the way, is a deny with its reason.

        `now` is an aware datetime. An attribute of the context, of the session or of an entity that the request brings
        is unknown where it is not of its declared type. A session that asks more than once is read once by `session`.
        """
        try:
            if type(principal) is EntityRef is type(resource) and type(action) is str and entities is _NOTHING:
                world = self._world
                held = world.held_for_decide
                p, r = held[principal], held[resource]
                cell = p.doors[action][r.kind]
                told = cell.run(p, r, context, session, now, world)
                if told.__class__ is not Leased:
                    decision = world.ready[cell][told]
                else:
                    told, until, at = told
                    leased = world.leased[cell].get((told, until))
                    decision = world.lease(cell, told, until, at) if leased is None else leased
                record = self._record
                if record is not None:
                    try:
                        record(_tuple(Request, (principal, action, resource, context, session, now, ())), decision)
                    except Exception as error:
                        return _unrecorded(world, error)
                return decision
        except Exception:
            # INVARIANT: what raises decides nothing. All that follows is asked again, and what raises there is a deny.
            pass
        return self._brought(Request(principal, action, resource, context, session, now), entities)

    def allows(
        self,
        principal: Entity | EntityRef,
        action: str,
        resource: Entity | EntityRef,
        context: Mapping[str, Any] | None = None,
        session: Mapping[str, Any] | None = None,
        now: _datetime.datetime | None = None,
        entities: Iterable[Entity] = (),
    ) -> bool:
        """Tell whether a request is allowed and its every obligation is handled."""
        try:
            if type(principal) is EntityRef is type(resource) and type(action) is str and entities is _NOTHING:
                world = self._world
                held = world.held_for_allows
                p, r = held[principal], held[resource]
                # Nothing stands between the answer and the caller, not even a name for it.
                return p.gates[action][r.kind](p, r, context, session, now, world)  # type: ignore[no-any-return]
        except Exception:
            # INVARIANT: what raises decides nothing: `decide` looks again.
            pass
        return bool(self.decide(principal, action, resource, context, session, now, entities=entities))

    def _allows_as_decided(self, *question: Any, **named: Any) -> bool:
        return bool(self.decide(*question, **named))

    def _brought(self, request: Request, entities: Iterable[Entity]) -> Decision:
        try:
            request = request._replace(entities=tuple(entities))
        except Exception:
            world = self._world
            refused = _deny(world, Reason.INVALID_REQUEST, "the entities that the request brings are not a list")
            return self._recorded(request, refused, world)
        return self.answer(request)

    def answer(self, request: Request) -> Decision:
        """Answer a request given as one object, as `decide` does."""
        world = self._world
        return self._recorded(request, self._answer(world, request), world)

    def decide_many(self, requests: Iterable[Request]) -> list[Decision]:
        """Answer requests in their order, all of the same policy and facts, whatever changes meanwhile."""
        world = self._world
        return [self._recorded(request, self._answer(world, request), world) for request in requests]

    def session(self, given: Mapping[str, Any]) -> Session:
        """Return a session that is read once, for all requests that it asks; it stands wherever its mapping does.

        Raises RequestError for what is no mapping, or cannot be copied.
        """
        try:
            return Session(given)
        except Exception as error:
            raise RequestError(f"this is no session: {type(error).__name__}") from error

    def explain(self, request: Request) -> trace.Trace:
        """Answer a request with every rule in its scope and every clause with its values. It is not recorded."""
        decision, judgement, question, facts = self._judge(self._world, request)
        return trace.build(request, decision, judgement, question, facts)

    # ---------------------------------------------------------------------------------------------------- changing

    def replace_policy(self, policy: Policy | str | Path) -> None:
        """Answer by another policy from now on: one that is checked, or a folder or file of which only that is taken.

        Raises PolicyError for one that does not hold up, and RequestError where its types have no room for an entity
        that the engine holds. Then nothing has changed.
        """
        found = policy if isinstance(policy, Policy) else _loaded(policy)[0]
        program = self._program(found)
        with self._changing:
            self._world = self._world.with_program(program)

    def replace_entities(self, entities: Iterable[Entity] | Store) -> None:
        """Hold these entities from now on, and no others.

        Raises RequestError for one that the schema does not know, or that is in one which nobody holds.
        """
        # Read before anybody has to wait: who brings them may take long, or change the engine meanwhile.
        given = entities if isinstance(entities, Store) else _listed(entities)
        with self._changing:
            world = self._world
            store = given if isinstance(given, Store) else store_of(given, world.schema)
            self._check_parents(store, store, world.schema)
            self._world = world.with_store(store)

    def upsert_entity(self, entity: Entity) -> None:
        """Hold an entity, anew or instead of what it was.

        Raises RequestError where the schema does not know it, or where it is in one that nobody holds.
        """
        with self._changing:
            world = self._world
            try:
                node = conform.conform_entity(entity, world.schema)
            except Mismatch as error:
                raise RequestError(str(error)) from error
            found = world.with_node(node)
            self._check_parents([node], found.store, world.schema)
            self._world = found

    def remove_entity(self, ref: EntityRef) -> None:
        """Hold an entity no longer. Raises RequestError where the engine does not hold it, or others are in it."""
        with self._changing:
            world = self._world
            given: object = ref
            if not isinstance(given, EntityRef) or not _is_string(given.type) or not _is_string(given.id):
                raise RequestError("this is no entity reference")
            try:
                store = world.store.without(resolved(ref, world.schema))
            except KeyError:
                raise RequestError(f"the engine does not hold {ref}") from None
            self._check_parents(store, store, world.schema)
            self._world = world.with_store(store)

    def reload(self, path: str | Path) -> None:
        """Take policy and entities anew from a folder or a file.

        Raises PolicyError or FactsError with every diagnostic. Then nothing has changed.
        """
        policy, store = _loaded(path)
        program = self._program(policy)
        with self._changing:
            self._world = World(program, store, self._world.given, self._direct)

    def _check_parents(self, nodes: Iterable[Node], store: Store, schema: Schema) -> None:
        """Raise RequestError where an entity is in one that nobody holds: what that is in, nobody could tell.

        To be in it would still count, as if it were there. A provider may hold it.
        """
        held = lookup(store, schema)
        for node in () if self._providers else nodes:
            for each in node.parents:
                if held(each.parent) is None:
                    raise RequestError(f"{show(node.ref)} is in {show(each.parent)}, which the engine does not hold")

    # -------------------------------------------------------------------------------------------------- on the way

    def _recorded(self, request: Request, decision: Decision, world: World) -> Decision:
        if self._record is not None:
            try:
                self._record(request, decision)
            except Exception as error:
                return _unrecorded(world, error)
        return decision

    def _answer(self, world: World, request: Request) -> Decision:
        if self._compiles:
            try:
                if request.now is None and self._clock is not _wall_clock:
                    # Whoever answers: it is asked once.
                    request = request._replace(now=self._clock())
                found = self._compiled(world, request)
                if found is not None:
                    return found
            except Exception:
                # INVARIANT: what raises decides nothing: the interpreter looks at the whole question.
                pass
        return self._judge(world, request)[0]

    def _compiled(self, world: World, request: Request) -> Decision | None:
        """Return what compiled rules answer, or nothing."""
        principal, resource, session = _exact(request.principal), _exact(request.resource), request.session
        if principal is None or resource is None or type(request.entities) is not tuple or request.entities:
            return None
        p, r = self._held(world, principal), self._held(world, resource)
        cell = world.program.cell(world.schema.resolve_action(_text(request.action)), p.kind, r.kind)
        if cell is None:
            return None
        if session is not None and type(session) is not Session:
            if type(session) is not dict:
                # A mapping of the caller's own may say one thing now and another when the interpreter looks.
                return None
            session = Session(session, kept=False)
        try:
            told, until, at = cell.run(p, r, request.context, session, request.now, world), FOREVER, None
            if told.__class__ is Leased:
                told, until, at = told
            if told not in cell.leaves:
                question, _ = self._fixed(world, cell, request, session)
                at_once = Datetime(question.now).to_datetime()
                told, until, at = cell.run(p, r, question.context, session, at_once, world), FOREVER, None
                if told.__class__ is Leased:
                    told, until, at = told
                self._learn(world, cell, told, told, Scene(question, self._facts(world, request)))
        except Exception:
            return self._looked(world, cell, p, r, request, session)
        return None if cell.leaves[told][0] is None else world.lease(cell, told, until, at)

    def _looked(
        self, world: World, cell: Cell, p: Held, r: Held, request: Request, session: Session | None
    ) -> Decision | None:
        """Return what a question comes to where some rules raise: the interpreter looks at these only."""
        question, until = self._fixed(world, cell, request, session)
        now = question.now
        told, lasts, raising = cell.look(p, r, question.context, question.session, now, world)
        # A rule that names several of what an entity is in is found by each of them.
        raising = list({rule.id: rule for rule in raising}.values())
        if not all(map(world.program.is_simple, raising)):
            return None
        scene = Scene(question, self._facts(world, request))
        found = [finding for rule in raising if (finding := look_at(rule, scene)) is not None]
        key = told, *((each.rule.id, tuple(truth for _, truth in each.clauses)) for each in found)
        if key not in cell.leaves:
            self._learn(world, cell, told, key, scene, found)
        edges = [edge for each in found for edge in each.edges if edge > now]
        return world.lease(cell, key, min(until, lasts, *edges, FOREVER), now)

    def _fixed(self, world: World, cell: Cell, request: Request, session: Session | None) -> tuple[Question, int]:
        """Return a question in which nothing changes any more, and when its session ends.

        What is learned of it is told to others: compiled rules and the interpreter have to look at the same, though
        time passes, and whoever asks may change what they hand in.
        """
        question = self._question(world, request)
        _, fields, _, until = entered(None, session, question.now, world, cell.way)
        return replace(question, session=fields), until

    def _held(self, world: World, ref: EntityRef) -> Held:
        found = world.held.get(ref)
        if found is None:
            known = resolved(ref, world.schema)
            found = world.held.get(known) or world.hold(known)
        return found

    def _learn(
        self, world: World, cell: Cell, told: Any, key: Any, scene: Scene, others: Sequence[Finding] = ()
    ) -> None:
        """Find what some rules come to, as the interpreter has it, for all questions that do.

        `others` are what became of rules that are not told; `key` tells all of them.
        """
        rules = cell.who(told)
        if not all(settled(rule) for rule in rules):
            cell.learn(key, None, None)
            return
        found = [finding for rule in rules if (finding := look_at(rule, scene)) is not None]
        if len(found) != len(rules) or any(finding.errs for finding in found):
            careful()
        judgement = conclude(sorted([*found, *others], key=lambda each: each.rule.id), scene)
        rechecks = [each.rule.recheck.micros for each in judgement.determining if each.rule.recheck is not None]
        cell.learn(key, self._leaf(world, judgement), min(rechecks, default=None))

    def _judge(
        self, world: World, request: Request
    ) -> tuple[Decision, Judgement | None, Question | None, Snapshot | None]:
        question: Question | None = None
        facts: Snapshot | None = None
        try:
            question = self._question(world, request)
            facts = self._facts(world, request)
            judgement = judge(world.policy, question, facts)
            decision = Decision.made(self._leaf(world, judgement), world.store, judgement.valid_until)
            return decision, judgement, question, facts
        except _Refused as refused:
            return _deny(world, refused.reason, refused.detail), None, question, facts
        except Exception as error:
            # INVARIANT: whatever goes wrong is a deny. RecursionError and MemoryError are Exceptions too.
            return _failed(world, f"the decision failed: {type(error).__name__}"), None, question, facts

    def _question(self, world: World, request: Request) -> Question:
        schema = world.schema
        if not _is_string(request.action):
            raise _Refused(Reason.INVALID_REQUEST, "the action is not a string")
        name = schema.resolve_action(_text(request.action))
        action = schema.actions.get(name)
        brought = {} if request.context is None else request.context
        if not isinstance(brought, Mapping):
            raise _Refused(Reason.INVALID_REQUEST, "the context is not a mapping")
        if request.session is not None and not isinstance(request.session, Mapping):
            raise _Refused(Reason.INVALID_SESSION, "the session is not a mapping")
        context: dict[str, Value | Unknown] = {}
        session: dict[str, Value | Unknown] | None = None
        if action is not None:
            context = conform.conform_attributes(brought, action.context, schema)
            if request.session is not None:
                given = request.session
                session = (
                    given.conformed(action.session, schema)
                    if type(given) is Session
                    else conform.conform_attributes(given, action.session, schema)
                )
        return Question(
            principal=_name(request.principal, "principal", schema),
            action=name,
            resource=_name(request.resource, "resource", schema),
            context=context,
            session=session,
            now=self._now(request.now),
        )

    def _now(self, now: _datetime.datetime | None) -> int:
        moment: object = self._clock() if now is None else now
        if not isinstance(moment, _datetime.datetime) or moment.utcoffset() is None:
            raise _Refused(Reason.INVALID_REQUEST, "`now` is not a datetime with a time zone")
        return Datetime.of(moment).micros

    def _facts(self, world: World, request: Request) -> Snapshot:
        actor = (request.session or {}).get("actor")
        brought = [
            each for each in (request.principal, request.resource, actor, *request.entities) if isinstance(each, Entity)
        ]
        try:
            return Snapshot(
                world.store,
                world.schema,
                providers=self._providers,
                entities=brought,
                approvals=None if world.approvals is None else [*chain.from_iterable(world.approvals.values())],
                revoked=world.revoked,
                revoked_sessions=world.revoked_sessions,
            )
        except (RequestError, Mismatch) as error:
            raise _Refused(Reason.INVALID_REQUEST, str(error)) from error

    def _leaf(self, world: World, judgement: Judgement) -> Leaf:
        obligations = tuple(
            Obligation(duty.name, {name: conform.plain(value) for name, value in duty.arguments.items()}, duty.unknown)
            for duty in judgement.duties
        )
        allow = judgement.outcome is Outcome.ALLOW
        missing = {duty.name for duty in obligations} - self._handles if allow else set()
        return Leaf(
            outcome=judgement.outcome,
            reason=judgement.reason,
            determining_rules=tuple(finding.rule.id for finding in judgement.determining),
            erring_rules=tuple(finding.rule.id for finding in judgement.erring),
            obligations=obligations,
            remedies=tuple(_plain_remedy(remedy) for remedy in judgement.remedies),
            revision=world.policy.revision,
            detail=judgement.detail,
            unhandled=tuple(sorted(missing)),
        )


def _deny(world: World, reason: Reason, detail: str) -> Decision:
    leaf = Leaf(outcome=Outcome.DENY, reason=reason, detail=detail, revision=world.policy.revision)
    return Decision.made(leaf, world.store)


def _unrecorded(world: World, error: Exception) -> Decision:
    # What is not on record did not happen: an allow that nobody could audit is none.
    return _failed(world, f"the decision could not be recorded: {type(error).__name__}")


def _failed(world: World, detail: str) -> Decision:
    return _deny(world, Reason.INTERNAL_ERROR, detail)


def _exact(given: Entity | EntityRef) -> EntityRef | None:
    """Return a reference that is what it seems to be; None for what is none."""
    if type(given) is EntityRef:
        return given
    return EntityRef(_text(given.type), _text(given.id)) if issubclass(type(given), EntityRef) else None


def _name(given: object, role: str, schema: Schema) -> EntityRef:
    if not isinstance(given, Entity | EntityRef):
        raise _Refused(Reason.INVALID_REQUEST, f"the {role} is neither an entity nor a reference")
    if not _is_string(given.type) or not _is_string(given.id):
        raise _Refused(Reason.INVALID_REQUEST, f"the {role}'s type and id are not strings")
    name = _text(given.id)
    wrong = wrong_id(name)
    if wrong is not None:
        # Files refuse such an id, and so do entities that a request brings. Above all, nobody is called nothing.
        raise _Refused(Reason.INVALID_REQUEST, f"the {role}'s id is none: {wrong.message}")
    return EntityRef(schema.resolve(_text(given.type)), name)


def _is_string(given: object) -> bool:
    # Callers are not bound by annotations, nor is a class to what it says of itself.
    return issubclass(type(given), str)


def _text(given: str) -> str:
    """Return the text itself: a class of the caller's may compare as it likes. Raise TypeError for what is none."""
    return given if type(given) is str else str.__str__(given)


def store_of(entities: Iterable[Entity], schema: Schema) -> Store:
    """Return a store of entities given as objects; raise RequestError for one unknown to the schema, or twice."""
    try:
        return Store.of([conform.conform_entity(entity, schema) for entity in entities])
    except (Mismatch, ValueError) as error:
        raise RequestError(str(error)) from error


def _loaded(path: str | Path) -> tuple[Policy, Store]:
    if not isinstance(path, str | os.PathLike):
        raise RequestError("this is neither a policy nor the path of one")
    return load(path).require()


def _listed(entities: Iterable[Entity]) -> list[Entity]:
    try:
        each = iter(entities)
    except TypeError:
        raise RequestError("these are no entities") from None
    return list(each)


def _plain_remedy(remedy: Remedy) -> Remedy:
    """Return a remedy whose bound values are plain data."""

    def plain(need: Any) -> Any:
        if need.approvals is None or need.approvals.of is None:
            return need
        return replace(need, approvals=replace(need.approvals, of=conform.plain(need.approvals.of)))

    return replace(
        remedy,
        needs=tuple(plain(need) for need in remedy.needs),
        lifts=tuple(replace(lift, one_of=tuple(plain(need) for need in lift.one_of)) for lift in remedy.lifts),
    )


_ENGINES: Final[weakref.WeakSet[Engine]] = weakref.WeakSet()


def _renew_locks() -> None:
    """Let a child that was forked change its engines: who held a lock in the parent will never give it back here."""
    for engine in list(_ENGINES):
        engine._changing = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
