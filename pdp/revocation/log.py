"""Revocations on record, in a journal."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any, Final

from pdp.errors import RecordError
from pdp.journal import Journal, Layout
from pdp.model import Revocation, RevocationKind
from pdp.values import DATETIME_MAX, DATETIME_MIN, Datetime


class RevocationLog(Journal[Revocation]):
    """A record of revocations in a file that is the user's alone. Threads and processes may share it.

    What `publish` has numbered is on the disk (`synchronous=FULL`), and a process that is killed leaves all of a fact
    or nothing. A file that is damaged, or that has less than was seen of it, is an error, and never an empty record.

    >>> import tempfile
    >>> from pdp.model import Mark
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = RevocationLog(f"{folder}/revocations.db", create=True)
    ...     number = log.publish(Revocation(RevocationKind.TOKEN, "t-1"))
    ...     facts, mark = log.read(Mark())
    ...     log.close()
    >>> number, facts[0].value, mark.sequence
    (1, 't-1', 1)
    """

    def __init__(self, path: str | os.PathLike[str], *, create: bool = False) -> None:
        """Open a record. Raise RecordError where there is none, unless `create` says to begin one then."""
        super().__init__(path, _LAYOUT, create=create)


def _row(fact: Revocation) -> tuple[Any, ...]:
    until = None if fact.not_before is None else fact.not_before.micros
    return str(fact.kind), fact.type, fact.value, until, fact.why, time.time_ns() // 1000


def _form(sequence: int, row: Sequence[Any]) -> bytes:
    # Each text follows its length, so that no two rows have one form.
    kind, type_, value, until, why, at = row
    texts = "".join([f"{len(each)}:{each}" for each in map(str, (kind, type_, value, why))])
    return f"{sequence},{until},{at},{texts}".encode()


def _fact(sequence: int, row: Sequence[Any], before: bytes) -> Revocation:
    kind, type_, value, until, why, _ = row
    if until is not None and not (type(until) is int and DATETIME_MIN <= until <= DATETIME_MAX):
        raise RecordError(f"fact {sequence} of the record is of no time", lasting=True)
    if not all(type(each) is str for each in (kind, type_, value, why)) or kind not in _KINDS:
        # A later version may know more kinds: to pass over one would be to let through what it revokes.
        raise RecordError(f"fact {sequence} of the record is of no kind that is known", lasting=True)
    return Revocation(RevocationKind(kind), value, type_, None if until is None else Datetime(until), why)


_KINDS: Final = frozenset(map(str, RevocationKind))

_LAYOUT: Final = Layout(
    # `pdpr`
    application=0x70647072,
    version=2,
    title="record of revocations",
    columns=(
        "kind TEXT NOT NULL",
        "type TEXT NOT NULL",
        "value TEXT NOT NULL",
        "not_before INTEGER",
        "why TEXT NOT NULL",
        "at INTEGER NOT NULL",
    ),
    row=_row,
    fact=_fact,
    form=_form,
    digest=16,
)
