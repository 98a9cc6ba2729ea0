"""Policies that change on disk while they are answered by: they are read anew, and the last good ones stay otherwise.

A folder is no snapshot: a file may be half written, and one link may lead to the old release while the next leads to
the new one. So all of it is read twice, some time apart, and is taken only where both times say the same.
"""

from __future__ import annotations

import asyncio
import datetime as _datetime
import gc
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import msgspec
from watchfiles import awatch

from pdp.classes import dataclass
from pdp.engine import Engine
from pdp.errors import Diagnostic, DiagnosticError
from pdp.folder import load_read, read_folder
from pdp.loaded import digest
from pdp.source import Source
from pdp.syntax.messages import render
from pdp.terms import Policy
from pdp_sidecar.operations.logs import tell

G = TypeVar("G")
T = TypeVar("T")


class ReloadOptions(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How policies are read anew. All lengths of time are seconds.

    `watch` says whether changes are looked for at all; SIGHUP reads in any case. `settle` is for how long nothing may
    change before what stands there is taken. `interval` is when to look though the system told of no change.
    `max_failing` is for how long the last good policies may answer while those on disk are not good: past it the
    sidecar is not ready. Without it, it stays so.
    """

    watch: bool = True
    settle: Annotated[float, msgspec.Meta(ge=0, le=60)] = 0.2
    interval: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    max_failing: Annotated[float, msgspec.Meta(gt=0)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """That policies were read anew. `revision` is the one that answers since, taken from there or not."""

    at: _datetime.datetime
    taken: bool
    revision: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Texts:
    """All that a folder said at one moment. `mark` tells two of them apart."""

    sources: list[Source]
    problems: list[Diagnostic]
    mark: str


_ATTEMPTS: Final = 50
"""So often is a folder read that is another each time, before that is told as what is wrong with it."""


_AHEAD: Final = 2.0
"""So many seconds at most, rules are compiled before they are taken, while those before them answer."""


def read_texts(path: str | Path) -> Texts:
    """Read a folder or a file once."""
    sources, problems = read_folder(path)
    # What cannot be read is part of what stands there: where it can be again, that is a change.
    wrong = [Source(f"\0{number}", render(each)) for number, each in enumerate(problems)]
    return Texts(sources, problems, digest([*sources, *wrong]))


def load_engine(path: str | Path, *, cache: str | Path | None = None, **options: Any) -> tuple[Engine, str]:
    """Return an engine of a folder as `Engine.load` does, and the mark of what was read, for `start`."""
    texts = read_texts(path)
    policy, store = load_read(path, texts.sources, texts.problems, cache=cache).require()
    return Engine(policy, store, **options), texts.mark


@contextmanager
def thawed() -> Iterator[None]:
    """Let the garbage collector see all while something large is replaced, where it was kept from looking at it.

    What was there before goes, and what has come stays: that is looked at no more, so that no pause grows with it.
    """
    if not gc.get_freeze_count():
        yield
        return
    # It looks once, at the end: each time that it did meanwhile, all would wait for as long.
    running = gc.isenabled()
    gc.disable()
    gc.unfreeze()
    try:
        yield
    finally:
        gc.collect()
        gc.freeze()
        if running:
            gc.enable()


class Reloader:
    """Keeps an engine at what stands on disk. All of it is for the thread of the event loop, but what reads."""

    def __init__(
        self,
        engine: Engine,
        path: str | Path,
        options: ReloadOptions,
        *,
        mark: str = "",
        cache: str | Path | None = None,
        hold: Callable[[Policy], object] | None = None,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`mark` is that of the texts which the engine holds. `pause` waits for so many seconds.

        `hold` raises DiagnosticError for a policy that does not go with what else is configured.
        """
        self._engine, self._path, self._options, self._cache = engine, Path(path), options, cache
        self._hold, self._pause, self._monotonic = hold, pause, monotonic
        self._taken = self._seen = mark
        # Those threads that all share may be busy for long with what callers search.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="policies")
        self._turn = asyncio.Lock()
        self._due = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._failing: tuple[float, _datetime.datetime, str] | None = None
        self.last: Reloaded | None = None
        self.on_reload: Callable[[Reloaded, float], object] | None = None
        """Is told of each time that policies were read anew, and how many seconds that took."""

    # ------------------------------------------------------------------------------------------------------- telling

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with what stands on disk, for people."""
        if self._failing is None:
            return ()
        _, since, detail = self._failing
        return (f"the policies on disk are not taken since {since.isoformat(timespec='seconds')}: {detail}",)

    @property
    def is_late(self) -> bool:
        """Whether the last good policies have answered for longer than they may."""
        limit = self._options.max_failing
        return self._failing is not None and limit is not None and not self._monotonic() - self._failing[0] < limit

    # ------------------------------------------------------------------------------------------------------- reading

    async def look(self) -> Reloaded | None:
        """Read what stands on disk and answer by it where it holds up; return None where it says what it said."""
        async with self._turn:
            began = self._monotonic()
            texts = await self._settled()
            if texts is not None and texts.mark == self._seen:
                self._confirm(texts)
                return None
            found = await self._take(texts)
            self._note(found, self._monotonic() - began)
            return found

    async def _settled(self) -> Texts | None:
        """Return what the folder says, None where it does not come to rest."""
        before = await self._apart(read_texts, self._path)
        for _ in range(_ATTEMPTS):
            if before.mark == self._seen:
                return before
            await self._pause(self._options.settle)
            # INVARIANT: what was the same at the end of one reading and at the beginning of the next was all there at
            # once in between, whatever links and files it was put together from.
            after = await self._apart(read_texts, self._path)
            if after.mark == before.mark:
                return after
            before = after
        return None

    async def _take(self, texts: Texts | None) -> Reloaded:
        detail = ""
        if texts is None:
            detail = "the files do not come to rest"
        elif texts.mark != self._taken:
            detail = await self._apart(self._reload, texts)
        if not detail and texts is not None:
            self._taken = self._seen = texts.mark
        now = _datetime.datetime.now(_datetime.UTC)
        return Reloaded(at=now, taken=not detail, revision=self._engine.policy.revision, detail=detail)

    async def _apart(self, work: Callable[[G], T], given: G) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._reader, work, given)

    def _reload(self, texts: Texts) -> str:
        """Take texts; return what is wrong with them, nothing where they are taken. It is for a thread of its own."""
        try:
            with thawed():
                loaded = load_read(self._path, texts.sources, texts.problems, cache=self._cache)
                if self._hold is not None:
                    self._hold(loaded.require()[0])
                self._engine.reload(loaded, ahead=_AHEAD)
        except DiagnosticError as error:
            # They will say the same when they are asked again.
            self._seen = texts.mark
            for each in error.diagnostics:
                tell(logging.ERROR, "policy_problem", code=each.code, text=render(each))
            return _summary(error.diagnostics)
        except Exception as error:
            # INVARIANT: whatever it is, the policies that answered still do.
            tell(logging.ERROR, "reload_failed", error=type(error).__name__, detail=str(error))
            return f"{type(error).__name__}: {error}"
        return ""

    def _note(self, found: Reloaded, seconds: float) -> None:
        self.last = found
        if found.taken:
            self._failing = None
        else:
            since, at = (self._monotonic(), found.at) if self._failing is None else self._failing[:2]
            self._failing = (since, at, found.detail)
        level = logging.INFO if found.taken else logging.ERROR
        tell(level, "reload", taken=found.taken, revision=found.revision, detail=found.detail, seconds=seconds)
        if self.on_reload is not None:
            self.on_reload(found, seconds)

    def _confirm(self, texts: Texts) -> None:
        """Let the age of policy and entities begin anew: what is held is what stands there."""
        if texts.mark == self._taken:
            self._engine.confirm("policy")
            self._engine.confirm("entities")

    # ------------------------------------------------------------------------------------------------------- looking

    def ask(self) -> None:
        """Have it looked soon, as SIGHUP does."""
        self._due.set()

    def watch(self) -> None:
        """Begin to look for changes."""
        self._tasks.append(asyncio.create_task(self._look_when_due()))
        if self._options.watch:
            self._tasks.append(asyncio.create_task(self._tell_of_changes(_folder_changes(self._path))))
            self._tasks.append(asyncio.create_task(self._tell_of_changes(_place_changes(self._path))))

    async def drain(self, seconds: float) -> None:
        """Look no more. A reading that was begun is waited for, since its thread is not to be stopped."""
        for each in self._tasks:
            each.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._reader.shutdown(wait=False)

    async def _tell_of_changes(self, changes: AsyncIterator[object]) -> None:
        async for _ in changes:
            self._due.set()

    async def _look_when_due(self) -> None:
        while True:
            try:
                # Not by `wait_for`: that of Python 3.11 forgets to be cancelled where what it waits for just came.
                async with asyncio.timeout(self._options.interval):
                    await self._due.wait()
            except TimeoutError:
                if not self._options.watch:
                    continue
            self._due.clear()
            try:
                await self.look()
            except Exception as error:
                # What looks must not end: nobody would take the next change.
                tell(logging.ERROR, "reload_failed", error=type(error).__name__, detail=str(error))


async def start(
    engine: Engine,
    path: str | Path,
    options: ReloadOptions,
    *,
    mark: str = "",
    cache: str | Path | None = None,
    hold: Callable[[Policy], object] | None = None,
) -> Reloader:
    """Keep an engine at what stands on disk from now on; `mark` is that of the texts that it holds.

    `hold` raises DiagnosticError for a policy that is not to be taken.
    """
    found = Reloader(engine, path, options, mark=mark, cache=cache, hold=hold)
    found.watch()
    # What changed between the first reading and now was nobody's to tell.
    found.ask()
    return found


async def _folder_changes(path: Path) -> AsyncIterator[object]:
    """Yield when something in a folder changes, or the folder is there again after it was gone."""
    while True:
        before = await asyncio.to_thread(_place, path)
        if before is None:
            await asyncio.sleep(_AGAIN)
            continue
        try:
            yield None
            async for changed in awatch(path, watch_filter=None, step=20, rust_timeout=1000, yield_on_timeout=True):
                if changed:
                    yield changed
                if await asyncio.to_thread(_place, path) != before:
                    # Another folder bears the name now: what is watched is the one that bore it before.
                    break
        except (OSError, RuntimeError) as error:
            tell(logging.WARNING, "watch_failed", path=str(path), error=str(error))
            await asyncio.sleep(_AGAIN)


async def _place_changes(path: Path) -> AsyncIterator[object]:
    """Yield when something beside a folder changes: a link that leads to it, or its name."""
    while True:
        try:
            async for changed in awatch(
                path.absolute().parent, watch_filter=None, recursive=False, step=20, rust_timeout=1000
            ):
                if any(Path(name).name == path.name for _, name in changed):
                    yield changed
        except (OSError, RuntimeError):
            pass
        await asyncio.sleep(_AGAIN)


_AGAIN: Final = 1.0
"""After so many seconds, what could not be watched is tried again."""


def _place(path: Path) -> tuple[str, int, int] | None:
    """Return which folder a path leads to, None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return os.path.realpath(path), found.st_dev, found.st_ino


def _summary(diagnostics: tuple[Diagnostic, ...]) -> str:
    first = diagnostics[0]
    place = "" if first.span is None else f" ({first.span.source.path}:{first.span.line})"
    more = f", and {len(diagnostics) - 1} more" if len(diagnostics) > 1 else ""
    return f"{first.message}{place}{more}"
