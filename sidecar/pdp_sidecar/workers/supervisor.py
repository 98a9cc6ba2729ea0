"""Keeps several workers: starts them, and again where one ends, and has a revocation hold in all before it is answered.

It is a process of its own that decides nothing and listens to no protocol, so that there is little that could end it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pdp_sidecar.operations.logs import tell
from pdp_sidecar.operations.metrics import Numbers
from pdp_sidecar.status import Others
from pdp_sidecar.workers.kept import KILLED_WITHIN, Kept, Stage
from pdp_sidecar.workers.messages import (
    About,
    Applied,
    ChannelError,
    Counted,
    Loaded,
    Reload,
    Revoke,
    Revoked,
    State,
)
from pdp_sidecar.workers.options import WorkersOptions

REFUSED: Final = 3
"""The exit status of a worker whose policies or configuration do not hold up: it would not do so the next time."""

_COUNT_WITHIN: Final = 1.0

_STEADY: Final = 10.0
"""A worker that was up for so many seconds begins anew with its back-off when it ends."""


class Supervisor:
    """Keeps workers until it is stopped. `target` is what each does, as `pdp_sidecar.workers.child` takes it."""

    def __init__(
        self,
        target: str,
        options: WorkersOptions,
        settings: Mapping[str, Any] | None = None,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`settings` is told each worker: plain data. `environment` is theirs, None for the one of this process."""
        self._target, self._options, self._settings = target, options, dict(settings or {})
        self._environment = environment
        self._kept: dict[int, Kept] = {}
        self._sequence = 0
        self._grace: asyncio.Future[float] | None = None
        self._about: About | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._began = asyncio.Event()
        self.restarts = 0
        self.ended = 0

    # ------------------------------------------------------------------------------------------------------- telling

    @property
    def workers(self) -> int:
        """How many workers are up."""
        return sum(each.stage is Stage.UP for each in self._kept.values())

    @property
    def counts(self) -> Mapping[str, int]:
        """How many workers were started again, and how many were ended, so far."""
        return {"worker_restarts": self.restarts, "workers_ended": self.ended}

    def _all(self) -> list[Kept]:
        return [self._kept[number] for number in sorted(self._kept)]

    def look(self) -> tuple[bool, tuple[str, ...]]:
        """Return whether any worker is ready, and what is wrong with each."""
        ready = [each for each in self._all() if each.state is not None and each.state.ready and each.answers]
        stopping = self._grace is not None and self._grace.done()
        own = [f"worker {each.number}: {text}" for each in self._all() if each.state for text in each.state.problems]
        ending = ("it is ending",) if stopping else ()
        return bool(ready) and not stopping, (*ending, *own, *self.others().problems)

    def others(self) -> Others:
        """Return what every worker is told of all of them."""
        up = [each for each in self._all() if each.stage is Stage.UP]
        missing = [number for number in range(1, self._options.count + 1) if number not in {e.number for e in up}]
        found = [f"worker {number} is not up" for number in missing]
        for what in ("revision", "facts_revision"):
            by = Counter(getattr(each.state, what) for each in up)
            if len(by) > 1:
                name = "policies" if what == "revision" else "entities"
                shown = ", ".join(f"worker {each.number} by {getattr(each.state, what)}" for each in up)
                found.append(f"workers answer by different {name}: {shown}")
        return Others(workers=len(up), problems=tuple(found))

    async def told(self) -> Sequence[Numbers]:
        """Return what each worker has counted; what does not answer in time is left out."""
        asked = [each for each in self._all() if each.stage is Stage.UP]
        found = await asyncio.gather(*(each.numbers(_COUNT_WITHIN) for each in asked))
        return [each for each in found if each is not None]

    # ------------------------------------------------------------------------------------------------------- running

    async def run(self) -> int:
        """Keep the workers; return the exit status when all have ended.

        The first is started alone: where it refuses its policies, that is told once, and its status is returned.
        """
        self._grace = asyncio.get_running_loop().create_future()
        first = asyncio.create_task(self._keep(1))
        rest: list[asyncio.Task[int]] = []
        began = asyncio.create_task(self._began.wait())
        await asyncio.wait([first, began], return_when=asyncio.FIRST_COMPLETED)
        if began.done() and not self._stops():
            rest = [asyncio.create_task(self._keep(number)) for number in range(2, self._options.count + 1)]
        try:
            return max(await asyncio.gather(first, *rest))
        finally:
            for each in (began, *self._tasks):
                each.cancel()

    def stop(self, seconds: float) -> None:
        """Have all end by themselves within so many seconds; what is there longer is killed. Again: at once."""
        if self._grace is None:
            return
        if self._grace.done():
            seconds = 0.0
            for each in self._all():
                each.ending = True
                self._do(each.kill())
        else:
            self._grace.set_result(seconds)
        for each in self._all():
            each.drain(seconds)

    def reload(self) -> None:
        """Have every worker look at the policies on disk, as SIGHUP does."""
        for each in self._all():
            if each.answers:
                each.channel.send(Reload())

    def _stops(self) -> bool:
        return self._grace is not None and self._grace.done()

    async def _keep(self, number: int) -> int:
        """Start a worker, and again whenever it ends, until all are to end; return its last exit status."""
        loop, failures = asyncio.get_running_loop(), 0
        while not self._stops():
            began = loop.time()
            status = await self._live(number)
            if self._stops():
                return 0 if status in (0, None) else 1
            if status == REFUSED and not self._began.is_set():
                return REFUSED
            failures = 0 if loop.time() - began > _STEADY else failures + 1
            pause = min(self._options.backoff * 2 ** min(failures, 32), self._options.backoff_most)
            tell(logging.ERROR, "worker_ended", worker=number, status=status, again_in=pause)
            self.restarts += 1
            self._tell_all()
            assert self._grace is not None
            await asyncio.wait([self._grace], timeout=pause)
        return 0

    async def _live(self, number: int) -> int | None:
        """Start a worker and wait for its end; return its exit status."""
        patience = self._options.revoke_within + 2 * KILLED_WITHIN
        try:
            kept = await Kept.start(number, self._target, self._settings, patience, self._environment)
        except OSError as error:
            tell(logging.ERROR, "worker_not_started", worker=number, detail=str(error))
            return None
        self._kept[number] = kept
        if self._stops():
            kept.drain(0.0)
        asides = [asyncio.create_task(self._hear(kept)), asyncio.create_task(self._mind(kept))]
        try:
            return await kept.process.wait()
        finally:
            kept.gone()
            for each in asides:
                each.cancel()
            if self._kept.get(number) is kept:
                del self._kept[number]

    async def _mind(self, kept: Kept) -> None:
        """End a worker that does not come up, that is not there any more, or that does not end in time."""
        assert self._grace is not None
        options, loop = self._options, asyncio.get_running_loop()
        began = loop.time()
        while not self._grace.done():
            await asyncio.wait([self._grace], timeout=options.beat)
            if self._grace.done():
                break
            if kept.stage is not Stage.UP and loop.time() - began >= options.start_within:
                tell(logging.ERROR, "worker_not_up", worker=kept.number, within=options.start_within)
                await kept.kill()
            elif kept.answers and not await kept.apply(self._sequence, options.silent):
                tell(logging.ERROR, "worker_silent", worker=kept.number, within=options.silent)
                self.ended += 1
        await asyncio.sleep(self._grace.result() + 1.0)
        tell(logging.WARNING, "worker_killed", worker=kept.number)
        await kept.kill()

    # ------------------------------------------------------------------------------------------------------- hearing

    async def _hear(self, kept: Kept) -> None:
        """Do what a worker asks for. One that says what makes no sense is ended."""
        try:
            while (message := await kept.channel.receive()) is not None:
                match message:
                    case Loaded():
                        # INVARIANT: what is revoked from now on it is told; what was before, it reads before it is up.
                        kept.go(self._sequence)
                    case State() as state if kept.answers:
                        kept.up(state)
                        self._began.set()
                        self._tell_all()
                    case Applied() | Counted() as answer:
                        kept.heard(answer)
                    case Revoke() as asked:
                        self._do(self._revoke(kept, asked))
                    case other:
                        raise ChannelError(f"a supervisor is told no {type(other).__name__}")
        except ChannelError as error:
            tell(logging.ERROR, "worker_senseless", worker=kept.number, detail=str(error))
            await kept.kill()
        # It may be about to end by itself. Who cannot be told of revocations must not go on; until then, each ends it.
        await asyncio.wait([asyncio.ensure_future(kept.process.wait())], timeout=KILLED_WITHIN)
        if not kept.ending:
            await kept.kill()

    async def _revoke(self, by: Kept, asked: Revoke) -> None:
        """Have every other worker hold what is on record, then answer."""
        self._sequence = max(self._sequence, asked.sequence)
        others = [each for each in self._all() if each is not by and each.answers]
        held = await asyncio.gather(
            *(each.apply(self._sequence, self._options.revoke_within) for each in others), return_exceptions=True
        )
        problem = "a process could not be ended" if any(isinstance(each, BaseException) for each in held) else ""
        ended = sum(each is not True for each in held)
        self.ended += ended
        if ended:
            tell(logging.ERROR, "workers_ended_by_revocation", ended=ended, sequence=asked.sequence)
        by.channel.send(Revoked(asked.id, len(others) - ended, ended, problem))

    def _tell_all(self) -> None:
        others = self.others()
        about = About(others.workers, others.problems)
        for each in self._all():
            if each.answers:
                each.channel.send(about)

    def _do(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
