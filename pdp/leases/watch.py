"""An answer that is watched: what it is now, and every change of it."""

from __future__ import annotations

import datetime as _datetime
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from pdp.classes import dataclass
from pdp.evaluation import FOREVER
from pdp.leases.dependents import Key, Proof
from pdp.leases.states import WatchState
from pdp.model import Decision, Leaf, Request

if TYPE_CHECKING:
    from pdp.leases.stream import Stream


@dataclass(frozen=True, slots=True)
class Change:
    """That a watched request has come into a state, when it was decided so, and the decision.

    `before` is the state that it was in, None for the first that anybody is told.
    """

    state: WatchState
    before: WatchState | None
    decision: Decision
    at: _datetime.datetime

    def __bool__(self) -> bool:
        return self.state is WatchState.ALLOWED


class Owner(Protocol):
    """Who looks after watches."""

    def look(self, watch: Watch) -> None:
        """Look at a request again, unless it is known to be as it was."""

    def told(self, watch: Watch) -> Change:
        """Return what a watch says now, as a change from nothing."""

    def listen(self, watch: Watch, listener: Listener) -> Change:
        """Tell a listener of each change from now on; return what the watch says until then."""

    def close(self, watch: Watch) -> None:
        """Watch it no longer."""


Listener = Callable[["Change | None"], object]
"""Is told of each change, while others wait, and at last of None, when the watch is closed."""


class Watch:
    """A request whose answer is watched, until it is closed. `Engine.watch` makes it.

    It is true while the request is allowed. It can be a block (`with engine.watch(…) as watch`), which closes it, and
    its changes can be gone through by `async for`: what it says now comes first, and after `ended` nothing comes any
    more. It is held by the engine: whoever forgets to close it keeps it.
    """

    # A million of them are held: each slot counts.
    __slots__ = ("_keys", "_leaf", "_listener", "_owner", "_state", "_until", "due", "request")

    request: Request
    """What is asked; it stays as it was when the watch began."""

    def __init__(self, owner: Owner, request: Request) -> None:
        """Watch nothing yet: the owner looks first."""
        self.request = request
        self.due = FOREVER
        self._owner = owner
        self._state: WatchState | None = None
        self._leaf: Leaf | None = None
        self._until: int | None = None
        self._keys: tuple[Key, ...] | Proof | None = ()
        self._listener: Listener | None = None

    @property
    def keys(self) -> tuple[Key, ...]:
        """Where the lease starts."""
        kept, request = self._keys, self.request
        if type(kept) is tuple:
            return kept
        asked = request.principal, request.resource
        return asked if kept is None else (*asked, kept)  # type: ignore[return-value]

    @keys.setter
    def keys(self, keys: tuple[Key, ...]) -> None:
        # Most start at what is asked, and at what the session proves, and need no room to say so.
        request = self.request
        if keys[:2] != (request.principal, request.resource) or len(keys) > 3:
            self._keys = keys
        elif len(keys) == 2:
            self._keys = None
        else:
            self._keys = last if type(last := keys[2]) is Proof else keys

    @property
    def state(self) -> WatchState:
        """In what state the request is. Where its lease is over and nobody has looked yet, this does."""
        self._owner.look(self)
        return self._state or WatchState.FAILED

    @property
    def decision(self) -> Decision:
        """The decision as it stands: made of the policy and the facts that the engine holds now."""
        return self.told().decision

    def told(self) -> Change:
        """Return what it says now, as a change from nothing."""
        self._owner.look(self)
        return self._owner.told(self)

    def listen(self, listener: Listener) -> Change:
        """Tell a listener of each change from now on; return what it says until then."""
        return self._owner.listen(self, listener)

    def close(self) -> None:
        """Watch it no longer; nobody is told anything of it any more, and it is not true."""
        self._owner.close(self)

    def __bool__(self) -> bool:
        return self.state is WatchState.ALLOWED

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __aiter__(self) -> Stream:
        from pdp.leases.stream import Stream

        return Stream(self)

    def __repr__(self) -> str:
        request = self.request
        return f"<Watch of {request.principal} {request.action} {request.resource}: {self.state}>"

    def __reduce__(self) -> Any:
        raise TypeError("a watch is of the engine that made it, and of no other process")
