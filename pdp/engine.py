"""The policy decision point: requests in, decisions out, and never an exception that could be taken for an allow."""

from __future__ import annotations

import datetime as _datetime
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pdp import trace
from pdp.answers import Answers, deny, is_string, unrecorded, wall_clock
from pdp.arguments import Leased
from pdp.cells import Program
from pdp.conform import Mismatch
from pdp.entities import Store
from pdp.entities.held import lookup
from pdp.entities.objects import actions_of, node_of, store_of, with_actions
from pdp.errors import RequestError
from pdp.folder import load, load_sources
from pdp.loaded import Loaded
from pdp.model import Approval, Asked, Decision, Entity, Node, Reason, Request, SourceState
from pdp.ports import AttributeProvider, DecisionSink, FactSource
from pdp.revocation.claims import for_good, revocation_of
from pdp.revocation.feed import Feed
from pdp.revocation.index import Index
from pdp.schema import Schema
from pdp.session import Session
from pdp.source import Source
from pdp.terms import Policy
from pdp.values import EntityRef, show
from pdp.world import Direct, Given, World, resolved

if TYPE_CHECKING:
    from pathlib import Path


# What is asked with is told by its own class: what it says of itself is not asked, nor whether it equals something.
_NOTHING: Final = ()


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
        revocations: FactSource | None = None,
        handles: Iterable[str] = (),
        sink: DecisionSink | None = None,
        clock: Callable[[], _datetime.datetime] = wall_clock,
        compiled: bool | None = None,
    ) -> None:
        """Hold a policy and facts.

        `providers` are asked for entities that the store does not hold, in their order. `approvals` None says that the
        approvals cannot be read: every rule that asks for one is then unknown. `revoked` principals and
        `revoked_sessions`, by their own id or their token's, never come back; `revocations` is a record of more. Where
        it cannot be read, every request is denied, and `state` tells. `handles` names the obligations that the caller
        fulfils; an allow with any other is not truthy. `sink` sees every decision. `clock` returns an aware
        datetime, and is asked once for a decision without `now`. `compiled` False answers by the interpreter alone, as
        `PDP_COMPILED=0` in the environment does: the answers are the same.
        """
        self._providers = tuple(providers)
        self._handles = frozenset(handles)
        self._record = None if sink is None else sink.record
        compiles = os.environ.get("PDP_COMPILED") != "0" if compiled is None else compiled
        self._answers = Answers(self._providers, self._handles, clock, compiles=compiles)
        self._changing = threading.Lock()
        _ENGINES.add(self)
        self._feed = Feed(revocations, Index.of(for_good(revoked, revoked_sessions)))
        self._feed.refresh()
        given = Given(
            approvals=None if approvals is None else tuple(approvals),
            revocations=self._feed.index,
            failure=self._feed.failure,
        )
        # A decision looks here once, and all of it is made of what it finds.
        at_once = compiles and clock is wall_clock
        self._direct = Direct(decide=at_once, allows=at_once and sink is None, alone=not self._providers)
        if not self._direct.allows and type(self).allows is Engine.allows:
            # To look for what is not there before each decision would cost as much as the decision.
            # Not by way of `vars`: an object whose dict was once asked for is slower to read ever after.
            self.allows = self._allows_as_decided  # type: ignore[method-assign]
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
    def load_cedar(
        cls,
        policies: str | Path,
        schema: str | Path | Mapping[str, Any] | None = None,
        entities: str | Path | Iterable[Any] | None = None,
        *,
        links: str | Path | Iterable[Any] | None = None,
        **options: Any,
    ) -> Engine:
        """Load policies of Cedar, with the options of the constructor; what they mean is what Cedar says.

        Each part is a text, the path of a file, or data: the schema in its JSON form, entities as `pdp.Entity` or in
        Cedar's JSON, links of templates as its command line has them. Policies may be a folder too, which holds what is
        not given beside it. With a schema, requests and entities have to conform to it. Policies are not validated:
        `pdp check` does that.

        Raises PolicyError or FactsError with every diagnostic, and RequestError for what is none of all this.

        >>> engine = Engine.load_cedar('permit (principal == User::"ada", action, resource);')
        >>> engine.allows(EntityRef("User", "ada"), "read", EntityRef("Page", "home"))
        True
        """
        from pdp.cedar.given import loaded

        found, objects = loaded(policies, schema, entities, links)
        policy, store = found.require()
        if objects:
            store = store_of([*objects], policy.schema, store)
        return cls(policy, store, **options)

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
                if type(told) is not Leased:
                    decision = world.ready[cell][told]
                else:
                    told, until, at = told
                    leased = world.leased[cell].get((told, until))
                    decision = world.lease(cell, told, until, at) if leased is None else leased
                record = self._record
                if record is not None:
                    try:
                        asked = Asked()
                        asked._principal, asked._action, asked._resource = principal, action, resource
                        asked._context, asked._session, asked._now = context, session, now
                        asked._entities = ()
                        record(asked, decision)
                    except Exception as error:
                        return unrecorded(world, error)
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
            refused = deny(world, Reason.INVALID_REQUEST, "the entities that the request brings are not a list")
            return self._recorded(request, refused, world)
        return self.answer(request)

    def answer(self, request: Request) -> Decision:
        """Answer a request given as one object, as `decide` does."""
        world = self._world
        return self._recorded(request, self._answers.answer(world, request), world)

    def decide_many(self, requests: Iterable[Request]) -> list[Decision]:
        """Answer requests in their order, all of the same policy and facts, whatever changes meanwhile."""
        world = self._world
        return [self._recorded(request, self._answers.answer(world, request), world) for request in requests]

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
        decision, judgement, question, facts = self._answers.judge(self._world, request)
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
            world = self._world.with_program(program)
            if self._world.schema.is_cedar:
                # There, anything may be in what nobody holds.
                self._check_parents(world.store, world.store, world.schema)
            self._world = world

    def replace_entities(self, entities: Iterable[Entity] | Store) -> None:
        """Hold these entities from now on, and no others.

        Raises RequestError for one that the schema does not know, or that is in one which nobody holds.
        """
        # Read before anybody has to wait: who brings them may take long, or change the engine meanwhile.
        given = entities if isinstance(entities, Store) else _listed(entities)
        with self._changing:
            world = self._world
            store = with_actions(given, world.schema) if isinstance(given, Store) else store_of(given, world.schema)
            self._check_parents(store, store, world.schema)
            self._world = world.with_store(store)

    def upsert_entity(self, entity: Entity) -> None:
        """Hold an entity, anew or instead of what it was.

        Raises RequestError where the schema does not know it, or where it is in one that nobody holds.
        """
        with self._changing:
            world = self._world
            try:
                node = node_of(entity, world.schema)
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
            if not isinstance(given, EntityRef) or not is_string(given.type) or not is_string(given.id):
                raise RequestError("this is no entity reference")
            if world.schema.is_cedar and ref in actions_of(world.schema):
                raise RequestError(f"{show(ref)} is an action of the policies, and not to be removed")
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

    # ---------------------------------------------------------------------------------------------------- revoking

    @property
    def state(self) -> SourceState:
        """Whether the engine may rely on its record of revocations. Where that failed, every request is denied."""
        return SourceState.LOADED if self._world.given.failure is None else SourceState.FAILED

    @property
    def sequence(self) -> int:
        """The number of the last fact that was read from the record of revocations."""
        return self._feed.sequence

    def revoke(
        self,
        *,
        principal: EntityRef | None = None,
        group: EntityRef | None = None,
        workload: EntityRef | None = None,
        session: str | None = None,
        token: str | None = None,
        key: str | None = None,
        device: str | None = None,
        not_before: _datetime.datetime | None = None,
        why: str = "",
    ) -> int | None:
        """Let nothing count any more that one of these proved at `not_before` or earlier.

        A group stands for all who are in it, a workload for all of its type whose ids begin like it. `not_before` is
        by default now; a session, a token or a key is revoked for good then. Return the number on record, None without
        a record. When this returns, no allow that begins later goes against it, and it is durable if there is a record.

        Raises RequestError for what cannot be revoked, and RecordError where the record cannot be written; it holds in
        this engine all the same.

        >>> engine = Engine.from_text('''
        ... type User
        ... type Page
        ... action read on Page by User
        ... rule everybody_reads: permit User to read on Page
        ... ''')
        >>> engine.revoke(principal=EntityRef("User", "ada"))
        >>> str(engine.decide(EntityRef("User", "ada"), "read", EntityRef("Page", "home")).reason)
        'principal_revoked'
        """
        named = {
            "principal": principal,
            "group": group,
            "workload": workload,
            "session": session,
            "token": token,
            "key": key,
            "device": device,
        }
        fact = revocation_of(named, not_before, why, self._world.schema, self._answers.now)
        with self._changing:
            # First here: nobody has to wait for a disk to be refused.
            self._feed.hold(fact)
            self._revise()
            try:
                return self._feed.publish(fact)
            finally:
                self._revise()

    def refresh(self, seen: int = 0) -> None:
        """Take over what others have put on record.

        `seen` is the highest number that somebody knows of. A record that has less is not the one that it was, such as
        one from a backup: then every request is denied until `accept_record`. A record that cannot be read is no
        exception either, but a deny until it can.
        """
        with self._changing:
            self._feed.refresh(seen)
            self._revise()

    def accept_record(self) -> None:
        """Say that the record is right as it is, after somebody has looked. What was revoked here before stays so."""
        with self._changing:
            self._feed.accept()
            self._revise()

    def _revise(self) -> None:
        world, feed = self._world, self._feed
        if feed.index is not world.given.revocations or feed.failure != world.given.failure:
            self._world = world.with_revocations(feed.index, feed.failure)

    def _check_parents(self, nodes: Iterable[Node], store: Store, schema: Schema) -> None:
        """Raise RequestError where an entity is in one that nobody holds: what that is in, nobody could tell.

        To be in it would still count, as if it were there. A provider may hold it.
        """
        held = lookup(store, schema)
        # For Cedar, what nobody holds is in nothing itself.
        for node in () if self._providers or schema.is_cedar else nodes:
            for each in node.parents:
                if held(each.parent) is None:
                    raise RequestError(f"{show(node.ref)} is in {show(each.parent)}, which the engine does not hold")

    # -------------------------------------------------------------------------------------------------- on the way

    def _recorded(self, request: Request, decision: Decision, world: World) -> Decision:
        if self._record is not None:
            try:
                self._record(request, decision)
            except Exception as error:
                return unrecorded(world, error)
        return decision


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


_ENGINES: Final[weakref.WeakSet[Engine]] = weakref.WeakSet()


def _renew_locks() -> None:
    """Let a child that was forked change its engines: who held a lock in the parent will never give it back here."""
    for engine in list(_ENGINES):
        engine._changing = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
