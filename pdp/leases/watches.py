"""All the answers that are watched in one engine: looked at again when what they depend on changes, or is over."""

from __future__ import annotations

import copy
import datetime as _datetime
import itertools
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from pdp.answers import Answers, action_name, deny
from pdp.classes import replace
from pdp.entities.held import lookup
from pdp.errors import RequestError
from pdp.evaluation import FOREVER
from pdp.leases import touching
from pdp.leases.dependents import Above, Dependents, Key
from pdp.leases.latch import Latch
from pdp.leases.near import Near, is_plain
from pdp.leases.reading import BEYOND, Reading, above_in, keys_of
from pdp.leases.states import WatchState, state_after
from pdp.leases.teller import Teller
from pdp.leases.watch import Change, Listener, Watch
from pdp.leases.wheel import Wheel
from pdp.model import Decision, Leaf, Reason, Request
from pdp.session import Session
from pdp.shelter import SHELTER
from pdp.values import Datetime
from pdp.world import Direct, World

if TYPE_CHECKING:
    from pdp.keeper import Keeper

_ODD: Final = "?"
"""What a request starts at that could not even be read."""

_LEAVES: Final = 10_000


class Look(NamedTuple):
    """What a request comes to, at an instant; where the lease of that starts, and what else it depends on.

    `approving` says that approvals were looked at, `lent` that a provider was asked.
    """

    decision: Decision
    now: int
    keys: tuple[Key, ...]
    approving: bool = False
    lent: bool = False


class Host(Protocol):
    """What watches need of an engine: what it holds, how it answers, and who calls `tick` when it is due."""

    @property
    def _world(self) -> World: ...

    @property
    def _answers(self) -> Answers: ...

    @property
    def _keeper(self) -> Keeper: ...

    @property
    def _direct(self) -> Direct: ...

    def _grow_older(self) -> None: ...


class Watches:
    """Watches of one engine. A request is decided without a lock, since a provider may take long."""

    def __init__(self, host: Host, lent: int) -> None:
        """`lent` says for how many microseconds the word of a provider counts."""
        self._host, self._lent = host, lent
        self._locked: Latch[Watch] = Latch(self._close)
        self._held: Dependents[Watch] = Dependents()
        self._approving: set[Watch] = set()
        self._last = 0
        self._wheel: Wheel[Watch] = Wheel(self._now())
        self._teller = Teller()
        self._leaves: dict[Leaf, Leaf] = {}
        self._near = Near()
        # When the keeper looks again by itself.
        self._expected = FOREVER
        # Of each that is being looked at: by how many, and who began last of those that have said what they saw.
        self._flying: dict[Watch, list[int]] = {}
        self._turns = itertools.count(1)
        self.dead = False
        # The last change that was not looked at to its end, and that by which all was looked at.
        self._missed = self._caught_up = object()

    # ---------------------------------------------------------------------------------------------------- watching

    def open(self, request: Request, on_change: Callable[[Change], object] | None) -> Watch:
        """Watch a request from now on. Raises RequestError for one that names a time, or cannot be copied."""
        watch = Watch(self, _kept(request))
        if on_change is not None:
            watch._listener = self._told_later(on_change)
        with SHELTER:
            try:
                self._look(watch)
            except BaseException:
                # Nobody has it.
                self.close(watch)
                raise
        return watch

    def close(self, watch: Watch) -> None:
        """Watch it no longer. It never waits: whoever holds the lock does it, if this cannot."""
        with SHELTER:
            watch._state = WatchState.ENDED
            self._locked.put_off(watch)

    def look(self, watch: Watch) -> None:
        """Look at a watch whose lease is over, though nobody was told yet."""
        if self.dead:
            watch._state = WatchState.ENDED
            return
        self._host._grow_older()
        if self._missed is not self._caught_up or (watch.due != FOREVER and self._is_over(watch)):
            with SHELTER:
                self._look(watch)

    def told(self, watch: Watch) -> Change:
        """Return what a watch says now."""
        leaf, world = watch._leaf, self._world()
        assert leaf is not None
        if leaf.revision != world.policy.revision:
            # Another policy with the same rules for this action.
            leaf = replace(leaf, revision=world.policy.revision)
        decision = Decision.made(leaf, world.store, watch._until)
        return Change(watch._state or WatchState.FAILED, None, decision, _instant(self._now()))

    def listen(self, watch: Watch, listener: Listener) -> Change:
        """Tell a listener of each change from now on; return what the watch says until then."""
        with SHELTER, self._locked:
            old = watch._listener

            def both(change: Change | None) -> None:
                if old is not None:
                    old(change)
                listener(change)

            watch._listener = both
            return self.told(watch)

    # ---------------------------------------------------------------------------------------------------- changing

    def changed(self, before: World, after: World) -> None:
        """Look again at all that a change may have touched. The engine holds the second of two worlds already."""
        if self._missed is not self._caught_up:
            # Nobody knows what that change would have touched.
            self.anew()
            return
        with self._locked:
            try:
                touched = self._touched(before, after)
            except Exception:
                # INVARIANT: whoever cannot tell what a change touches takes it that it touches all.
                touched = self._all()
        self._look_at(self._end(after, touched) if touching.nothing_but_revocations(before, after) else touched)

    def entity_changed(self, keys: Iterable[Key]) -> None:
        """Look again at all that depends on entities of which a provider now says something else."""
        with self._locked:
            touched = {watch for key in keys for watch in self._held.of(key)}
        self._look_at(touched)

    def check_turn(self) -> None:
        """Raise RequestError in the midst of a step of these: the handler of a signal changes nothing there."""
        self._locked.check()

    def anew(self) -> None:
        """Look at all again, as if nothing were known of any: time has gone back, or a change was missed."""
        missed = self._missed
        with self._locked:
            # Whoever is looked at for the first time stands nowhere else yet.
            touched = self._all().union(self._flying)
            self._wheel, self._expected = Wheel(self._now()), FOREVER
            for watch in touched:
                watch.due = FOREVER
        self._look_at(touched)
        self._caught_up = missed

    def miss(self) -> None:
        """Take note that somebody was interrupted who had changed something, before all that it touches was looked at.

        Until all is, each watch looks for itself when it is asked.
        """
        self._missed = object()
        with suppress(RuntimeError):
            self._host._keeper.wake()

    def tick(self) -> int | None:
        """Look again at all whose lease is over; return in how many microseconds the next one may be."""
        if self._missed is not self._caught_up:
            self.anew()
        with self._locked:
            self._expected = FOREVER
            ripe = self._wheel.advance(self._now())
        self._look_at(ripe)
        with self._locked:
            due = self._wheel.next
            self._expected = FOREVER if due is None else due
        return None if due is None else max(due - self._now(), 0)

    def _touched(self, before: World, after: World) -> set[Watch]:
        held = self._held
        if touching.everything(before, after):
            return self._all()
        found = set(held.at(_ODD)) if before.policy is not after.policy else set()
        if actions := touching.actions(before, after):
            found.update(each for each in held.all() if action_name(each.request.action, after.schema) in actions)
        if before.store is not after.store:
            # By what is held now: of two changes, the later one may have come here first.
            above = _above(self._world())
            for ref in touching.changed_entities(before, after):
                found.update(held.of(ref))
                held.renew(ref, above)
        for key in touching.revoked(before, after, held):
            found.update(held.at(key))
        if touching.approvals_known(before, after):
            found |= self._approving
        else:
            for principal, _, _ in touching.questions(before, after):
                # Not by the resource: where the principal is in it, nothing starts at it.
                found.update(self._approving.intersection(held.at(principal)))
        return found

    def _all(self) -> set[Watch]:
        """Return all watches, whatever they depended on before."""
        self._held.renew_all(_above(self._world()))
        return set(self._held.all())

    # ---------------------------------------------------------------------------------------------------- looking

    def _end(self, world: World, touched: Iterable[Watch]) -> list[Watch]:
        """End what is revoked, where nothing else has changed, and return what has to be looked at as a whole.

        Of a thousand requests of one principal, one is asked: it says the same of all that are revoked, or of none.
        """
        found: dict[tuple[object, ...], Decision | None] = {}
        ended: list[tuple[Watch, Decision]] = []
        others: list[Watch] = []
        now = self._now()
        for watch in touched:
            request = watch.request
            if watch._state is not WatchState.ALLOWED or watch in self._approving or not is_plain(request):
                others.append(watch)
                continue
            alike = request.principal, request.action, id(request.session)
            if alike not in found:
                try:
                    found[alike] = self._host._answers.refused(world, request)
                except Exception:
                    others.append(watch)
                    continue
            if (decision := found[alike]) is not None:
                ended.append((watch, decision))
        with self._locked:
            for watch, decision in ended:
                # Whoever looks at it at this moment finds it ended, and says nothing.
                if watch._state is not WatchState.ENDED:
                    self._settle(watch, decision, now)
        return others

    def _decided(self, world: World, watch: Watch) -> Look:
        try:
            return self._decide(world, watch.request)
        except Exception as error:
            # INVARIANT: what raises allows nothing. What it depends on is what it did before, as far as anybody knows.
            decision = deny(world, Reason.INTERNAL_ERROR, f"the decision failed: {type(error).__name__}")
            return Look(decision, self._now(), watch.keys or (_ODD,))

    def _decide(self, world: World, request: Request) -> Look:
        answers = self._host._answers
        if (keys := self._near.keys(world, request) if self._host._direct.alone else None) is not None:
            # Then compiled rules can answer, which say no more than the answer.
            # The instant before: no lease that is found is over by then.
            now, resource = answers.now(), keys[1]
            remembered = resource in world.held
            decision = answers.answer(world, request)
            if not remembered:
                # Many leases may be of one principal, and few of one resource: it is looked at, and not kept for it.
                world.held.pop(resource, None)  # type: ignore[arg-type]
            return Look(decision, now, keys)
        decision, _, question, facts = answers.judge(world, request, Reading)
        if question is None or not isinstance(facts, Reading):
            return Look(decision, answers.now(), (_ODD,))
        keys = keys_of(question, facts, _above(world))
        if facts.lent or not is_plain(request):
            keys = (*keys, BEYOND)
        return Look(decision, question.now, keys, approving=facts.approving, lent=facts.lent)

    def _world(self) -> World:
        return self._host._world

    def _now(self) -> int:
        """Return the time; where the clock cannot be read, when it last could. What is decided then is a deny."""
        with suppress(Exception):
            self._last = self._host._answers.now()
        return self._last

    def _is_over(self, watch: Watch) -> bool:
        try:
            return watch.due <= self._host._answers.now()
        except Exception:
            # INVARIANT: without a clock nobody knows that a lease is not over.
            return True

    def _look_at(self, watches: Iterable[Watch]) -> None:
        try:
            for watch in watches:
                try:
                    self._look(watch)
                except Exception:
                    # It is failed now. The others are looked at all the same, and whoever made a change has made it.
                    import logging

                    logging.getLogger("pdp").exception("a watched answer could not be looked at")
        except BaseException:
            # Such as Ctrl-C: those that come after it would stay as they are.
            self.miss()
            raise

    def _look(self, watch: Watch) -> None:
        """Decide a request anew, and say what became of it, if nobody who began later has said so already."""
        turn = next(self._turns)
        with self._locked:
            self._flying.setdefault(watch, [0, 0])[0] += 1
        try:
            while True:
                world = self._world()
                found = self._decided(world, watch)
                with self._locked:
                    if self._flying[watch][1] > turn or watch._state is WatchState.ENDED:
                        return
                    if self._commit(watch, world, found):
                        self._flying[watch][1] = turn
                        return
        except BaseException:
            # INVARIANT: what raises allows nothing, and hides no change from the next who looks.
            watch._state = WatchState.FAILED
            raise
        finally:
            with self._locked:
                flying = self._flying[watch]
                flying[0] -= 1
                if not flying[0]:
                    del self._flying[watch]

    def _commit(self, watch: Watch, world: World, found: Look) -> bool:
        """Keep what a request came to; False where a change in between may have gone unseen."""
        keys, held = found.keys, watch.keys
        fresh = [key for key in keys if key not in held] if held else keys
        if self._world() is world:
            self._held.add(watch, fresh, _above(world))
            self._held.remove(watch, [key for key in held if key not in keys])
        elif fresh:
            # Nobody was told of changes to these. From now on, somebody is: look once more.
            self._held.add(watch, fresh, _above(self._world()))
            watch.keys = (*held, *fresh)
            return False
        else:
            # INVARIANT: what has changed since touches this, or does not; if it does, somebody looks who began later.
            keys = held
        watch.keys = keys
        (self._approving.add if found.approving else self._approving.discard)(watch)
        self._settle(watch, found.decision, found.now, lent=found.lent)
        return True

    def _settle(self, watch: Watch, decision: Decision, now: int, *, lent: bool = False) -> None:
        before = watch._state
        state = watch._state = state_after(before, decision)
        watch._leaf, until = self._shared(decision._leaf), decision._until
        watch._until = until
        due = FOREVER if until is None else until
        # What failed may go well another time, and nobody tells when.
        asks_again = lent or decision.reason is Reason.INTERNAL_ERROR
        self._await(watch, min(due, now + self._lent) if asks_again else due)
        if before is not state and before is not None and watch._listener is not None:
            watch._listener(Change(state, before, decision, _instant(now)))
        if state is WatchState.ENDED:
            self._forget(watch)

    def _await(self, watch: Watch, due: int) -> None:
        if due != watch.due:
            if watch.due != FOREVER:
                self._wheel.remove(watch)
            watch.due = due
        if due != FOREVER:
            self._wheel.add(watch)
            if due < self._expected and (first := self._wheel.next) is not None and first != self._expected:
                self._expected = first
                self._host._keeper.wake()

    def _shared(self, leaf: Leaf) -> Leaf:
        """Return what stands for a leaf, which many watches have in common."""
        if leaf.obligations or leaf.remedies:
            # Arguments that are equal to Python are not for us: 1 and True.
            return leaf
        if len(self._leaves) >= _LEAVES:
            self._leaves.clear()
        return self._leaves.setdefault(leaf, leaf)

    def _close(self, watch: Watch) -> None:
        listener, watch._listener = watch._listener, None
        watch._state = WatchState.ENDED
        self._forget(watch)
        if listener is not None:
            listener(None)

    def _forget(self, watch: Watch) -> None:
        self._held.remove(watch, watch.keys)
        self._approving.discard(watch)
        if watch.due != FOREVER:
            self._wheel.remove(watch)
            watch.due = FOREVER
        watch.keys = ()

    def _told_later(self, on_change: Callable[[Change], object]) -> Listener:
        tell = self._teller.tell
        return lambda change: None if change is None else tell(on_change, change)


def _above(world: World) -> Above:
    return above_in(lookup(world.store, world.schema))


def _instant(micros: int) -> _datetime.datetime:
    return Datetime(micros).to_datetime()


def _kept(request: Request) -> Request:
    """Return a request that nobody can change any more."""
    given: object = request
    if not isinstance(given, Request):
        raise RequestError("a watch is of a `pdp.Request`")
    if request.now is not None:
        raise RequestError("a watch goes by the engine's clock: its request names no time")
    try:
        session = request.session
        if session is not None and type(session) is not Session:
            session = Session(session)
        if session is request.session and not request.context and not request.entities:
            return request
        return request._replace(
            session=session, context=copy.deepcopy(request.context), entities=tuple(copy.deepcopy(request.entities))
        )
    except Exception as error:
        raise RequestError(f"the request cannot be kept: {type(error).__name__}") from error
