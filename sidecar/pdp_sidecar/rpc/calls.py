"""Calls that are no questions of the moment: each is read, answered in a thread of its own, and written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Protocol, TypeVar

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

    def handler(
        self, read: Callable[[bytes], M], answer: Callable[[Caller, M], Message], *, is_slow: bool = False
    ) -> Callable[[bytes, Any], Any]:
        """Return a handler. Of those that are slow, only some are answered at once."""

        async def handle(data: bytes, context: Any) -> bytes:
            try:
                caller = self._identities.of(context)
                message = read(data)
                with self._slow.take() if is_slow else nullcontext():
                    return await asyncio.to_thread(lambda: answer(caller, message).SerializeToString())
            except Exception as error:
                await abort(context, refusal(error))

        return handle
