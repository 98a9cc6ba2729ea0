"""The store of approvals: a file of signed events, and what people do about access by it."""

from __future__ import annotations

import base64
import datetime as _datetime
import os
from collections.abc import Callable, Sequence
from typing import Final

from pdp.approvals.asking import Judging, Needed, asked, check_approver, check_asker, wanted_of
from pdp.approvals.events import LAYOUT, MAX_EVENT, MAX_WHY, Event, EventKind, Signed, Wanted, message
from pdp.approvals.keys import Keys
from pdp.approvals.ledger import AccessRequest, Ledger, Passed
from pdp.approvals.signing import Signing
from pdp.approvals.vouching import Vouching
from pdp.classes import dataclass
from pdp.errors import FactsError, RecordError, RequestError
from pdp.ids import wrong_text
from pdp.journal import Journal
from pdp.model import Approval, Mark, Request
from pdp.schema import Schema
from pdp.session import Session
from pdp.values import DATETIME_MAX, Datetime, EntityRef

_TRIES: Final = 100
"""So often others may be faster."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What has been read of the record, and what it comes to by the keys of then."""

    events: tuple[Signed, ...]
    mark: Mark
    ledger: Ledger


def _clock() -> _datetime.datetime:
    return _datetime.datetime.now(_datetime.UTC)


class ApprovalStore:
    """Requests for access and their approvals, in a file that is the user's alone. Threads and processes may share it.

    Everything is signed by who does it, with a key that the file `keys` registers for them. What is acknowledged is on
    the disk. An engine that has the store as its `approvals` knows what it holds whenever it is refreshed.

    >>> import json, tempfile
    >>> from pathlib import Path
    >>> from pdp.approvals.signing import Signer
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     grace, keys = Signer.create(f"{folder}/grace.pem"), Path(folder, "keys.json")
    ...     written = keys.write_text(json.dumps({"User:grace": [grace.key]}))
    ...     store = ApprovalStore(f"{folder}/approvals.db", keys=keys, create=True)
    ...     print(store.owner(grace), store.pending())
    ...     store.close()
    User "grace" []
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        keys: str | os.PathLike[str],
        create: bool = False,
        clock: Callable[[], _datetime.datetime] = _clock,
    ) -> None:
        """Open a store. Raise RecordError where there is none, unless `create` says to begin one then."""
        self.keys_path, self._clock = os.fspath(keys), clock
        self._journal = Journal(path, LAYOUT, create=create)
        self.path = self._journal.path
        self._read: _Read | None = None

    def close(self) -> None:
        """Close the file. It is opened again when it is needed."""
        self._journal.close()

    # ------------------------------------------------------------------------------------------------------ reading

    def read(self, after: Mark) -> tuple[Sequence[Approval] | None, Mark]:
        """Return all approvals that are not withdrawn, and a mark; None instead where nothing changed since a mark.

        Raises RecordError where the store or the file of keys cannot be read, or the store is not what it was.
        """
        # Whoever has seen nothing, or accepts the record as it is, gets all of it checked.
        found = self._caught_up(anew=after == Mark())
        size = LAYOUT.digest
        if after != Mark() and (after.sequence, after.digest[:size]) != (found.mark.sequence, found.mark.digest):
            self._journal.check(Mark(after.sequence, after.digest[:size]))
        mark = Mark(found.mark.sequence, found.mark.digest + found.ledger.keys.revision)
        return (None if mark == after else [*found.ledger.approvals()]), mark

    def pending(self) -> list[AccessRequest]:
        """Return the requests that can be approved, in the order in which they were made."""
        now = self.now()
        return [each for each in self._caught_up().ledger.requests.values() if each.is_open(now)]

    def find(self, id: str) -> AccessRequest:
        """Return a request, whatever became of it; raise RequestError where there is none."""
        return self._caught_up().ledger.find(id)

    def passed(self) -> list[Passed]:
        """Return the events that count for nothing, and why: those of keys that are registered no more, above all."""
        return [*self._caught_up().ledger.passed]

    def owner(self, signer: Signing, schema: Schema | None = None) -> EntityRef:
        """Return who signs; raise RequestError where the key is registered for nobody."""
        return _owner(self._caught_up().ledger.keys, signer, self.keys_path, schema)

    def under(self, prefix: str) -> AccessRequest | None:
        """Return the request whose id begins so, None where there is none."""
        return self._caught_up().ledger.under(prefix)

    def now(self) -> Datetime:
        """Return the time that what is done is done at."""
        return Datetime.of(self._clock())

    def _caught_up(self, *, anew: bool = False) -> _Read:
        """Read what is new, and hold it: an event is checked once. `anew` reads everything again."""
        # Two threads may read the same at once, and come to the same.
        before = None if anew else self._read
        events, mark = list[Signed](), Mark() if before is None else before.mark
        keys = self._keys()
        while True:
            more, mark = self._journal.read(mark)
            events += more
            if not more:
                break
        if before is None:
            found = _Read(tuple(events), mark, Ledger(keys).after(events))
        elif keys.revision != before.ledger.keys.revision:
            # What counts is another matter then, from the first event on.
            whole = (*before.events, *events)
            found = _Read(whole, mark, Ledger(keys).after(whole))
        elif mark != before.mark:
            found = _Read((*before.events, *events), mark, before.ledger.after(events))
        else:
            return before
        self._read = found
        return found

    def _keys(self) -> Keys:
        try:
            return Keys.load(self.keys_path)
        except FactsError as error:
            raise RecordError(f"the file of keys cannot be used: {error.diagnostics[0]}") from error

    # -------------------------------------------------------------------------------------------------------- doing

    def needed(self, engine: Judging, request: Request) -> list[Needed]:
        """Return what rules in scope of a request ask approvals for; raise RequestError where none does."""
        return asked(engine, request)[0]

    def request(
        self,
        engine: Judging,
        request: Request,
        *,
        signer: Signing,
        lasts: _datetime.timedelta | _datetime.datetime,
        why: str,
        rule: str | None = None,
        name: Callable[[Ledger, EntityRef], str] | None = None,
    ) -> AccessRequest:
        """Ask for approvals of a request, for so long from now, or up to an instant. `rule` names one where rules
        bind different values.

        `name` gives the id of it, by all that is there and who asks; what it raises ends it.

        Raises RequestError where no rule asks approvals for it, or the key is registered for nobody.
        """
        now = self.now()
        wanted = wanted_of(engine, request, _until(now, lasts), rule)
        _check_why(why, required=True)

        def made(ledger: Ledger, by: EntityRef) -> Event:
            check_asker(engine, wanted, by, now, _session(signer))
            id_ = _new_id(ledger) if name is None else name(ledger, by)
            return _event(EventKind.REQUESTED, id_, by, signer, now, why, wanted)

        return self._done(engine, signer, made)

    def approve(self, engine: Judging, id: str, *, signer: Signing, why: str = "") -> AccessRequest:
        """Approve a request. Raises RequestError where that is not for the signer to do, or cannot be done any more."""

        def made(ledger: Ledger, by: EntityRef) -> Event:
            return self._verdict(engine, ledger, EventKind.APPROVED, id, by, signer, why)

        return self._done(engine, signer, made)

    def reject(self, engine: Judging, id: str, *, signer: Signing, why: str) -> AccessRequest:
        """Reject a request, which closes it; raise RequestError where it is not for the signer to approve either."""
        _check_why(why, required=True)

        def made(ledger: Ledger, by: EntityRef) -> Event:
            return self._verdict(engine, ledger, EventKind.REJECTED, id, by, signer, why)

        return self._done(engine, signer, made)

    def withdraw(self, engine: Judging | None, id: str, *, signer: Signing, why: str = "") -> AccessRequest:
        """Take back a request, or the approval of one. Without an engine, none is refreshed."""

        def made(ledger: Ledger, by: EntityRef) -> Event:
            at = max(self.now(), ledger.find(id).at)
            return _event(EventKind.WITHDRAWN, id, by, signer, at, why)

        return self._done(engine, signer, made)

    def _verdict(
        self, engine: Judging, ledger: Ledger, kind: EventKind, id_: str, by: EntityRef, signer: Signing, why: str
    ) -> Event:
        request = ledger.find(id_)
        now = max(self.now(), request.at)
        event = _event(kind, id_, by, signer, now, why)
        # A rejection is for those who might approve: the same is asked of both.
        ledger.check_review(request, event)
        check_approver(engine, request.wanted, by, request.asked_by, now, _session(signer))
        return event

    def _done(
        self, engine: Judging | None, signer: Signing, make: Callable[[Ledger, EntityRef], Event]
    ) -> AccessRequest:
        """Put an event on record that is right by all that is there, and let the engine know."""
        schema = None if engine is None else engine.policy.schema
        for _ in range(_TRIES):
            read = self._caught_up()
            keys = read.ledger.keys
            event = make(read.ledger, _owner(keys, signer, self.keys_path, schema))
            refusal = keys.refusal(event)
            if refusal is not None:
                raise RequestError(refusal)
            _check_why(event.why, required=False)
            text = event.text
            if len(text) > MAX_EVENT:
                raise RequestError("the request is too large to be kept on record")
            # What cannot be done is refused before anybody signs it.
            Ledger(keys, dict(read.ledger.requests)).take(event)
            signature = signer.sign(message(text, read.mark.sequence + 1, read.mark.digest))
            if self._journal.follow(Signed(event, signature), read.mark) is not None:
                found = self._caught_up().ledger.find(event.id)
                if engine is not None:
                    engine.refresh()
                return found
        raise RecordError(f"{self.path}: others write all the time")


def _event(
    kind: EventKind, id_: str, by: EntityRef, signer: Signing, at: Datetime, why: str, wanted: Wanted | None = None
) -> Event:
    vouched = signer.vouched if isinstance(signer, Vouching) else None
    return Event(kind=kind, id=id_, by=by, key=signer.key, at=at, why=why, wanted=wanted, vouched=vouched)


def _session(signer: Signing) -> Session | None:
    return signer.identity.session if isinstance(signer, Vouching) else None


def _owner(keys: Keys, signer: Signing, path: str, schema: Schema | None) -> EntityRef:
    """Return who signs, by the name that the file of keys has for them; raise RequestError where it has none."""
    if isinstance(signer, Vouching):
        return _vouched_for(keys, signer, path, schema)
    found = keys.owners.get(signer.key)
    if found is None:
        may_vouch = " (help: it vouches for others, who show a token)" if signer.key in keys.recorders else ""
        raise RequestError(f"the key {signer.key} is registered for nobody in {path}{may_vouch}")
    return found


def _vouched_for(keys: Keys, signer: Vouching, path: str, schema: Schema | None) -> EntityRef:
    recorder, ref = keys.recorders.get(signer.key), signer.identity.ref
    if recorder is None:
        help_ = "write `may_vouch` beside it, for whom and by which issuers"
        raise RequestError(f"the key {signer.key} may vouch for nobody in {path} (help: {help_})")
    for name, issuers in recorder.may_vouch.items():
        same = name == ref.type if schema is None else schema.resolve(name) == schema.resolve(ref.type)
        if same and signer.vouched.issuer in issuers:
            return EntityRef(name, ref.id)
    raise RequestError(f"{recorder.owner} may not vouch for {ref} by a token of {signer.vouched.issuer}")


def _until(now: Datetime, lasts: object) -> Datetime:
    if isinstance(lasts, _datetime.datetime):
        return _instant(now, lasts)
    if not isinstance(lasts, _datetime.timedelta) or lasts <= _datetime.timedelta():
        raise RequestError("`lasts` is a length of time, and longer than none")
    until = now.micros + lasts // _datetime.timedelta(microseconds=1)
    if until > DATETIME_MAX:
        raise RequestError("`lasts` is longer than there is time")
    return Datetime(until)


def _instant(now: Datetime, lasts: _datetime.datetime) -> Datetime:
    try:
        until = Datetime.of(lasts)
    except ValueError as error:
        raise RequestError(f"`lasts`: {error}") from None
    if until <= now:
        raise RequestError("what is asked for has ended before it is asked for")
    return until


def _check_why(why: object, *, required: bool) -> None:
    if type(why) is not str or len(why) > MAX_WHY or wrong_text(why) is not None:
        raise RequestError(f"`why` is a text of at most {MAX_WHY} characters")
    if required and not why.strip():
        raise RequestError("a reason is needed: who reads it decides by it")


def _new_id(ledger: Ledger) -> str:
    """Return a name that no request has, short enough to be typed."""
    while True:
        found = base64.b32encode(os.urandom(5)).decode().lower()
        if found not in ledger.requests:
            return found
