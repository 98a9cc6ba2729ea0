"""What an engine knows of approvals: those that it was given, or what a source says, as far as it may be relied on."""

from __future__ import annotations

from collections.abc import Sequence

from pdp.errors import RecordError
from pdp.model import Approval, Mark
from pdp.ports import ApprovalSource


class Approved:
    """Holds approvals. `known` is None where nobody can tell what is approved, and `failure` says why.

    It is not for several threads at once.
    """

    def __init__(self, given: Sequence[Approval] | ApprovalSource | None) -> None:
        """Take approvals, or a source of them, which is read at once."""
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
        try:
            self._last, self._mark = self._read(self._source)
            self.known, self.failure = self._last, None
        except RecordError as error:
            self.known, self.failure, self._lasts = None, str(error), error.lasting
        except Exception as error:
            # What the source of somebody else raises says no more than that it cannot be read.
            self.known, self.failure = None, f"the approvals cannot be read: {type(error).__name__}"

    def _read(self, source: ApprovalSource) -> tuple[tuple[Approval, ...], Mark]:
        found, mark = source.read(self._mark)
        if mark.sequence < self._mark.sequence:
            message = f"the record ends at fact {mark.sequence}, and fact {self._mark.sequence} was seen before"
            raise RecordError(message, lasting=True)
        if found is None:
            return self._last, mark
        listed = tuple(found)
        if not all(isinstance(each, Approval) for each in listed):
            raise RecordError("the record holds something that is no approval")
        return listed, mark

    def accept(self) -> None:
        """Take the record as it is from now on."""
        self._mark, self._last, self._lasts = Mark(), (), False
        self.refresh()
