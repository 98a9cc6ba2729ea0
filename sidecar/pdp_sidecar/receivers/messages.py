"""Requests and answers of the receivers: nothing of them is for anybody to keep."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Final

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

NO_STORE: Final[Header] = (b"cache-control", b"no-store")
_CLOSE: Final[Header] = (b"connection", b"close")


def header(scope: Scope, name: bytes) -> bytes | None:
    """Return what a header says, None where it is not there, or there more than once."""
    found = [value for each, value in scope["headers"] if each == name]
    return found[0] if len(found) == 1 else None


async def answer(
    send: Send,
    status: int,
    document: Mapping[str, Any] | None = None,
    kind: bytes = b"application/json",
    headers: Sequence[Header] = (),
    *,
    close: bool = False,
) -> None:
    """Send an answer. `close` is for one that is given before the body was read."""
    body = b"" if document is None else json.dumps(document, separators=(",", ":")).encode()
    all_: list[Header] = [NO_STORE, *headers]
    if document is not None:
        all_.append((b"content-type", kind))
    if status != 204:
        all_.append((b"content-length", str(len(body)).encode()))
    if close:
        all_.append(_CLOSE)
    await send({"type": "http.response.start", "status": status, "headers": all_})
    await send({"type": "http.response.body", "body": body})
