"""What an engine knows of a record of revocations: how far it has read, and whether it may rely on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import islice

from pdp.errors import RecordError
from pdp.model import Mark, Revocation, RevocationKind
from pdp.ports import FactSource
from pdp.revocation.index import Index
from pdp.turns import Turns
from pdp.values import Datetime


class Feed:
    """Reads a record into an index, fact by fact in their order, and knows when the record is not what it was.

    `index` only ever grows. `failure` says why no answer may be given of it. `read_at` is when it was last begun to
    read all of the record, by a monotonic clock. It is not for several threads at once, but for `hold`.
    """

    def __init__(
        self, source: FactSource | None, index: Index, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.source, self.index, self._monotonic = source, index, monotonic
        self.failure: str | None = None
        self.read_at: float | None = None
        self.renew()
        self._mark = Mark()
        self._seen = 0
        self._lasts = False

    def renew(self) -> None:
        """Have a lock of its own: in a child that was forked, nobody gives back the one of the parent."""
        self._growing = Turns()

    @property
    def sequence(self) -> int:
        """The number of the last fact that was read."""
        return self._mark.sequence

    def refresh(self, seen: int = 0) -> None:
        """Read what is new. Whatever is wrong with the record stands in `failure` then.

        `seen` is the highest number that somebody else knows of, such as a client that was told of it. Where the record
        went wrong for good, it stays so until `accept`.
        """
        self._seen = max(self._seen, seen)
        if self.source is None or self._lasts:
            return
        began = self._monotonic()
        try:
            self._read(self.source)
            self.failure, self.read_at = None, began
        except RecordError as error:
            self.failure, self._lasts = str(error), error.lasting
        except Exception as error:
            # What the source of somebody else raises says no more than that it cannot be read.
            self.failure = f"the record cannot be read: {type(error).__name__}"

    def _read(self, source: FactSource) -> None:
        while True:
            told, mark = source.read(self._mark)
            facts = _sound(told)
            if mark.sequence != self._mark.sequence + len(facts):
                raise RecordError("the record leaves out facts, or tells them twice", lasting=True)
            self._grow(facts)
            self._mark = mark
            if not facts:
                break
        if self._seen > self._mark.sequence:
            message = f"the record ends at fact {self._mark.sequence}, and fact {self._seen} was seen before"
            raise RecordError(message, lasting=True)

    def hold(self, fact: Revocation) -> None:
        """Revoke something here, whatever becomes of the record, and though another thread reads it."""
        self._grow((fact,))

    def _grow(self, facts: Sequence[Revocation]) -> None:
        with self._growing.turn():
            self.index = self.index.with_all(facts)

    def publish(self, fact: Revocation) -> int | None:
        """Put something on record; return its number there, None where there is no record.

        RecordError says that it may be on record, or not.
        """
        if self.source is None:
            return None
        try:
            number = self.source.publish(fact)
        except RecordError:
            raise
        except Exception as error:
            raise RecordError(f"the record cannot be written: {type(error).__name__}") from error
        if type(number) is not int or number < 1:
            raise RecordError("the record has not told the number of what was put on it")
        self.refresh(number)
        return number

    def accept(self) -> None:
        """Take the record as it is from now on. What was revoked here before stays so."""
        self._mark, self._seen, self._lasts = Mark(), 0, False
        self.refresh()


def _sound(told: Sequence[object]) -> list[Revocation]:
    """Return the facts of a source that others may have written; raise RecordError for what no revocation can be."""
    facts = []
    # No more than are promised: what never ends is no sequence.
    for each in islice(told, len(told)):
        if type(each) is not Revocation or not _is_whole(each):
            # What is taken for another kind than it is would revoke nothing, as would one that a later version knows.
            raise RecordError("the record holds what is no revocation that is known", lasting=True)
        facts.append(each)
    return facts


def _is_whole(fact: Revocation) -> bool:
    until: object = fact.not_before
    return (
        type(fact.kind) is RevocationKind
        and type(fact.value) is type(fact.type) is str
        and (until is None or (type(until) is Datetime and type(until.micros) is int))
    )
