"""Bodies of requests over HTTP, within bounds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any


class GoneError(Exception):
    """The client went away before it had asked."""


class TooLargeError(Exception):
    """A body has more bytes than it may have."""


async def body_of(receive: Callable[[], Awaitable[Any]], told: bytes | None, largest: int) -> bytes:
    """Return the body of a request, of which its head has `told` the length.

    Raise TooLargeError, or GoneError where there is nobody to answer.
    """
    # The server has checked that it is a number.
    if told is not None and int(told) > largest:
        raise TooLargeError
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise GoneError
        part: bytes = message.get("body", b"")
        more, size = message.get("more_body", False), size + len(part)
        if size > largest:
            raise TooLargeError
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
