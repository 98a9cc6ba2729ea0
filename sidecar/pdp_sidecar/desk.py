"""What people do about access by way of a sidecar, which vouches for whoever proved to it who they are."""

from __future__ import annotations

import datetime as _datetime
from collections.abc import Callable

from pdp.approvals.asking import Term, approved, check_wanted, wanted_of
from pdp.approvals.ledger import AccessRequest, Ledger
from pdp.approvals.signing import Signing
from pdp.approvals.store import ApprovalStore
from pdp.approvals.vouching import Vouching
from pdp.classes import dataclass
from pdp.digests import sha256
from pdp.engine import Engine
from pdp.errors import RequestError
from pdp.identity.who import Identity
from pdp.model import Request
from pdp.values import Datetime, EntityRef
from pdp_sidecar.callers import Caller, May, NotPermitted


class Conflict(Exception):
    """Something else was asked for by the same name."""


class TooMany(Exception):
    """Whoever asks has asked for more already than is waited for at once."""


class _Known(Exception):
    """The same was asked for before."""

    def __init__(self, request: AccessRequest) -> None:
        self.request = request


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody asks for: approvals of a `request` as a `rule` asks for them, for so long or up to an instant.

    All that was asked under one `key` begins with it, and only what was meant is called `id`.
    """

    request: Request
    rule: str
    lasts: _datetime.timedelta | _datetime.datetime
    why: str
    key: str
    id: str


class Desk:
    """Asks, approves and rejects in the name of callers that were verified, and of nobody else.

    The file of keys says for whom its key may vouch. All of it writes to a disk: it is for a thread of its own.
    """

    def __init__(self, engine: Engine, store: ApprovalStore, signer: Signing) -> None:
        """Take an engine, the store that it goes by, and the key of this desk."""
        self._engine, self._store, self._signer = engine, store, signer

    def secret(self, purpose: str) -> bytes:
        """Return 32 bytes that whoever holds the key of this desk comes to, for one purpose, and nobody else."""
        # A signature of Ed25519 is the same each time. No event that is signed begins like this.
        return sha256(self._signer.sign(f"pdp.desk.secret.1\0{purpose}".encode())).digest()

    # ----------------------------------------------------------------------------------------------------- approvers

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

    # -------------------------------------------------------------------------------------------------------- askers

    def could_ask(self, request: Request, rule: str, now: Datetime) -> bool:
        """Tell whether somebody could approve a request, as a rule asks for it. It reads no disk."""
        try:
            check_wanted(self._engine, wanted_of(self._engine, request, now, rule), now)
        except RequestError:
            return False
        return True

    def ask(self, who: Identity, wish: Wish, *, most: int) -> AccessRequest:
        """Ask for access in the name of whoever was verified, who waits for `most` at once; the same twice is one.

        Raise NotPermitted where nobody vouches for them, Conflict, TooMany, RequestError or RecordError.
        """
        signer = self._vouching(who)

        def name(ledger: Ledger, by: EntityRef) -> str:
            # INVARIANT: looked at in the turn in which it is written. Of two who ask at once, one finds the other.
            known = _same(ledger.under(wish.key), wish)
            if known is not None:
                raise _Known(known)
            now = self._store.now()
            if sum(each.asked_by == by and each.is_open(now) for each in ledger.requests.values()) >= most:
                raise TooMany
            return wish.id

        try:
            return self._store.request(
                self._engine,
                wish.request,
                signer=signer,
                lasts=wish.lasts,
                why=wish.why,
                rule=wish.rule,
                name=name,
            )
        except _Known as known:
            return known.request

    def asked(self, wish: Wish) -> AccessRequest | None:
        """Return what was asked for before, None for nothing; raise Conflict where that is something else."""
        return _same(self._store.under(wish.key), wish)

    def found(self, id: str) -> AccessRequest | None:
        """Return a request whatever became of it, None where there is none; raise RecordError."""
        try:
            return self._store.find(id)
        except RequestError:
            return None

    def term(self, request: AccessRequest, rule: str, now: Datetime) -> Term | None:
        """Return how long a request is approved as a rule asks for it, or was before that lapsed; None where neither.

        What was withdrawn since, or revoked, never was.
        """
        found = approved(self._engine, request.wanted, rule, now)
        if found is None and request.approvals:
            last = max((each.at for each in request.approvals), key=lambda each: each.micros)
            before = approved(self._engine, request.wanted, rule, last)
            # What only came later counts no more either: it has lapsed, or somebody left.
            found = None if before is None else Term(before.since, min(before.until, now, key=lambda at: at.micros))
        return found

    def rules(self, action: str) -> list[str]:
        """Return the rules about an action."""
        return [each.id for each in self._engine.policy.by_action.get(action, ())]

    def _vouching(self, who: Identity) -> Vouching:
        try:
            signer = Vouching(self._signer, who)
            self._store.owner(signer, self._engine.policy.schema)
        except RequestError as error:
            raise NotPermitted(str(error)) from None
        return signer


def _same(known: AccessRequest | None, wish: Wish) -> AccessRequest | None:
    if known is not None and known.id != wish.id:
        raise Conflict
    return known
