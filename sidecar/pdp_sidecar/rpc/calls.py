"""Calls that are no questions of the moment: each is read, answered in a thread of its own, and written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar

from pdp_sidecar.callers import Caller
from pdp_sidecar.rpc.identity import Identities
from pdp_sidecar.rpc.refusals import abort, refusal
from pdp_sidecar.rpc.streams import Places


class Message(Protocol):
    """A message of protobuf."""

    def SerializeToString(self) -> bytes: ...  # noqa: N802


M = TypeVar("M")


class Calls:
    """Makes handlers of functions that take a caller and a message and return one; what they raise ends the call."""

    def __init__(self, identities: Identities, slow: Places) -> None:
        self._identities, self._slow = identities, slow
        # Each kind has threads of its own: to revoke must not wait for what callers search.
        self._own = ThreadPoolExecutor(_ADMINISTERING, thread_name_prefix="administration")
        self._searching = ThreadPoolExecutor(slow.most, thread_name_prefix="slow-calls")

    def handler(
        self,
        read: Callable[[bytes], M],
        prepare: Callable[[Caller, M], Awaitable[Callable[[Caller, M], Message]]],
        *,
        is_slow: bool = False,
    ) -> Callable[[bytes, Any], Any]:
        """Return a handler. Of those that are slow, only some are answered at once.

        `prepare` waits for what has to be waited for, and returns what answers: for a thread of its own.
        """

        async def handle(data: bytes, context: Any) -> bytes:
            try:
                caller = await self._identities.of(context)
                message = read(data)
                answer = await prepare(caller, message)

                def work() -> bytes:
                    return answer(caller, message).SerializeToString()

                if is_slow:
                    return await self._slowly(work)
                return await asyncio.get_running_loop().run_in_executor(self._own, work)
            except Exception as error:
                await abort(context, refusal(error))

        return handle

    async def _slowly(self, work: Callable[[], bytes]) -> bytes:
        """Do what takes long, in one of the places for that; raise Refused where there is none.

        A call that is cancelled keeps its place for as long as a thread is at it.
        """
        loop = asyncio.get_running_loop()
        self._slow.hold()
        try:
            working = self._searching.submit(work)
        except BaseException:
            self._slow.give_back()
            raise

        def done(_: object) -> None:
            # A loop that is closed has no places any more.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._slow.give_back)

        working.add_done_callback(done)
        return await asyncio.wrap_future(working)


def at_once(answer: Callable[[Caller, M], Message]) -> Callable[[Caller, M], Awaitable[Callable[[Caller, M], Message]]]:
    """Return what answers, and waits for nothing before that."""

    async def prepare(_: Caller, __: M) -> Callable[[Caller, M], Message]:
        return answer

    return prepare


_ADMINISTERING: Final = 4
"""Calls that change a server, or tell how it is, at once; more wait for their turn."""
