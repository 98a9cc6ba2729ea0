"""What people do about access by way of a sidecar, which vouches for whoever proved to it who they are."""

from __future__ import annotations

from collections.abc import Callable

from pdp.approvals.ledger import AccessRequest
from pdp.approvals.signing import Signing
from pdp.approvals.store import ApprovalStore
from pdp.approvals.vouching import Vouching
from pdp.engine import Engine
from pdp_sidecar.callers import Caller, May, NotPermitted


class Desk:
    """Asks, approves and rejects in the name of callers that were verified, and of nobody else.

    The file of keys says for whom its key may vouch. All of it writes to a disk: it is for a thread of its own.
    """

    def __init__(self, engine: Engine, store: ApprovalStore, signer: Signing) -> None:
        """Take an engine, the store that it goes by, and the key of this desk."""
        self._engine, self._store, self._signer = engine, store, signer

    def pending(self, caller: Caller) -> list[AccessRequest]:
        """Return the requests that can be approved; raise NotPermitted or RecordError."""
        caller.require(May.APPROVE)
        return self._store.pending()

    def approve(self, caller: Caller, id: str, why: str = "") -> AccessRequest:
        """Approve a request; raise NotPermitted, RequestError or RecordError."""
        return self._done(caller, lambda signer: self._store.approve(self._engine, id, signer=signer, why=why))

    def reject(self, caller: Caller, id: str, why: str) -> AccessRequest:
        """Reject a request; raise NotPermitted, RequestError or RecordError."""
        return self._done(caller, lambda signer: self._store.reject(self._engine, id, signer=signer, why=why))

    def _done(self, caller: Caller, do: Callable[[Signing], AccessRequest]) -> AccessRequest:
        caller.require(May.APPROVE)
        if caller.identity is None:
            # INVARIANT: nobody is approved for by a process that says so. Who approves has shown who they are.
            raise NotPermitted(f"`{caller.name}` did not prove to be anybody: who approves shows a token of their own")
        return do(Vouching(self._signer, caller.identity))
