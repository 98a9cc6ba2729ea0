"""The questions that one connection watches, and what it is told of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from pdp.errors import RequestError
from pdp.leases.states import WatchState
from pdp.leases.watch import Change, Watch
from pdp.model import Decision, Request
from pdp_sidecar.callers import Caller, NotPermitted
from pdp_sidecar.frames.bearers import Known, known
from pdp_sidecar.identifying import told
from pdp_sidecar.service import Service, granted

_SOONEST: Final = 0.001
_LOG: Final = logging.getLogger("pdp.sidecar")

Tell = Callable[[int, WatchState, Decision], None]
"""Tells a client in what state a question is, by its number, and the answer to it."""

Refuse = Callable[[int, str, str], None]
"""Tells a client that a question is not watched, by its number, a code and a message."""


class Subscribed:
    """A question that is watched; what its client was told last, and for how many microseconds that lasts.

    `is_quiet` says that it may turn without a word of the engine: from a deny to an allow that the client can use.
    """

    __slots__ = ("is_quiet", "lease", "told", "watch")

    def __init__(self) -> None:
        self.watch: Watch | None = None
        self.told: WatchState | None = None
        self.lease: int | None = None
        self.is_quiet = False


class Subscriptions:
    """Everything here happens in the event loop's thread, but for the opening of a watch, which may wait."""

    def __init__(self, service: Service, handles: frozenset[str], tell: Tell, refuse: Refuse) -> None:
        self._service, self._handles, self._tell, self._refuse = service, handles, tell, refuse
        self._loop = asyncio.get_running_loop()
        self._held: dict[int, Subscribed] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def __contains__(self, number: int) -> bool:
        return number in self._held

    def __len__(self) -> int:
        # Of one that was dropped before it was there, something is left to do.
        return max(len(self._held), len(self._tasks))

    def open(self, caller: Caller, number: int, request: Request) -> None:
        """Watch a question, and tell of it once it is."""
        found = self._held[number] = Subscribed()
        task = self._loop.create_task(self._open(caller, number, request, found))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open(self, caller: Caller, number: int, request: Request, found: Subscribed) -> None:
        try:
            (asked,) = await known(self._service, caller, [request])
            if asked.refused is not None:
                raise RequestError(told(asked.refused))
            watch = await asyncio.to_thread(self._watched, caller, asked, number)
        except (NotPermitted, RequestError) as error:
            code = "not_permitted" if isinstance(error, NotPermitted) else "invalid_request"
            self._failed(number, found, code, str(error))
            return
        except Exception as error:
            _LOG.exception("a question could not be watched")
            self._failed(number, found, "internal_error", f"it could not be watched: {type(error).__name__}")
            return
        if self._held.get(number) is not found:
            watch.close()
            return
        found.watch = watch
        self.look(number)

    def _watched(self, caller: Caller, asked: Known, number: int) -> Watch:
        watch = self._service.watch(caller, asked.request, asked.token)

        def on_change(_: Change | None) -> None:
            try:
                self._loop.call_soon_threadsafe(self.look, number)
            except RuntimeError:
                # The loop is closed, and the connection with it.
                pass

        watch.listen(on_change)
        return watch

    def _failed(self, number: int, found: Subscribed, code: str, message: str) -> None:
        if self._held.get(number) is found:
            del self._held[number]
            self._refuse(number, code, message)

    def drop(self, number: int) -> None:
        """Watch a question no longer."""
        found = self._held.pop(number, None)
        if found is not None and found.watch is not None:
            found.watch.close()

    def close(self) -> None:
        """Watch nothing any longer."""
        for number in [*self._held]:
            self.drop(number)
        if self._timer is not None:
            self._timer.cancel()

    def look(self, number: int) -> None:
        """Tell in what state a question is, where that is another than was told."""
        try:
            self._look(number)
        except Exception as error:
            # INVARIANT: no change is left out. What cannot be told is watched no longer, and whoever watches learns it.
            _LOG.exception("a change could not be told")
            self.drop(number)
            self._refuse(number, "internal_error", f"a change could not be told: {type(error).__name__}")

    def _look(self, number: int) -> None:
        found = self._held.get(number)
        if found is None or found.watch is None:
            return
        change = found.watch.told()
        decision, state = change.decision, change.state
        found.is_quiet = state is WatchState.SUSPENDED
        if state in (WatchState.ALLOWED, WatchState.SUSPENDED):
            # To the engine, which handles nothing, an allow with an obligation is as suspended as a deny.
            state = WatchState.ALLOWED if granted(decision, self._handles) else WatchState.SUSPENDED
        _, found.lease = self._service.kept(decision, "")
        if state is found.told:
            return
        found.told = state
        if state is WatchState.ENDED:
            self.drop(number)
        self._tell(number, state, decision)

    def look_at_all(self) -> None:
        """Look at what may turn quietly for a client that handles obligations."""
        if not self._handles or not self._held:
            return
        for number in [number for number, found in self._held.items() if found.is_quiet]:
            self.look(number)
        leases = [found.lease for found in self._held.values() if found.is_quiet and found.lease is not None]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if leases:
            self._timer = self._loop.call_later(max(min(leases) / 1e6, _SOONEST), self.look_at_all)
