"""Calls that are no questions of the moment: each is read, answered in a thread of its own, and written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
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
        # Those threads that all share may be busy for long with what callers search: to revoke must not wait for it.
        self._own = ThreadPoolExecutor(_ADMINISTERING, thread_name_prefix="administration")

    def handler(
        self, read: Callable[[bytes], M], answer: Callable[[Caller, M], Message], *, is_slow: bool = False
    ) -> Callable[[bytes, Any], Any]:
        """Return a handler. Of those that are slow, only some are answered at once."""
        threads = None if is_slow else self._own

        async def handle(data: bytes, context: Any) -> bytes:
            try:
                caller = self._identities.of(context)
                message = read(data)
                with self._slow.take() if is_slow else nullcontext():
                    loop = asyncio.get_running_loop()
                    return await loop.run_in_executor(threads, lambda: answer(caller, message).SerializeToString())
            except Exception as error:
                await abort(context, refusal(error))

        return handle


_ADMINISTERING: Final = 4
"""Calls that change a server, or tell how it is, at once; more wait for their turn."""
