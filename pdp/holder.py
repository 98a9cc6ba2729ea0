"""What an engine holds, and how that changes: the next world takes the place of the one before it."""

from __future__ import annotations

import datetime as _datetime
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from pdp.answers import is_string
from pdp.approvals.approved import Approved
from pdp.cells import Program
from pdp.classes import replace
from pdp.clocks import Clocks
from pdp.conform import Mismatch
from pdp.entities import Store
from pdp.entities.held import lookup
from pdp.entities.objects import actions_of, node_of, store_of, with_actions
from pdp.errors import RequestError
from pdp.folder import load
from pdp.freshness import APPROVALS, ENTITIES, POLICY, REVOCATIONS, Limit, SourceStatus
from pdp.health import CLOCK, Health
from pdp.keeper import Keeper
from pdp.loaded import Loaded
from pdp.model import Approval, Entity, Failure, Node, Reason, Revocation, SourceState
from pdp.ports import ApprovalSource, AttributeProvider, FactSource
from pdp.revocation.claims import for_good, revocation_of
from pdp.revocation.feed import Feed
from pdp.revocation.index import Index
from pdp.schema import Schema
from pdp.shelter import SHELTER
from pdp.terms import Policy
from pdp.turns import Turns
from pdp.values import EntityRef, show
from pdp.world import Direct, Given, World, resolved

if TYPE_CHECKING:
    from pathlib import Path

    from pdp.leases.watches import Watches

T = TypeVar("T")


class Holder:
    """Holds one world after another. What asks takes no lock and sees one of them; what changes them goes in turn."""

    def __init__(
        self,
        policy: Policy,
        store: Store,
        *,
        providers: Sequence[AttributeProvider],
        approvals: Sequence[Approval] | ApprovalSource | None,
        revoked: Iterable[EntityRef],
        revoked_sessions: Iterable[str],
        revocations: FactSource | None,
        handles: frozenset[str],
        clocks: Clocks,
        limits: Mapping[str, Limit],
        direct: Direct,
    ) -> None:
        """Take facts as the constructor of an engine has them, and what compiled rules may answer at once."""
        self._providers, self._handles, self._clocks, self._direct = tuple(providers), handles, clocks, direct
        self._renew_locks()
        self._health = Health(clocks, limits)
        self._feed = Feed(revocations, Index.of(for_good(revoked, revoked_sessions)), clocks.monotonic)
        self._feed.refresh()
        self._approved = Approved(approvals, clocks.monotonic)
        given = Given(
            approvals=self._approved.known,
            revocations=self._feed.index,
            failure=self._health.failure(self._feed.failure),
        )
        # A decision looks here once, and all of it is made of what it finds.
        self._world = World(self._program(policy), store, given, direct)
        self._keeper = Keeper(self._tick, self._forked)
        self._watches: Watches | None = None
        self._listeners: tuple[Callable[[], object], ...] = ()
        if limits:
            self._change(_as_it_is)

    @property
    def policy(self) -> Policy:
        """The policy that answers now."""
        return self._world.policy

    @property
    def facts_revision(self) -> str:
        """The revision of the entities that are held now."""
        return self._world.store.revision

    def _program(self, policy: Policy) -> Program:
        return Program(policy, self._handles)

    # ---------------------------------------------------------------------------------------------------- changing

    def replace_policy(self, policy: Policy | str | Path) -> None:
        """Answer by another policy from now on: one that is checked, or a folder or file of which only that is taken.

        Raises PolicyError for one that does not hold up, and RequestError where its types have no room for an entity
        that the engine holds. Then nothing has changed.
        """
        began = self._clocks.monotonic()
        program = self._program(policy if isinstance(policy, Policy) else _loaded(policy)[0])

        def replaced(world: World) -> World:
            found = world.with_program(program)
            if world.schema.is_cedar:
                # There, anything may be in what nobody holds.
                self._check_parents(found.store, found.store, found.schema)
            self._health.ages.confirm(POLICY, began)
            return found

        self._change(replaced)

    def replace_entities(self, entities: Iterable[Entity] | Store) -> None:
        """Hold these entities from now on, and no others.

        Raises RequestError for one that the schema does not know, or that is in one which nobody holds.
        """
        # Read before anybody has to wait: who brings them may take long, or change the engine meanwhile.
        began = self._clocks.monotonic()
        given = entities if isinstance(entities, Store) else _listed(entities)

        def replaced(world: World) -> World:
            store = with_actions(given, world.schema) if isinstance(given, Store) else store_of(given, world.schema)
            self._check_parents(store, store, world.schema)
            self._health.ages.confirm(ENTITIES, began)
            return world.with_store(store)

        self._change(replaced)

    def upsert_entity(self, entity: Entity) -> None:
        """Hold an entity, anew or instead of what it was.

        Raises RequestError where the schema does not know it, or where it is in one that nobody holds.
        """

        def upserted(world: World) -> World:
            try:
                node = node_of(entity, world.schema)
            except Mismatch as error:
                raise RequestError(str(error)) from error
            found = world.with_node(node)
            self._check_parents([node], found.store, world.schema)
            return found

        self._change(upserted)

    def remove_entity(self, ref: EntityRef) -> None:
        """Hold an entity no longer. Raises RequestError where the engine does not hold it, or others are in it."""
        given: object = ref
        if not isinstance(given, EntityRef) or not is_string(given.type) or not is_string(given.id):
            raise RequestError("this is no entity reference")

        def removed(world: World) -> World:
            if world.schema.is_cedar and ref in actions_of(world.schema):
                raise RequestError(f"{show(ref)} is an action of the policies, and not to be removed")
            try:
                store = world.store.without(resolved(ref, world.schema))
            except KeyError:
                raise RequestError(f"the engine does not hold {ref}") from None
            self._check_parents(store, store, world.schema)
            return world.with_store(store)

        self._change(removed)

    def reload(self, path: str | Path | Loaded, *, ahead: float = 0.0) -> None:
        """Take policy and entities anew from a folder or a file, or those that `pdp.folder.load` has read of one.

        For `ahead` seconds at most, what was asked before is compiled before it is taken: who asks next need not wait.
        Raises PolicyError or FactsError with every diagnostic. Then nothing has changed, and the age of both goes on.
        """
        began = self._clocks.monotonic()
        policy, store = path.require() if isinstance(path, Loaded) else _loaded(path)
        program = self._program(policy)
        if ahead > 0:
            end = self._clocks.monotonic() + ahead
            program.prepare(self._world.program, lambda: not self._clocks.monotonic() < end)

        def reloaded(world: World) -> World:
            self._health.ages.confirm(POLICY, began)
            self._health.ages.confirm(ENTITIES, began)
            return World(program, store, world.given, self._direct)

        self._change(reloaded)

    def _change(self, next_: Callable[[World], World]) -> None:
        """Put the world that comes next into the place of the one that is there; what raises changes nothing."""
        health, other = self._health, False
        if self._watches is not None:
            self._watches.check_turn()
        with SHELTER:
            try:
                with self._changing.turn():
                    before, due = self._world, health.due
                    after = self._revised(next_(before))
                    other = after is not before
                    self._world, sooner = after, health.due < due
                if health.ages.limits and (sooner or not self._keeper.alive):
                    self._keep()
                self._changed(before, after)
            except BaseException:
                # Such as Ctrl-C, or too deep a recursion: nobody else would look at what this change touches.
                if other:
                    if self._watches is not None:
                        self._watches.miss()
                    self._tell()
                raise
        health.tell()

    def _changed(self, before: World, after: World) -> None:
        """Have all looked at again that is watched and may be another answer now. It takes as long as that takes."""
        if before is after:
            return
        try:
            if self._watches is not None:
                self._watches.changed(before, after)
        finally:
            # INVARIANT: only after the new world is there: what was decided of the one before may be kept no longer.
            self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            try:
                listener()
            except Exception:
                # One that fails keeps neither the change nor the next listener from going on.
                pass

    # ---------------------------------------------------------------------------------------------------- watching

    def listen(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Have a listener called after each change of policy, facts or clock, in the thread of whoever makes it.

        It is called before the change returns, when the next decision is made by what is new. It must be quick, change
        nothing, and what it raises is lost. Return what ends that.

        >>> from pdp.engine import Engine
        >>> engine, heard = Engine.from_text("type User"), []
        >>> stop = engine.listen(lambda: heard.append("changed"))
        >>> engine.revoke(principal=EntityRef("User", "ada"))
        >>> heard
        ['changed']
        >>> stop()
        """
        with self._changing.turn():
            self._listeners = (*self._listeners, listener)

        def stop() -> None:
            with self._changing.turn():
                self._listeners = tuple(each for each in self._listeners if each is not listener)

        return stop

    def changed(self, *entities: EntityRef) -> None:
        """Say that providers hold these entities otherwise now: what is watched and depends on them is asked anew.

        Without it, that is found out only when the word of a provider has counted for `lent`.
        """
        try:
            if self._watches is not None:
                self._watches.entity_changed([resolved(each, self._world.schema) for each in entities])
        finally:
            self._tell()

    def _tick(self) -> float | None:
        """Do what is due; return in how many seconds something is again."""
        self._change(_as_it_is)
        due = None if self._watches is None else self._watches.tick()
        older = self._health.due - self._clocks.monotonic()
        return older if due is None else min(due / 1e6, older)

    # ---------------------------------------------------------------------------------------------------- revoking

    @property
    def revoked(self) -> int:
        """How many things count no more."""
        return len(self._feed.index)

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
        issuer: str | None = None,
        not_before: _datetime.datetime | None = None,
        why: str = "",
    ) -> int | None:
        """Let nothing count any more that one of these proved at `not_before` or earlier.

        A group stands for all who are in it, a workload for all of its type whose ids begin like it. With an `issuer`,
        a session, a token or a key of that name is that of this issuer alone, and else whoever's. `not_before` is
        by default now; a session, a token or a key is revoked for good then. Return the number on record, None without
        a record. When this returns, no allow that begins later goes against it, and it is durable if there is a record.

        Raises RequestError for what cannot be revoked, and RecordError where the record cannot be written; it holds in
        this engine all the same.

        >>> from pdp.engine import Engine
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
        fact = revocation_of(named, not_before, why, self._world.schema, self._clocks.now, issuer)
        # First here: who is revoked does not go on until a disk has written it.
        self._hold(fact)
        return self._read(lambda feed: feed.publish(fact))

    def refresh(self, seen: int = 0) -> None:
        """Take over what others have put on record.

        `seen` is the highest number that somebody knows of. A record that has less is not the one that it was, such as
        one from a backup: then every request is denied until `accept_record`. A record that cannot be read is no
        exception either, but a deny until it can. Where approvals come from a source, they are read as well.
        """

        def read(feed: Feed) -> None:
            self._approved.refresh()
            feed.refresh(seen)

        self._read(read)

    def accept_record(self) -> None:
        """Say that the records are right as they are, after somebody has looked. What was revoked before stays so."""

        def accept(feed: Feed) -> None:
            self._approved.accept()
            feed.accept()

        self._read(accept)

    def _read(self, work: Callable[[Feed], T]) -> T:
        """Do something with the record, and hold what is known of it then, whatever came of it.

        Nothing else waits for the record meanwhile: what is too old is so though it cannot be read.
        """
        with SHELTER:
            try:
                with self._reading.turn():
                    return work(self._feed)
            finally:
                self._change(_as_it_is)

    def _hold(self, fact: Revocation) -> None:
        with SHELTER:
            self._feed.hold(fact)
            self._change(_as_it_is)

    # ------------------------------------------------------------------------------------------------- growing older

    @property
    def state(self) -> SourceState:
        """How the worst of all sources is."""
        found = {each.state for each in self.sources.values()}
        return next((each for each in (SourceState.FAILED, SourceState.STALE) if each in found), SourceState.LOADED)

    @property
    def sources(self) -> Mapping[str, SourceStatus]:
        """How each source is when this is asked, by its name; `clock` is the wall clock."""
        self._change(_as_it_is)
        with self._changing.turn():
            return self._health.sources({APPROVALS: self._approved.failure, REVOCATIONS: self._feed.failure})

    @property
    def approvals_failure(self) -> str | None:
        """Why nobody can tell what is approved; None where the approvals are known."""
        return self._approved.failure

    def confirm(self, source: str) -> None:
        """Say that what the engine holds of a source is right as it is, as the heartbeat of a feed does.

        That is `entities`, `policy`, `approvals`, or `revocations` where there is no record: where there is one,
        `refresh` reads it. `clock` takes the wall clock as it is, though it went back.

        Raises RequestError for any other name.
        """
        began, is_read = self._clocks.monotonic(), self._feed.source is not None

        def confirmed(world: World) -> World:
            self._health.accept(source, began, is_read=is_read)
            return world

        self._change(confirmed)
        if source == CLOCK:
            # What was allowed later may not be so yet.
            with SHELTER:
                if self._watches is not None:
                    self._watches.anew()
                self._tell()

    def _moment(self) -> World:
        """Return the world for a question that is not answered at once: there is time to look at its age."""
        try:
            self._grow_older()
            return self._world
        except Exception as error:
            # INVARIANT: where nobody can tell how old it is, it is too old.
            failure = Failure(Reason.INTERNAL_ERROR, f"the age of what is held is not known: {type(error).__name__}")
            world = self._world
            return world.with_given(replace(world.given, failure=failure), self._direct.none)

    def _grow_older(self) -> None:
        """Take note of a source that is too old by now, though nobody has looked yet."""
        due = self._health.due
        if due != math.inf and not self._clocks.monotonic() < due:
            self._change(_as_it_is)

    def _revised(self, world: World) -> World:
        """Return the world as the record, the age of each source and the clocks have it now."""
        feed, approved, health = self._feed, self._approved.known, self._health
        for source, read_at in ((REVOCATIONS, feed.read_at), (APPROVALS, self._approved.read_at)):
            if read_at is not None:
                health.ages.confirm(source, read_at)
        steady, given, index = health.look(), world.given, feed.index
        failure, unsure = health.failure(feed.failure), APPROVALS in health.ages.lost
        if (given.revocations, given.approvals) != (index, approved) or (given.failure, given.unsure) != (
            failure,
            unsure,
        ):
            given = replace(given, approvals=approved, revocations=index, failure=failure, unsure=unsure)
        # INVARIANT: what is answered at once looks at no age, so somebody else has to.
        watched = not health.ages.limits or self._keeper.alive
        return world.with_given(given, self._direct if steady and watched else self._direct.none)

    def _keep(self) -> None:
        """Have a thread look at the time. Where there can be none, nothing is answered at once."""
        try:
            self._keeper.wake()
        except RuntimeError:
            pass

    def _renew_locks(self) -> None:
        # The one for worlds is held for moments only, the other for as long as a record takes.
        self._changing, self._reading = Turns(), Turns()

    def _forked(self) -> None:
        """Let a child that was forked change what it holds: who held a lock in the parent never gives it back here."""
        self._renew_locks()
        self._clocks.renew()
        self._feed.renew()
        if self._health.ages.limits:
            # Nobody looks at the time here yet.
            self._world = self._world.with_given(self._world.given, self._direct.none)
        if self._watches is not None:
            # They are of the parent. Here, nobody has said that they may go on.
            self._watches.dead, self._watches = True, None

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


def _as_it_is(world: World) -> World:
    return world
