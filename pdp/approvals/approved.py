"""What an engine knows of approvals: those that it was given, or what a source says, as far as it may be relied on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import islice

from pdp.errors import RecordError
from pdp.model import Approval, Mark, RevocationKind
from pdp.ports import ApprovalSource
from pdp.values import Datetime, EntityRef


class Approved:
    """Holds approvals. `known` is None where nobody can tell what is approved, and `failure` says why.

    `read_at` is when a source was last begun to be read, by a monotonic clock. It is not for several threads at once.
    """

    def __init__(
        self, given: Sequence[Approval] | ApprovalSource | None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Take approvals, or a source of them, which is read at once."""
        self._monotonic = monotonic
        self.read_at: float | None = None
        self.known: tuple[Approval, ...] | None = None
        self.failure: str | None = None
        self._source: ApprovalSource | None = None
        self._mark, self._last, self._lasts = Mark(), tuple[Approval, ...](), False
        if given is None:
            self.failure = "the approvals cannot be read"
        elif hasattr(given, "read"):
            self._source = given
            self.refresh()
        else:
            self.known = tuple(given)

    def refresh(self) -> None:
        """Read what is new. Where the record went wrong for good, it stays so until `accept`."""
        if self._source is None or self._lasts:
            return
        began = self._monotonic()
        try:
            self._last, self._mark = self._read(self._source)
            self.known, self.failure, self.read_at = self._last, None, began
        except RecordError as error:
            self.known, self.failure, self._lasts = None, str(error), error.lasting
        except Exception as error:
            # What the source of somebody else raises says no more than that it cannot be read.
            self.known, self.failure = None, f"the approvals cannot be read: {type(error).__name__}"

    def _read(self, source: ApprovalSource) -> tuple[tuple[Approval, ...], Mark]:
        found, mark = source.read(self._mark)
        if type(mark) is not Mark or type(mark.sequence) is not int:
            raise RecordError("the record does not tell how far it was read")
        if mark.sequence < self._mark.sequence:
            message = f"the record ends at fact {mark.sequence}, and fact {self._mark.sequence} was seen before"
            raise RecordError(message, lasting=True)
        if found is None:
            return self._last, mark
        # No more than are promised: what never ends is no sequence.
        listed = tuple(islice(found, len(found)))
        if not all(map(_is_whole, listed)):
            raise RecordError("the record holds something that is no approval")
        return listed, mark

    def accept(self) -> None:
        """Take the record as it is from now on."""
        self._mark, self._last, self._lasts = Mark(), (), False
        self.refresh()


def _is_whole(each: object) -> bool:
    """Tell whether something is an approval in all its parts: a source may be of somebody else."""
    if type(each) is not Approval or type(each.action) is not str:
        return False
    names: tuple[object, ...] = (each.approver, each.principal, each.resource)
    others: tuple[object, ...] = (each.asked_by, each.actor)
    times = [time for time in (each.until, each.proved) if time is not None]
    return (
        _are_names(each.names)
        and all(type(name) is EntityRef for name in names)
        and all(name is None or type(name) is EntityRef for name in others)
        and all(type(time) is Datetime and type(time.micros) is int for time in (each.at, *times))
    )


def _are_names(given: object) -> bool:
    """Tell whether something is what a token may be revoked by. One that is odd could be revoked by nothing."""
    return type(given) is tuple and all(
        type(each) is tuple and len(each) == 2 and type(each[0]) is RevocationKind and type(each[1]) is str
        for each in given
    )
