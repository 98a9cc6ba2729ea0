"""All the answers that are watched in one engine: looked at again when what they depend on changes, or is over."""

from __future__ import annotations

import copy
import datetime as _datetime
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from pdp.classes import replace
from pdp.entities.held import lookup
from pdp.errors import RequestError
from pdp.evaluation import FOREVER, Question
from pdp.leases import touching
from pdp.leases.dependents import Above, Dependents, Key
from pdp.leases.reading import Reading, above_in, keys_of
from pdp.leases.states import WatchState, state_after
from pdp.leases.teller import Teller
from pdp.leases.watch import Change, Listener, Watch
from pdp.leases.wheel import Wheel
from pdp.model import Decision, Leaf, Request
from pdp.session import Session
from pdp.values import Datetime
from pdp.world import World

_ODD: Final = "?"
"""What a request starts at that could not even be read."""

_LEAVES: Final = 10_000


class Look(NamedTuple):
    """What a request comes to in a world, at an instant, and what that depends on."""

    decision: Decision
    now: int
    question: Question | None
    reading: Reading | None


class Watches:
    """Watches of one engine.

    `world` tells what the engine holds, `look` decides a request in a world, `now` is the engine's clock, and `wake`
    has somebody call `tick` when it is due. A request is decided without a lock, since a provider may take long.
    """

    def __init__(
        self,
        world: Callable[[], World],
        look: Callable[[World, Request], Look],
        now: Callable[[], int],
        wake: Callable[[], None],
        lent: int,
    ) -> None:
        """`lent` says for how many microseconds the word of a provider counts."""
        self._world, self._decide, self._now, self._wake, self._lent = world, look, now, wake, lent
        self._lock = threading.Lock()
        self._held: Dependents[Watch] = Dependents()
        self._approving: set[Watch] = set()
        self._wheel: Wheel[Watch] = Wheel(now())
        self._teller = Teller()
        self._leaves: dict[Leaf, Leaf] = {}
        self._closing: deque[Watch] = deque()
        # Of each that is being looked at: by how many, and who began last of those that have said what they saw.
        self._flying: dict[Watch, list[int]] = {}
        self._turns = itertools.count(1)
        self.dead = False

    # ---------------------------------------------------------------------------------------------------- watching

    def open(self, request: Request, on_change: Callable[[Change], object] | None) -> Watch:
        """Watch a request from now on. Raises RequestError for one that names a time, or cannot be copied."""
        watch = Watch(self, _kept(request))
        if on_change is not None:
            watch._listener = self._told_later(on_change)
        self._look(watch)
        return watch

    def close(self, watch: Watch) -> None:
        """Watch it no longer. It never waits: whoever holds the lock does it, if this cannot."""
        watch._state = WatchState.ENDED
        self._closing.append(watch)
        if self._lock.acquire(blocking=False):
            self._release()

    def look(self, watch: Watch) -> None:
        """Look at a watch whose lease is over, though nobody was told yet."""
        if self.dead:
            watch._state = WatchState.ENDED
        elif watch.due != FOREVER and watch.due <= self._now():
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

    def listen(self, watch: Watch, listener: Listener | None) -> Change:
        """Tell a listener of each change from now on; return what the watch says until then."""
        with self._locked():
            old = watch._listener
            if listener is not None and old is not None:
                first, second = old, listener

                def both(change: Change | None) -> None:
                    first(change)
                    second(change)

                watch._listener = both
            else:
                watch._listener = listener
            return self.told(watch)

    # ---------------------------------------------------------------------------------------------------- changing

    def changed(self, before: World, after: World) -> None:
        """Look again at all that a change may have touched. The engine holds the second of two worlds already."""
        with self._locked():
            touched = self._touched(before, after)
        for watch in touched:
            self._look(watch)

    def entity_changed(self, keys: Iterable[Key]) -> None:
        """Look again at all that depends on entities of which a provider now says something else."""
        with self._locked():
            touched = {watch for key in keys for watch in self._held.of(key)}
        for watch in touched:
            self._look(watch)

    def tick(self) -> int | None:
        """Look again at all whose lease is over; return in how many microseconds the next one may be."""
        with self._locked():
            ripe = self._wheel.advance(self._now())
        for watch in ripe:
            self._look(watch)
        with self._locked():
            due = self._wheel.next
        return None if due is None else max(due - self._now(), 0)

    def _touched(self, before: World, after: World) -> set[Watch]:
        held = self._held
        if touching.everything(before, after):
            return set(held.all())
        found = set(held.at(_ODD)) if before.policy is not after.policy else set()
        if actions := touching.actions(before, after):
            found.update(each for each in held.all() if _action(each, after) in actions)
        if before.store is not after.store:
            above = _above(after)
            for ref in touching.changed_entities(before, after):
                found.update(held.of(ref))
                held.renew(ref, above)
        for key in touching.revoked(before, after, held):
            found.update(held.at(key))
        if touching.approvals_known(before, after):
            found |= self._approving
        else:
            for principal, _, resource in touching.questions(before, after):
                found.update(self._approving & {*held.at(principal)} & {*held.at(resource)})
        return found

    # ---------------------------------------------------------------------------------------------------- looking

    def _look(self, watch: Watch) -> None:
        """Decide a request anew, and say what became of it, if nobody who began later has said so already."""
        turn = next(self._turns)
        with self._locked():
            self._flying.setdefault(watch, [0, 0])[0] += 1
        try:
            while True:
                world = self._world()
                found = self._decide(world, watch.request)
                with self._locked():
                    if self._flying[watch][1] > turn or watch._state is WatchState.ENDED:
                        return
                    if self._commit(watch, world, found):
                        self._flying[watch][1] = turn
                        return
        finally:
            with self._locked():
                flying = self._flying[watch]
                flying[0] -= 1
                if not flying[0]:
                    del self._flying[watch]

    def _commit(self, watch: Watch, world: World, found: Look) -> bool:
        """Keep what a request came to; False where a change in between may have gone unseen."""
        above = _above(world)
        keys = _keys(found, above)
        fresh = [key for key in keys if key not in watch.keys]
        current = self._world() is world
        if current:
            gone = [key for key in watch.keys if key not in keys]
            self._held.add(watch, fresh, above)
            self._held.remove(watch, gone)
        elif fresh:
            # Nobody was told of changes to these. From now on, somebody is: look once more.
            self._held.add(watch, fresh, _above(self._world()))
            watch.keys = (*watch.keys, *fresh)
            return False
        else:
            # INVARIANT: what has changed since touches this, or does not; if it does, somebody looks who began later.
            keys = watch.keys
        watch.keys = keys
        if found.reading is not None and found.reading.approving:
            self._approving.add(watch)
        else:
            self._approving.discard(watch)
        self._settle(watch, found)
        return True

    def _settle(self, watch: Watch, found: Look) -> None:
        before, decision = watch._state, found.decision
        watch._state = state_after(before, decision)
        watch._leaf, watch._until = self._shared(decision._leaf), decision._until
        lent = found.now + self._lent if found.reading is not None and found.reading.lent else FOREVER
        due = min(FOREVER if watch._until is None else watch._until, lent)
        if due != watch.due:
            if watch.due != FOREVER:
                self._wheel.remove(watch)
            watch.due = due
        if due != FOREVER:
            first = self._wheel.next
            self._wheel.add(watch)
            if first is None or self._wheel.next != first:
                self._wake()
        if before is not watch._state and before is not None and watch._listener is not None:
            watch._listener(Change(watch._state, before, decision, _instant(found.now)))
        if watch._state is WatchState.ENDED:
            self._forget(watch)

    def _shared(self, leaf: Leaf) -> Leaf:
        """Return what stands for a leaf, which many watches have in common."""
        if leaf.obligations or leaf.remedies:
            # Arguments that are equal to Python are not for us: 1 and True.
            return leaf
        if len(self._leaves) >= _LEAVES:
            self._leaves.clear()
        return self._leaves.setdefault(leaf, leaf)

    # ---------------------------------------------------------------------------------------------------- the lock

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock.acquire()
        try:
            yield
        finally:
            self._release()

    def _release(self) -> None:
        """Do what was put off, and let go of the lock."""
        try:
            while self._closing:
                watch = self._closing.popleft()
                listener, watch._listener = watch._listener, None
                watch._state = WatchState.ENDED
                self._forget(watch)
                if listener is not None:
                    listener(None)
        finally:
            self._lock.release()
        # Somebody may have come in between, and found the lock held.
        if self._closing and self._lock.acquire(blocking=False):
            self._release()

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


def _keys(found: Look, above: Above) -> tuple[Key, ...]:
    if found.question is None or found.reading is None:
        return (_ODD,)
    return keys_of(found.question, found.reading, above)


def _action(watch: Watch, world: World) -> str:
    name: object = watch.request.action
    # What is no text was refused, and starts at nothing else.
    return world.schema.resolve_action(name) if type(name) is str else ""


def _instant(micros: int) -> _datetime.datetime:
    return Datetime(micros).to_datetime()


def _kept(request: Request) -> Request:
    """Return a request that nobody can change any more."""
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
