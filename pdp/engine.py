"""The policy decision point: requests in, decisions out, and never an exception that could be taken for an allow."""

from __future__ import annotations

import datetime as _datetime
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pdp.answers import Answers, deny, unrecorded
from pdp.arguments import Leased
from pdp.cells import Program
from pdp.clocks import Clocks, wall_clock
from pdp.entities import Store
from pdp.entities.objects import store_of
from pdp.errors import RequestError
from pdp.evaluation import Question
from pdp.folder import load, load_sources
from pdp.freshness import limits_of
from pdp.holder import Holder
from pdp.interpreter import Judgement
from pdp.loaded import Loaded
from pdp.model import Approval, Asked, Decision, Entity, Reason, Request
from pdp.ports import ApprovalSource, AttributeProvider, DecisionSink, Facts, FactSource
from pdp.session import Session
from pdp.source import Source
from pdp.terms import Policy
from pdp.values import EntityRef
from pdp.world import Direct, World

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Unpack

    from pdp.identity.issuers import Issuers
    from pdp.identity.who import Identity, Shown
    from pdp.leases.watch import Change, Watch
    from pdp.search import Asking, Page, Search
    from pdp.trace import Trace


# What is asked with is told by its own class: what it says of itself is not asked, nor whether it equals something.
_NOTHING: Final = ()


class Engine(Holder):
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
        approvals: Sequence[Approval] | ApprovalSource | None = (),
        revoked: Iterable[EntityRef] = (),
        revoked_sessions: Iterable[str] = (),
        revocations: FactSource | None = None,
        handles: Iterable[str] = (),
        sink: DecisionSink | None = None,
        clock: Callable[[], _datetime.datetime] = wall_clock,
        monotonic: Callable[[], float] | None = None,
        max_age: Mapping[str, _datetime.timedelta] | None = None,
        when_stale: Mapping[str, str] | None = None,
        compiled: bool | None = None,
        identity: Issuers | str | Path | None = None,
        lent: _datetime.timedelta = _datetime.timedelta(minutes=1),
    ) -> None:
        """Hold a policy and facts.

        `providers` are asked for entities that the store does not hold, in their order. `approvals` are those on
        record, or a source of them such as `pdp.ApprovalStore`, which `refresh` reads again. Where it cannot be read,
        and for None, every rule that asks for one is unknown. `revoked` principals and
        `revoked_sessions`, by their own id or their token's, never come back; `revocations` is a record of more. Where
        it cannot be read, every request is denied, and `state` tells. `handles` names the obligations that the caller
        fulfils; an allow with any other is not truthy. `sink` sees every decision. `clock` returns an aware
        datetime, and is asked once for a decision without `now`; `monotonic` returns seconds, and only goes on: give
        both or neither, for the one to be held against the other.

        `max_age` says how old `entities`, `revocations`, `policy` and `approvals` may be. Past it every request is
        denied, or approvals are unknown; where `when_stale` says `"continue"` of a source instead of `"deny"`, answers
        go on, and `sources` tells. Raises RequestError for what is no such option.

        `identity` are the issuers whose tokens `session_from` takes, or the file that says so. It is held to each
        policy, and raises ConfigurationError where it names what that does not declare.

        `compiled` False answers by the interpreter alone, as `PDP_COMPILED=0` in the environment does: the answers are
        the same. `lent` says how long the word of a provider counts in an answer that is watched, before it is asked
        again.
        """
        asked, handled = tuple(providers), frozenset(handles)
        self._record = None if sink is None else sink.record
        self._issuers = None if identity is None else _issuers(identity, policy)
        compiles = os.environ.get("PDP_COMPILED") != "0" if compiled is None else compiled
        at_once, clocks = compiles and clock is wall_clock, Clocks(clock, monotonic)
        direct = Direct(decide=at_once, allows=at_once and sink is None, alone=not asked)
        super().__init__(
            policy,
            store,
            providers=asked,
            approvals=approvals,
            revoked=revoked,
            revoked_sessions=revoked_sessions,
            revocations=revocations,
            handles=handled,
            clocks=clocks,
            limits=limits_of(max_age, when_stale),
            direct=direct,
        )
        self._lent = _lent(lent)
        self._answers = Answers(asked, handled, clocks, compiles=compiles)
        if self._issuers is not None:
            self._issuers.revoke_by(self)
        if not direct.allows and type(self).allows is Engine.allows:
            # To look for what is not there before each decision would cost as much as the decision.
            # Not by way of `vars`: an object whose dict was once asked for is slower to read ever after.
            self.allows = self._allows_as_decided  # type: ignore[method-assign]

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
        request = Request(principal, action, resource, context, session, now)
        return self.answer(request) if entities is _NOTHING else self._brought(request, entities)

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
        world = self._moment()
        return self._recorded(request, self._answers.answer(world, request), world)

    def decide_many(self, requests: Iterable[Request]) -> list[Decision]:
        """Answer requests in their order, all of the same policy and facts, whatever changes meanwhile."""
        # Whoever brings them may take long: what is revoked until the last is here counts.
        asked = [*requests]
        world = self._moment()
        if self._record is not None:
            return [self._recorded(request, self._answers.answer(world, request), world) for request in asked]
        answer = self._answers.answer
        found = [self._at_once(world, request) for request in asked]
        return [answer(world, asked[place]) if each is None else each for place, each in enumerate(found)]

    def _answered(self, world: World, request: Request) -> Decision:
        found = self._at_once(world, request)
        return self._answers.answer(world, request) if found is None else found

    def _at_once(self, world: World, request: Request) -> Decision | None:
        """Return what compiled rules of a world answer as `decide` has it, None where they do not."""
        try:
            # Not by its properties: these take as long as half of the answer.
            principal, action, resource = request._principal, request._action, request._resource
            if type(principal) is EntityRef is type(resource) and type(action) is str and request._entities is _NOTHING:
                held = world.held_for_decide
                p, r = held[principal], held[resource]
                cell = p.doors[action][r.kind]
                told = cell.run(p, r, request._context, request._session, request._now, world)
                if type(told) is not Leased:
                    return world.ready[cell][told]
                told, until, at = told
                leased = world.leased[cell].get((told, until))
                return world.lease(cell, told, until, at) if leased is None else leased
        except Exception:
            # INVARIANT: what raises decides nothing: it is asked again.
            pass
        return None

    def session(self, given: Mapping[str, Any]) -> Session:
        """Return a session that is read once, for all requests that it asks; it stands wherever its mapping does.

        Raises RequestError for what is no mapping, or cannot be copied.
        """
        try:
            return Session(given)
        except Exception as error:
            raise RequestError(f"this is no session: {type(error).__name__}") from error

    def session_from(self, token: str, shown: Shown | None = None) -> Identity:
        """Return whom a token speaks for, and the session that it proves, by the issuers of `identity`.

        `shown` is what proves that whoever brings the token has the key that it is bound to. Raises TokenError where it
        is not taken, and RequestError where no issuers are configured. See docs/identity.md.
        """
        if self._issuers is None:
            raise RequestError("no issuers of tokens are configured: the engine takes them as `identity`")
        return self._issuers.identify(token, shown)

    def watch(self, request: Request, on_change: Callable[[Change], object] | None = None) -> Watch:
        """Watch the answer to a request; `on_change` is told each time that its state is another.

        It is told in a thread that all watches of the engine share, in their order, and not of the state at first. When
        a change of facts or policy returns, such as `revoke`, what it touches is in its new state. Time is looked at by
        a thread of the engine. A request that names a time is refused with RequestError. See docs/reverification.md.

        >>> engine = Engine.from_text('''
        ... type User
        ... type Page
        ... action read on Page by User
        ... rule everybody_reads: permit User to read on Page
        ... ''')
        >>> with engine.watch(Request(EntityRef("User", "ada"), "read", EntityRef("Page", "home"))) as watch:
        ...     before = bool(watch)
        ...     engine.revoke(principal=EntityRef("User", "ada"))
        ...     before, bool(watch), str(watch.state)
        (True, False, 'ended')
        """
        watches = self._watches
        if watches is None:
            from pdp.leases.watches import Watches

            with self._changing.turn():
                watches = self._watches
                if watches is None:
                    watches = self._watches = Watches(self, self._lent)
        return watches.open(request, on_change)

    def explain(self, request: Request) -> Trace:
        """Answer a request with every rule in its scope, every clause with its values, and what would flip the answer.

        It is not recorded. See docs/trace.md.
        """
        # Who only decides has no part in it.
        from pdp.trace.building import build

        world = self._moment()
        decision, judgement, question, facts = self._answers.judge(world, request)
        return build(world.policy, world.store, request, decision, judgement, question, facts)

    def who_can(
        self, principal_type: str, action: str, resource: Entity | EntityRef, **terms: Unpack[Asking]
    ) -> Page[EntityRef]:
        """List principals of a type that may do something, among the entities that the engine holds.

        `context`, `session`, `now` and `entities` are those of `decide`; `handles` are obligations that the caller
        fulfils beside those of the engine; `limit` and `token` tell the page. It is not recorded. Raises RequestError
        for what is no search, such as a token of another one. See docs/search.md.

        >>> engine = Engine.from_text('''
        ... type User { staff: Bool }
        ... type Page
        ... action read on Page by User
        ... rule staff_reads: permit User to read on Page when principal.staff
        ... ''', entities=[Entity("User", name, {"staff": name != "bob"}) for name in ("ada", "bob", "eve")])
        >>> page = engine.who_can("User", "read", EntityRef("Page", "home"), limit=1)
        >>> page.results, engine.who_can("User", "read", EntityRef("Page", "home"), token=page.next_token).results
        ((EntityRef(type='User', id='ada'),), (EntityRef(type='User', id='eve'),))
        """
        return self._search().who_can(principal_type, action, resource, **terms)

    def what_can(
        self, principal: Entity | EntityRef, action: str, resource_type: str, **terms: Unpack[Asking]
    ) -> Page[EntityRef]:
        """List resources of a type on which a principal may do something, as `who_can` does."""
        return self._search().what_can(principal, action, resource_type, **terms)

    def actions(
        self, principal: Entity | EntityRef, resource: Entity | EntityRef, **terms: Unpack[Asking]
    ) -> Page[str]:
        """List the declared actions that a principal may do on a resource, as `who_can` does."""
        return self._search().actions(principal, resource, **terms)

    def _search(self) -> Search:
        # Who only decides has no part in it.
        from pdp.search import Search

        return Search(self._moment(), self._answered, self._clocks)

    def judged(self, request: Request) -> tuple[Decision, Judgement | None, Question | None, Facts | None]:
        """Answer a request by the interpreter, with what led to the answer as far as it came. It is not recorded."""
        return self._answers.judge(self._moment(), request)

    # -------------------------------------------------------------------------------------------------- on the way

    def _program(self, policy: Policy) -> Program:
        if self._issuers is not None:
            self._issuers.check(policy.schema)
        return super()._program(policy)

    def _recorded(self, request: Request, decision: Decision, world: World) -> Decision:
        if self._record is not None:
            try:
                self._record(request, decision)
            except Exception as error:
                return unrecorded(world, error)
        return decision


def _issuers(given: Issuers | str | Path, policy: Policy) -> Issuers:
    # Who asks for no tokens has no part in it.
    try:
        from pdp.identity.issuers import Issuers
    except ImportError as error:
        message = f"tokens need packages that are not there ({error}): pip install 'pdp-engine[identity]'"
        raise RequestError(message) from None
    return given if isinstance(given, Issuers) else Issuers.load(given, schema=policy.schema)


def _lent(given: object) -> int:
    if not isinstance(given, _datetime.timedelta) or given <= _datetime.timedelta(0):
        raise RequestError("`lent` is a span of time, and not an empty one")
    return given // _datetime.timedelta(microseconds=1)
