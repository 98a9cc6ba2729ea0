"""Who asks over HTTP, and what its request says of it."""

from __future__ import annotations

from pdp.classes import dataclass
from pdp.model import Entity
from pdp.values import EntityRef
from pdp_sidecar.callers import Caller


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks, which obligations it fulfils, and whether it wants to know why.

    `known` says that it is told from others; that is asked where it matters. `key` is the name that it gives to what it
    sends, so that it may send it again.
    """

    caller: Caller
    handles: frozenset[str] = frozenset()
    reasons: bool = False
    known: bool = False
    key: str = ""

    @property
    def itself(self) -> Entity | EntityRef | None:
        """Who asks where a question does not say for whom; None for whoever did not prove to be anybody."""
        return None if self.caller.identity is None else self.caller.identity.principal

    @property
    def whose(self) -> str:
        """What tells this client from every other. With another token of its own it is the same."""
        own = self.caller.identity
        return repr(("caller", self.caller.name) if own is None else ("principal", own.issuer, *own.ref))
