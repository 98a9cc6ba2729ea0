"""How the sources of an engine are, and its clock: what is too old, what went back, and who is told."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

from pdp.clocks import Clocks
from pdp.errors import RequestError
from pdp.freshness import REVOCATIONS, SOURCES, Freshness, Limit, SourceStatus, check_source, length
from pdp.model import Failure, Reason, SourceState

CLOCK: Final = "clock"


class Health:
    """Looks at ages and clocks, and remembers what to tell of them. Only `tell` may be called by several threads.

    `due` is when there is something to look at again, by monotonic time.
    """

    def __init__(self, clocks: Clocks, limits: Mapping[str, Limit]) -> None:
        self.clocks, self.ages = clocks, Freshness(limits, clocks.monotonic())
        self.due = self.ages.due
        self._was_behind = False
        self._notes: deque[tuple[bool, str]] = deque()

    def look(self) -> bool:
        """Look at all; return whether questions may read the clock of the machine for themselves."""
        changed, steady = self.ages.look(self.clocks.monotonic()), self.clocks.look()
        self.due = self.ages.due
        for name in changed:
            detail = self.ages.stale.get(name)
            self._notes.append((detail is None, detail or f"`{name}` is fresh again"))
        behind = self.clocks.behind > 0
        if behind is not self._was_behind:
            self._was_behind = behind
            self._notes.append((not behind, self.clocks.detail or "the wall clock has caught up"))
        return steady

    def failure(self, record: str | None) -> Failure | None:
        """Return why nothing may be decided, if so; `record` is what is wrong with that of revocations."""
        return self.ages.failure if record is None else Failure(Reason.SOURCE_FAILED, record)

    def accept(self, source: str, at: float, *, is_read: bool) -> None:
        """Take somebody's word that a source is right; `is_read` says that revocations are read from a record."""
        check_source(source, CLOCK)
        if source == CLOCK:
            self.clocks.accept()
        elif source == REVOCATIONS and is_read:
            raise RequestError("`refresh` confirms the revocations: there is a record to be read")
        else:
            self.ages.confirm(source, at)

    def sources(self, unread: Mapping[str, str | None]) -> dict[str, SourceStatus]:
        """Return how each source is; `unread` says what is wrong with those that cannot be read."""
        clocks, now = self.clocks, self.clocks.monotonic()
        late = SourceState.STALE if clocks.behind else SourceState.LOADED
        found = {name: self.ages.status(name, now, unread.get(name)) for name in SOURCES}
        found[CLOCK] = SourceStatus(
            state=late if clocks.failure is None else SourceState.FAILED,
            age=length(clocks.age),
            detail=clocks.detail,
        )
        return found

    def tell(self) -> None:
        """Log what there is to tell. Hold no lock meanwhile: what takes it may ask an engine."""
        while self._notes:
            try:
                good, text = self._notes.popleft()
                _log(good, text)
            except Exception:
                # Nothing depends on it.
                pass


def _log(good: bool, text: str) -> None:
    # It takes as long to import as to load a small policy.
    import logging

    logging.getLogger("pdp").log(logging.INFO if good else logging.WARNING, "%s", text)
