"""The users that a directory has told of, on record: a leaver may be named by the id alone that was given here."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final

from pdp.classes import dataclass
from pdp.errors import RecordError
from pdp.identity.revoking.scim.users import User
from pdp.journal import Journal, Layout
from pdp.model import Mark
from pdp.values import DATETIME_MAX, DATETIME_MIN


class MovedError(Exception):
    """Another process has put something on record meanwhile: what is to be done has to be looked at anew."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What became of a user: `there` is False once it is removed."""

    user: User
    there: bool = True


class Directory:
    """Users by what names them, in a file that is this user's alone. Processes may share it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     directory = Directory(f"{folder}/users.db")
    ...     directory.put(User(id="1", user_name="Ada"))
    ...     found = directory.named("userName", "ada")
    ...     directory.close()
    >>> found.user_name
    'Ada'
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open the record, or begin one. Raise RecordError where it is not safe to go by."""
        self._journal = Journal(path, _LAYOUT, create=True)
        self.turn = threading.RLock()
        """Held by whoever looks and then writes: others of this process wait."""
        self._mark = Mark()
        self._users: dict[str, User] = {}
        self._by_name: dict[str, str] = {}
        self.refresh()

    def refresh(self) -> None:
        """Take over what others have put on record; raise RecordError."""
        with self.turn:
            while True:
                facts, self._mark = self._journal.read(self._mark)
                for each in facts:
                    self._take(each)
                if not facts:
                    break

    def find(self, id_: str) -> User | None:
        """Return the user of an id that was given here."""
        return self._users.get(id_)

    def named(self, attribute: str, value: str) -> User | None:
        """Return the user of a name. Case makes no other `userName` (RFC 7643, 4.1.1)."""
        if attribute == "id":
            return self._users.get(value)
        if attribute == "userName":
            return self._users.get(self._by_name.get(value.casefold(), ""))
        return next((each for each in self if each.external_id == value), None)

    def __iter__(self) -> Iterator[User]:
        return iter(self._users.values())

    def __len__(self) -> int:
        return len(self._users)

    def put(self, user: User) -> None:
        """Keep a user as it is now. Raise MovedError, and RecordError where that is not durable."""
        if self._users.get(user.id) != user:
            self._write(Fact(user))

    def remove(self, user: User) -> None:
        """Keep a user no longer. Raises as `put` does."""
        self._write(Fact(user, False))

    def _write(self, fact: Fact) -> None:
        with self.turn:
            mark = self._journal.follow(fact, self._mark)
            if mark is None:
                raise MovedError
            self._mark = mark
            self._take(fact)

    def _take(self, fact: Fact) -> None:
        before = self._users.pop(fact.user.id, None)
        if before is not None:
            self._by_name.pop(before.user_name.casefold(), None)
        if fact.there:
            self._users[fact.user.id] = fact.user
            self._by_name[fact.user.user_name.casefold()] = fact.user.id

    def close(self) -> None:
        """Close the file."""
        self._journal.close()


def _row(fact: Fact) -> tuple[Any, ...]:
    user, state = fact.user, "removed"
    if fact.there:
        state = "active" if fact.user.active else "inactive"
    return user.id, user.user_name, user.external_id, state, user.created, user.modified


def _form(sequence: int, row: Sequence[Any]) -> bytes:
    # Each text follows its length, so that no two rows have one form.
    *texts, created, modified = row
    return f"{sequence},{created},{modified},{''.join(f'{len(str(each))}:{each}' for each in texts)}".encode()


def _fact(sequence: int, row: Sequence[Any], before: bytes) -> Fact:
    id_, user_name, external_id, state, created, modified = row
    texts = all(type(each) is str for each in (id_, user_name, external_id))
    times = all(type(each) is int and DATETIME_MIN <= each <= DATETIME_MAX for each in (created, modified))
    if not texts or not times or state not in _STATES:
        raise RecordError(f"fact {sequence} of the record is of no user", lasting=True)
    user = User(
        id=id_,
        user_name=user_name,
        external_id=external_id,
        active=state == "active",
        created=created,
        modified=modified,
    )
    return Fact(user, state != "removed")


_STATES: Final = frozenset({"active", "inactive", "removed"})

_LAYOUT: Final = Layout(
    # `pdpu`
    application=0x70647075,
    version=1,
    title="record of users",
    columns=(
        "user TEXT NOT NULL",
        "user_name TEXT NOT NULL",
        "external_id TEXT NOT NULL",
        "state TEXT NOT NULL",
        "created INTEGER NOT NULL",
        "modified INTEGER NOT NULL",
    ),
    row=_row,
    fact=_fact,
    form=_form,
    digest=16,
)
