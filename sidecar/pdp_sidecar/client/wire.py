"""What clients need of a protocol: questions to answers, and a stream of what changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from pdp.classes import dataclass, field
from pdp.search import Page
from pdp_sidecar.client.failures import Refused
from pdp_sidecar.frames.codec import Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """What a client says of itself: the obligations that it handles, and whether it wants the revision of facts.

    `token` is what it shows, or what is asked for that each time: whoever renews it does so there.
    """

    handles: frozenset[str] = frozenset()
    facts: bool = False
    token: str | Callable[[], str] | None = field(default=None, repr=False)

    def shown(self) -> str | None:
        """Return the token to show now, None for none; raise Refused where it is not to be had."""
        if self.token is None or isinstance(self.token, str):
            return self.token
        try:
            found: object = self.token()
        except Exception as error:
            raise Refused("unauthenticated", f"there is no token to show: {type(error).__name__}") from None
        # What is empty, or ends a header, would make another call of it.
        if type(found) is not str or not found or not (found.isascii() and found.isprintable()):
            raise Refused("unauthenticated", "what there is to show is no token")
        return found


class Revoked(NamedTuple):
    """That something counts no more: its number on record, and the first epoch that denies it."""

    sequence: int | None
    epoch: str


class Beat(NamedTuple):
    """That the server is there, of which epoch it is, and in how many seconds it says so again."""

    epoch: str
    interval: float


class Turned(NamedTuple):
    """In what state a watched question is from now on, and the answer to it; or why it is not watched."""

    number: int
    state: str
    reply: Reply | None
    failure: str = ""


Message = Beat | Turned


class Feed(Protocol):
    """A stream of what changes. One thread reads it; others may write."""

    def next(self, seconds: float) -> Message | None:
        """Return what comes next, None where nothing does in time. Raises Failure where nothing will."""

    def subscribe(self, number: int, question: bytes) -> None:
        """Watch a question. Raises Failure."""

    def unsubscribe(self, number: int) -> None:
        """Watch it no longer."""

    def close(self) -> None:
        """End it; whoever waits for it is told."""

    def forget(self) -> None:
        """Let go of it, where nobody waits for it any more."""


class Wire(Protocol):
    """Asks by one protocol. Every method raises Failure, and nothing else; a deadline is by `time.monotonic`."""

    def check(self, question: bytes, deadline: float) -> Reply:
        """Answer a question."""

    def check_many(self, questions: Sequence[bytes], deadline: float) -> list[Reply]:
        """Answer questions, all of one state."""

    def explain(self, question: bytes, deadline: float) -> dict[str, Any]:
        """Return the trace of an answer as plain data."""

    def revoke(self, target: Mapping[str, Any], deadline: float) -> Revoked:
        """Let something count no more."""

    def search(self, method: str, given: Sequence[Any], terms: Mapping[str, Any], deadline: float) -> Page[Any]:
        """List what `Engine` has a method of that name for."""

    def status(self, deadline: float) -> dict[str, Any]:
        """Tell how the sidecar is."""

    def feed(self, deadline: float) -> Feed | None:
        """Open a stream; None where the protocol has none."""

    def forked(self) -> None:
        """Forget what is of a parent, in a child that was forked."""

    def close(self) -> None:
        """Close every connection."""


class AsyncFeed(Protocol):
    """A stream of what changes, in an event loop."""

    async def next(self, seconds: float) -> Message | None:
        """Return what comes next, None where nothing does in time. Raises Failure where nothing will."""

    def subscribe(self, number: int, question: bytes) -> None:
        """Watch a question. Raises Failure."""

    def unsubscribe(self, number: int) -> None:
        """Watch it no longer."""

    def close(self) -> None:
        """End it; whoever waits for it is told."""


class AsyncWire(Protocol):
    """Asks by one protocol in an event loop, as `Wire` does in threads. `loop` is the one that it has connected in."""

    loop: asyncio.AbstractEventLoop | None

    async def check(self, question: bytes, deadline: float) -> Reply:
        """Answer a question."""

    async def check_many(self, questions: Sequence[bytes], deadline: float) -> list[Reply]:
        """Answer questions, all of one state."""

    async def explain(self, question: bytes, deadline: float) -> dict[str, Any]:
        """Return the trace of an answer as plain data."""

    async def revoke(self, target: Mapping[str, Any], deadline: float) -> Revoked:
        """Let something count no more."""

    async def search(self, method: str, given: Sequence[Any], terms: Mapping[str, Any], deadline: float) -> Page[Any]:
        """List what `Engine` has a method of that name for."""

    async def status(self, deadline: float) -> dict[str, Any]:
        """Tell how the sidecar is."""

    async def feed(self, deadline: float) -> AsyncFeed | None:
        """Open a stream; None where the protocol has none."""

    async def close(self) -> None:
        """Close every connection."""

    def forked(self) -> None:
        """Forget what is of a parent, in a child that was forked."""
