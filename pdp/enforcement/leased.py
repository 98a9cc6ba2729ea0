"""A block of work that goes on for as long as it is allowed, and no longer."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from pdp.enforcement.admission import Admission, admit
from pdp.enforcement.caller import current
from pdp.enforcement.denial import Denied, refusal
from pdp.enforcement.duties import Call, Handler, registry
from pdp.enforcement.enforcer import Given, resolve
from pdp.enforcement.steps import at_once
from pdp.leases.states import WatchState
from pdp.model import Entity, Request
from pdp.shelter import interrupt
from pdp.values import EntityRef

if TYPE_CHECKING:
    import asyncio

    from pdp.leases.watch import Change, Watch


class LeaseEnded(Denied):
    """Work that was begun as allowed is allowed no longer. `decision` is the deny that ended it."""


class Interrupt(BaseException):
    """Raised in the thread of a block whose lease is over; the block turns it into LeaseEnded.

    It is no Exception, as a cancellation is none: work that tries again whatever goes wrong is stopped, too.
    """


def lease(
    action: str,
    resource: Entity | EntityRef,
    *,
    principal: Entity | EntityRef | None = None,
    session: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
    engine: Given | None = None,
    handlers: Mapping[str, Call | Handler] | None = None,
    on_end: Callable[[Change], object] | None = None,
    interrupts: bool = True,
) -> Lease:
    """Return a block, `with` or `async with`, that is begun only where the action is allowed and stopped when it ends.

    Raises Denied where it is not allowed, and LeaseEnded where it was and is no longer, be it for a time. Principal,
    session, engine and handlers are found as `guard` finds them. A task is cancelled. A thread is interrupted between
    two steps of Python, as by Ctrl-C, not while it waits for a system call: end a block with `check` whose last step
    may wait, such as a loop over what a process writes. With `interrupts` False it goes on until it asks `check` or
    leaves the block. `on_end` is called in a thread of the engine's, to end what else was begun: to close a connection,
    to terminate a process.

    >>> from pdp.engine import Engine
    >>> engine = Engine.from_text('''
    ... type User
    ... type Service
    ... action deploy on Service by User
    ... rule ada_deploys:
    ...   permit User "ada" to deploy on Service standing because "she runs them"
    ... ''')
    >>> ada, pay = EntityRef("User", "ada"), EntityRef("Service", "pay")
    >>> with lease("deploy", pay, principal=ada, engine=engine, interrupts=False) as work:
    ...     engine.revoke(principal=ada)
    ...     work.check()
    Traceback (most recent call last):
    pdp.enforcement.leased.LeaseEnded: User "ada" may not deploy Service "pay": User "ada" is revoked
    """
    facts: dict[str, Any] = {"resource": resource}
    if principal is not None:
        facts |= {"principal": principal, "session": session}
    if context is not None:
        facts["context"] = context
    return Lease(action, facts, engine, registry(handlers), on_end, interrupts)


class Lease:
    """Work under a lease; `lease` makes it. It is for one block."""

    def __init__(
        self,
        action: str,
        facts: Mapping[str, Any],
        engine: Given | None,
        handlers: Mapping[str, Handler],
        on_end: Callable[[Change], object] | None,
        interrupts: bool,
    ) -> None:
        self._action, self._facts, self._engine, self._handlers = action, facts, engine, handlers
        self._on_end, self._interrupts = on_end, interrupts
        self._watch: Watch | None = None
        self._admission: Admission | None = None
        self._end: Change | None = None
        self._over = threading.Event()
        # Whoever stops the block holds it, so that nothing is stopped that comes after the block.
        self._stopping = threading.Lock()
        self._stop: Callable[[], None] | None = None
        self._task: _Task | None = None

    # ------------------------------------------------------------------------------------------------------ asking

    @property
    def request(self) -> Request:
        """What is asked, once the block is begun."""
        return self._begun.request

    @property
    def ended(self) -> bool:
        """Whether it is over: whoever asks after the end of time in the lease finds it over, though nobody was told."""
        return self._end is not None or not self._begun

    def check(self) -> None:
        """Raise LeaseEnded where it is over."""
        if self.ended:
            raise self._ending()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is over, at most so many seconds; tell whether it is."""
        self._over.wait(timeout)
        return self.ended

    @property
    def _begun(self) -> Watch:
        if self._watch is None:
            raise RuntimeError("a lease is asked within its block")
        return self._watch

    def _ending(self) -> LeaseEnded:
        decision = self._begun.decision if self._end is None else self._end.decision
        return LeaseEnded(decision, self._begun.request)

    # ------------------------------------------------------------------------------------------------------- the block

    def __enter__(self) -> Lease:
        if _loop() is not None:
            raise RuntimeError("in an event loop, a lease is an `async with`: nothing else could be stopped")
        thread = threading.get_ident()
        try:
            at_once(self._begin(lambda: _interrupt(thread) if self._interrupts else None, asynchronous=False))
        except Interrupt as stopped:
            self._leave()
            at_once(self._settle(stopped))
            raise self._ending() from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._leave()
        except Interrupt as late:
            # It came while the block was left, and comes once.
            self._leave()
            error = error or late
        at_once(self._settle(error))

    async def __aenter__(self) -> Lease:
        import asyncio

        self._task = _Task(asyncio.current_task())
        await self._begin(self._task.stop, asynchronous=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()
        assert self._task is not None
        await self._settle(await self._task.end(error))

    async def _begin(self, stop: Callable[[], None], *, asynchronous: bool) -> None:
        if self._watch is not None:
            raise RuntimeError("a lease is for one block: ask for another")
        caller = current()
        point, handlers = resolve(caller.engine if self._engine is None else self._engine, self._handlers)
        if not hasattr(point, "watch"):
            raise refusal("the engine cannot watch")
        request = caller.request(self._action, self._facts)
        # Watched before it is decided: nothing that happens in between is missed.
        watch: Watch = point.watch(request, self._told_later)
        try:
            self._admission = await admit(watch.request, point, handlers, asynchronous=asynchronous)
            self._watch = watch
            change = watch.listen(self._told)
            if change.state is not WatchState.ALLOWED:
                denied = Denied(change.decision, watch.request)
                await self._admission.settle(denied)
                raise denied
            self._stop = stop
            if self.ended:
                # It ended between two steps of this. Whoever was told has found nothing to stop, or else does it.
                with self._stopping:
                    mine, self._stop = self._stop, None
                if mine is not None:
                    mine()
        except BaseException:
            watch.close()
            with self._stopping:
                self._stop = None
            raise

    def _told(self, change: Change | None) -> None:
        """Take note that it is over. Others wait meanwhile, so that nothing of the caller's is called here."""
        if change is not None and change.state is not WatchState.ALLOWED and self._end is None:
            self._end = change
            self._over.set()

    def _told_later(self, change: Change) -> None:
        """Stop the block, in a thread in which that holds up nobody."""
        if change.state is WatchState.ALLOWED:
            return
        with self._stopping:
            stop, self._stop = self._stop, None
            if stop is None:
                return
            try:
                if self._on_end is not None:
                    self._on_end(change)
            finally:
                stop()
                # It is over, and does not come back, however the block is left.
                self._begun.close()

    def _leave(self) -> None:
        with self._stopping:
            self._stop = None
        begun = self._begun
        if self._end is None and not begun:
            self._end = begun.told()
        begun.close()

    async def _settle(self, error: BaseException | None) -> None:
        """Fulfil what waits for the end; raise LeaseEnded where the lease was over before the block was."""
        # Who cancels a task, or presses Ctrl-C, has their way.
        mine = error is None or (isinstance(error, Exception | Interrupt) and not isinstance(error, LeaseEnded))
        ended = self._ending() if self._end is not None and mine else None
        admission = self._admission
        if admission is not None and admission.later:
            await admission.settle(ended or error)
        if ended is not None:
            raise ended from (None if isinstance(error, Interrupt) else error)


class _Task:
    """The task of a block, which is cancelled where the lease is over, as by `asyncio.timeout`."""

    def __init__(self, task: asyncio.Task[Any] | None) -> None:
        if task is None:
            raise RuntimeError("a lease is of a task")
        self._task, self._loop = task, task.get_loop()
        self._wanted = task.cancelling()
        self._left = self._cancelled = False

    def stop(self) -> None:
        """Cancel the task soon, unless it has left the block by then."""
        try:
            self._loop.call_soon_threadsafe(self._cancel)
        except RuntimeError:
            # The loop is closed: nothing of the task goes on.
            pass

    def _cancel(self) -> None:
        if not self._left:
            self._cancelled = True
            self._task.cancel()

    async def end(self, error: BaseException | None) -> BaseException | None:
        """Take the cancellation back; return what ended the block."""
        import asyncio

        self._left = True
        if not self._cancelled:
            return error
        stopped = isinstance(error, asyncio.CancelledError)
        if not stopped:
            try:
                # It was to be cancelled at the next step that waits, which is this one.
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                pass
        if self._task.uncancel() > self._wanted:
            # Somebody else wants it cancelled, too, and has their way.
            raise error if stopped and error is not None else asyncio.CancelledError
        return Interrupt() if stopped else error


def _loop() -> object:
    """Return the event loop that runs in this thread, if one does."""
    asyncio = sys.modules.get("asyncio")
    return None if asyncio is None else asyncio._get_running_loop()


def _interrupt(thread: int) -> None:
    # What it does in shelter is short, but for a disk that is slow.
    while not interrupt(thread, Interrupt):
        time.sleep(_AGAIN)


_AGAIN: Final = 0.001
