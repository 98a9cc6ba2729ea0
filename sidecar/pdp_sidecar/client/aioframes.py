"""Asking by frames from an event loop: one connection for what all tasks ask, and one to listen by."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pdp.search import Page
from pdp_sidecar.client.failures import Garbled, Late, Lost, Refused
from pdp_sidecar.client.frames import batch, page, revoked, within
from pdp_sidecar.client.pipeline import Pipeline
from pdp_sidecar.client.wire import Asker, Message, Revoked
from pdp_sidecar.frames.codec import Kind, Reply, body, frame

_OPENING: Final = 5.0


class AsyncFrameWire:
    """Asks the sidecar at a path. For one event loop at a time: in another one, it connects anew."""

    def __init__(self, path: str, asker: Asker) -> None:
        """Connect to nothing yet."""
        self._path, self._asker = path, asker
        self._open: asyncio.Task[Pipeline] | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self._ended = False

    async def check(self, question: bytes, deadline: float) -> Reply:
        """Answer a question. Raises Failure."""
        found: Reply = await (await self._pipeline(deadline)).ask(Kind.CHECK, question, Kind.ANSWER, deadline)
        return found

    async def check_many(self, questions: Sequence[bytes], deadline: float) -> list[Reply]:
        """Answer questions, all of one state. Raises Failure."""
        packed, pipeline = batch(questions), await self._pipeline(deadline)
        within(pipeline.welcome, packed)
        found: list[Reply] = await pipeline.ask(Kind.MANY, packed, Kind.ANSWERS, deadline)
        if len(found) != len(questions):
            pipeline.close()
            raise Garbled("there are not as many answers as questions")
        return found

    async def explain(self, question: bytes, deadline: float) -> dict[str, Any]:
        """Return the trace of an answer as plain data. Raises Failure."""
        return await self._told(Kind.EXPLAIN, question, deadline)

    async def revoke(self, target: Mapping[str, Any], deadline: float) -> Revoked:
        """Let something count no more. Raises Failure."""
        return revoked(await self._told(Kind.REVOKE, body(dict(target)), deadline))

    async def search(self, method: str, given: Sequence[Any], terms: Mapping[str, Any], deadline: float) -> Page[Any]:
        """List what an engine has a method for. Raises Failure."""
        return page(await self._told(Kind.SEARCH, body([method, [*given], dict(terms)]), deadline))

    async def status(self, deadline: float) -> dict[str, Any]:
        """Tell how the sidecar is. Raises Failure."""
        return await self._told(Kind.STATUS, body(None), deadline)

    async def feed(self, deadline: float) -> AsyncFrameFeed:
        """Open a stream. Raises Failure."""
        pipeline = await Pipeline.open(self._path, self._asker, deadline)
        pipeline.send(frame(Kind.BEATS, 0, body(None)))
        return AsyncFrameFeed(pipeline)

    async def close(self) -> None:
        """Close the connection; whoever waits for an answer is told."""
        self._ended = True
        opening, self._open = self._open, None
        if opening is not None and self.loop is asyncio.get_running_loop():
            opening.cancel()
            await asyncio.wait([opening])
            if not opening.cancelled() and opening.exception() is None:
                opening.result().close()

    def forked(self) -> None:
        """Forget what is of a parent: its event loop does not run here."""
        self._open = self.loop = None

    async def _told(self, kind: Kind, inside: bytes, deadline: float) -> dict[str, Any]:
        found = await (await self._pipeline(deadline)).ask(kind, inside, Kind.RESULT, deadline)
        if type(found) is not dict:
            raise Garbled("this is no result")
        return found

    async def _pipeline(self, deadline: float) -> Pipeline:
        """Return the connection, which all that ask at once share, from the first of them on. Raises Failure."""
        if self._ended:
            raise Refused("closed", "the client is closed")
        loop, opening = asyncio.get_running_loop(), self._open
        if opening is None or self.loop is not loop or _is_over(opening):
            # Not in the task of whoever asks first: that may be cancelled, and others wait for it.
            opening = loop.create_task(Pipeline.open(self._path, self._asker, time.monotonic() + _OPENING))
            opening.add_done_callback(_looked_at)
            self._open, self.loop = opening, loop
        if not opening.done():
            # Whoever gives up leaves it to the others.
            await asyncio.wait([opening], timeout=max(deadline - time.monotonic(), 0.0))
            if not opening.done():
                raise Late("the sidecar takes no connection in time")
        if opening.cancelled():
            raise Refused("closed", "the client is closed")
        return opening.result()


def _is_over(opening: asyncio.Task[Pipeline]) -> bool:
    if not opening.done():
        return False
    return opening.cancelled() or opening.exception() is not None or opening.result().failure is not None


def _looked_at(opening: asyncio.Task[Pipeline]) -> None:
    if not opening.cancelled():
        # Whoever waits for it is told; where nobody does any more, nobody has to be.
        opening.exception()


class AsyncFrameFeed:
    """What a sidecar tells by itself."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    async def next(self, seconds: float) -> Message | None:
        """Return what comes next, None where nothing does in time. Raises Failure where nothing will."""
        return await self._pipeline.next(seconds)

    def subscribe(self, number: int, question: bytes) -> None:
        """Watch a question. Raises Failure."""
        within(self._pipeline.welcome, question)
        self._pipeline.send(frame(Kind.SUBSCRIBE, number, question))

    def unsubscribe(self, number: int) -> None:
        """Watch it no longer."""
        try:
            self._pipeline.send(frame(Kind.UNSUBSCRIBE, number, body(None)))
        except Lost:
            # With the connection, all that it watches is over.
            pass

    def close(self) -> None:
        """End it; whoever waits for it is told."""
        self._pipeline.close()
