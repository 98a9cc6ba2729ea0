"""Answers as bytes. What many of them have in common is written once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from pdp.model import Decision, Leaf
from pdp_sidecar.service import granted
from pdp_sidecar.wire.answers import head, times

MAX_KEPT: Final = 8192
LONGEST_KEPT: Final = 4096
"""Bytes of an answer that is kept, and letters of the names that a caller says it handles, all together."""

_ITEM: Final = b"\x0a"  # A field of number 1 that has a length, as `CheckBatchResponse.responses` is.


class Written(NamedTuple):
    """What decisions of a leaf have in common, alone and as an item of a batch, and whether they are a yes.

    The leaf is held for its address to stay its own.
    """

    leaf: Leaf
    alone: bytes
    item: bytes
    is_yes: bool


class Replies:
    """Writes answers. What depends on a leaf, what a caller handles and the epoch alone is kept, up to a number.

    `kept` says of a decision, and of the epoch that it is of, under which epoch and for how long others may keep it;
    `lends` that this may end though the decision has no end. A message is read the same whether its fields come
    together or one part after the other; so what time changes is put after what is kept. It is for one thread.
    """

    def __init__(self, kept: Callable[[Decision, str], tuple[str, int | None]], *, lends: bool = False) -> None:
        self._lasting, self._lends = kept, lends
        self._epoch = ""
        self._tables: dict[frozenset[str], dict[int, Written]] = {}
        self._count = 0

    def alone(self, decision: Decision, handles: frozenset[str], epoch: str) -> bytes:
        """Return a CheckResponse."""
        table = self._table(handles, epoch)
        # What `Decision.made` was given: a property would take as long as all the rest.
        written = table.get(id(decision._leaf)) or self._write(table, decision, handles, epoch)
        if decision._until is None and not self._lends:
            return written.alone
        return written.alone + self._times(decision, epoch)

    def items(
        self,
        decisions: Iterable[Decision],
        handles: Iterable[frozenset[str]],
        epoch: str,
        until_yes: bool | None = None,
    ) -> bytes:
        """Return a CheckBatchResponse: an item for each decision, up to the first that is (not) a yes if so asked."""
        found, ends = [], dict[int | None, bytes]()
        last: frozenset[str] | None = None
        table: dict[int, Written] = {}
        for decision, handled in zip(decisions, handles, strict=True):
            if handled is not last:
                table, last = self._table(handled, epoch), handled
            written = table.get(id(decision._leaf)) or self._write(table, decision, handled, epoch)
            until = decision._until
            if until is None and not self._lends:
                found.append(written.item)
            else:
                end = ends.get(until)
                if end is None:
                    end = ends[until] = self._times(decision, epoch)
                found.append(item(written.alone + end))
            if written.is_yes is until_yes:
                break
        return b"".join(found)

    def _times(self, decision: Decision, epoch: str) -> bytes:
        _, lease = self._lasting(decision, epoch)
        return times(decision._until, lease).SerializeToString()

    def _table(self, handles: frozenset[str], epoch: str) -> dict[int, Written]:
        if epoch != self._epoch or self._count >= MAX_KEPT:
            self._tables, self._count, self._epoch = {}, 0, epoch
        table = self._tables.get(handles)
        if table is None:
            table = {}
            # Whoever asks says what it handles: as much as it likes, which is not to be held.
            if sum(map(len, handles)) <= LONGEST_KEPT:
                self._count += 1
                self._tables[handles] = table
        return table

    def _write(self, table: dict[int, Written], decision: Decision, handles: frozenset[str], epoch: str) -> Written:
        under, _ = self._lasting(decision, epoch)
        alone = head(decision, handles, under).SerializeToString()
        leaf = decision._leaf
        written = Written(leaf, alone, item(alone), granted(decision, handles))
        if self._count < MAX_KEPT and len(alone) <= LONGEST_KEPT:
            self._count += 1
            table[id(leaf)] = written
        return written


def item(message: bytes, tag: bytes = _ITEM) -> bytes:
    """Return a serialised message as a field of another one, by default as an item of field 1."""
    return b"".join((tag, _varint(len(message)), message))


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)
