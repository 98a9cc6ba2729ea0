"""A file of facts in one order, which many write and read: SQLite, in which each fact is chained to all before it."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from pdp.classes import dataclass
from pdp.digests import blake2b
from pdp.errors import RecordError
from pdp.model import Mark

_BATCH: Final = 50_000
"""So many facts are read at once."""

_PATIENCE: Final = 10.0
"""How many seconds a writer waits for another."""

_OTHERS: Final = 0o077

T = TypeVar("T")
F = TypeVar("F")
_INHERITED: Final[list[sqlite3.Connection]] = []
"""Connections of a parent process: SQLite must not even close them in a child."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout(Generic[F]):
    """What a journal holds, and how.

    `application` and `version` tell such files from others of SQLite, `title` says to people what they are. `columns`
    are those of a fact, as SQL declares them; `row` writes a fact into them, and `fact` reads it, with its number and
    the digest of all before it. `form` gives bytes that no two facts with different numbers or rows have in common:
    these are what is chained, by digests of `digest` bytes.
    """

    application: int
    version: int
    title: str
    columns: tuple[str, ...]
    row: Callable[[F], tuple[Any, ...]]
    fact: Callable[[int, Sequence[Any], bytes], F]
    form: Callable[[int, Sequence[Any]], bytes]
    digest: int

    def chained(self, before: bytes, sequence: int, row: Sequence[Any]) -> bytes:
        """Return what tells a fact, and all before it, from any other."""
        return blake2b(before + self.form(sequence, row), digest_size=self.digest).digest()


class Journal(Generic[F]):
    """Facts in a file that is the user's alone. Threads and processes may share it.

    What `publish` has numbered is on the disk (`synchronous=FULL`), and a process that is killed leaves all of a fact
    or nothing. A file that is damaged, or that has less than was seen of it, is an error, and never an empty record.
    """

    def __init__(self, path: str | os.PathLike[str], layout: Layout[F], *, create: bool = False) -> None:
        """Open a record. Raise RecordError where there is none, unless `create` says to begin one then."""
        self.path = str(Path(path).absolute())
        self._layout = layout
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._connection: sqlite3.Connection | None = None
        self._files: tuple[tuple[int, int] | None, ...] = ()
        if create and not os.path.lexists(self.path):
            _begin(self.path, layout)
        self._attempt(lambda _: None)

    def publish(self, fact: F) -> int:
        """Put a fact on record, and return its number when it is on the disk."""
        return self._attempt(lambda connection: self._lasting(self._append(connection, fact, None))).sequence

    def follow(self, fact: F, after: Mark) -> Mark | None:
        """Put a fact on record right after a mark, and return its own when it is on the disk.

        Return None, and write nothing, where other facts follow already.
        """
        found = self._attempt(lambda connection: self._lasting(self._append(connection, fact, after)))
        return None if found == after else found

    def read(self, after: Mark) -> tuple[Sequence[F], Mark]:
        """Return facts that follow a mark, and the mark of the last of them; none where there are no more."""
        return self._attempt(lambda connection: self._read(connection, after))

    def check(self, after: Mark) -> None:
        """Raise RecordError where the record does not hold, as it was, what a reader has seen of it."""
        self._attempt(lambda connection: self._found_again(connection, after))

    def close(self) -> None:
        """Close the file. It is opened again when it is needed."""
        with self._held():
            self._drop()

    def __del__(self) -> None:
        # Whoever lets go of a log without closing it leaves no file open. One that a fork has inherited is not touched.
        connection = getattr(self, "_connection", None)
        if connection is not None and self._pid == os.getpid():
            with suppress(sqlite3.Error):
                connection.close()

    def _attempt(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with self._opened() as connection:
                return work(connection)
        except sqlite3.OperationalError as error:
            raise RecordError(f"{self.path}: {error}") from error
        except sqlite3.Error as error:
            raise RecordError(f"{self.path}: {error}", lasting=True) from error
        except (OSError, UnicodeEncodeError) as error:
            raise RecordError(f"{self.path}: {error}") from error
        except ValueError as error:
            # What SQLite says of tables that are damaged need not be text, nor of as many parts as it should.
            raise RecordError(f"{self.path}: the record is damaged: {error}", lasting=True) from error

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with self._held():
            files = _checked(self.path)
            if self._connection is None or files != self._files:
                # Another file may have been put into the place of one: what is written to the old one is lost.
                self._drop()
                self._connection = _connect(self.path, files[0], self._layout)
                self._files = _checked(self.path)
            yield self._connection

    def _lasting(self, mark: Mark) -> Mark:
        """Return a mark when what it stands for is in files that others find."""
        if _checked(self.path) != self._files:
            raise RecordError(f"{self.path}: the record was replaced while it was written")
        return mark

    @contextmanager
    def _held(self) -> Iterator[None]:
        if self._pid != os.getpid():
            if self._connection is not None:
                _INHERITED.append(self._connection)
            self._pid, self._lock, self._connection = os.getpid(), threading.Lock(), None
        with self._lock:
            yield

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _append(self, connection: sqlite3.Connection, fact: F, after: Mark | None) -> Mark:
        # The lock is taken before anything is read: two writers would else give one number twice.
        with _transaction(connection, "BEGIN IMMEDIATE"):
            last = self._last(connection)
            if after is not None and last != after:
                self._found_again(connection, after)
                return after
            sequence, row = last.sequence + 1, self._layout.row(fact)
            try:
                self._layout.fact(sequence, row, last.digest)
            except RecordError as error:
                # Nobody could read the record any more.
                raise RecordError(f"this is not put on record: {error}") from None
            digest = self._layout.chained(last.digest, sequence, row)
            places = ", ".join("?" * (len(row) + 2))
            connection.execute(f"INSERT INTO facts VALUES ({places})", (sequence, *row, digest))
            connection.execute("UPDATE record SET sequence = ?, digest = ?", (sequence, digest))
        return Mark(sequence, digest)

    def _read(self, connection: sqlite3.Connection, after: Mark) -> tuple[Sequence[F], Mark]:
        with _transaction(connection, "BEGIN"):
            mark, end = self._found_again(connection, after), self._last(connection)
            query = "SELECT * FROM facts WHERE sequence > ? ORDER BY sequence LIMIT ?"
            rows = connection.execute(query, (mark.sequence, _BATCH)).fetchall()
        facts = []
        sequence, digest, layout = mark.sequence, mark.digest, self._layout
        for number, *row, found in rows:
            sequence += 1
            before, digest = digest, layout.chained(digest, sequence, row)
            if number != sequence or found != digest:
                raise RecordError(f"the record is damaged at fact {sequence}", lasting=True)
            facts.append(layout.fact(sequence, row, before))
        if len(rows) < _BATCH and (sequence, digest) != (end.sequence, end.digest):
            raise RecordError(f"the record is damaged: it lacks facts up to {end.sequence}", lasting=True)
        return facts, Mark(sequence, digest)

    def _last(self, connection: sqlite3.Connection) -> Mark:
        """Return where the record ends, which stands in it twice: a damaged byte makes no shorter record of it."""
        identity, end = self._told(connection)
        found = connection.execute("SELECT sequence, digest FROM facts ORDER BY sequence DESC LIMIT 1").fetchone()
        if end != (Mark(0, identity) if found is None else Mark(*found)):
            raise RecordError(f"the record is damaged: fact {end.sequence} is not its last one", lasting=True)
        return end

    def _told(self, connection: sqlite3.Connection) -> tuple[bytes, Mark]:
        """Return what the chain begins with, which no two records have in common, and what is said of its end."""
        found = connection.execute("SELECT id, sequence, digest FROM record").fetchall()
        size = self._layout.digest
        if len(found) == 1:
            identity, sequence, digest = found[0]
            if type(identity) is bytes and len(identity) == size and type(sequence) is int and type(digest) is bytes:
                return identity, Mark(sequence, digest)
        raise RecordError("the record is damaged: nothing tells it from others", lasting=True)

    def _found_again(self, connection: sqlite3.Connection, after: Mark) -> Mark:
        """Return the mark that a reader has come to, as the record has it; raise where it does not have it any more."""
        if after.sequence == 0:
            here = Mark(0, self._told(connection)[0])
            if after.digest not in (b"", here.digest):
                raise RecordError("this is another record than before", lasting=True)
            return here
        found = connection.execute("SELECT digest FROM facts WHERE sequence = ?", (after.sequence,)).fetchone()
        if found is None:
            last = self._last(connection).sequence
            message = f"the record ends at fact {last}, and fact {after.sequence} was seen before"
            raise RecordError(message, lasting=True)
        if after.digest and found[0] != after.digest:
            raise RecordError(f"fact {after.sequence} of the record is another one than before", lasting=True)
        return Mark(after.sequence, bytes(found[0]))


def _checked(path: str) -> tuple[tuple[int, int] | None, ...]:
    """Return what files stand there, the record first; raise RecordError for one that others could have written."""
    # SQLite reads those beside it as a part of the record.
    found = [_look(path + beside) for beside in ("", "-wal", "-shm", "-journal")]
    if found[0] is None:
        raise RecordError(f"{path}: there is no such record")
    return tuple(None if each is None else (each.st_dev, each.st_ino) for each in found)


def _look(path: str) -> os.stat_result | None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if not stat.S_ISREG(found.st_mode):
        raise RecordError(f"{path}: this is no regular file")
    # INVARIANT: whoever can write the record can take facts away, such as that somebody is revoked.
    if found.st_uid != os.geteuid():
        raise RecordError(f"{path}: the file belongs to another user")
    if found.st_mode & _OTHERS:
        raise RecordError(f"{path}: others may use the file (help: `chmod 600`)")
    return found


def _begin(path: str, layout: Layout[Any]) -> None:
    """Make an empty record, whole or not at all, where there is none."""
    draft = f"{path}.{os.urandom(8).hex()}"
    try:
        os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        try:
            connection = sqlite3.connect(draft, isolation_level=None)
            try:
                connection.executescript(_schema(layout))
                identity = os.urandom(layout.digest)
                connection.execute("INSERT INTO record VALUES (?, 0, ?)", (identity, identity))
                connection.execute("PRAGMA journal_mode = WAL")
            finally:
                connection.close()
            # Of two who begin at once, the second takes what the first has made.
            Path(path).hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            Path(draft).unlink()
        _sync(str(Path(path).parent))
    except (OSError, ValueError, sqlite3.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise RecordError(f"{path}: the record cannot be begun: {why}") from error


def _schema(layout: Layout[Any]) -> str:
    columns = ", ".join(("sequence INTEGER PRIMARY KEY", *layout.columns, "digest BLOB NOT NULL"))
    return f"""
        PRAGMA application_id = {layout.application};
        PRAGMA user_version = {layout.version};
        CREATE TABLE record (id BLOB NOT NULL, sequence INTEGER NOT NULL, digest BLOB NOT NULL);
        CREATE TABLE facts ({columns});
    """


def _sync(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _connect(path: str, identity: tuple[int, int] | None, layout: Layout[Any]) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{Path(path).as_uri()}?mode=rw", uri=True, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
    )
    try:
        _prepare(connection, path, layout)
        if _checked(path)[0] != identity:
            raise RecordError(f"{path}: the file is being replaced")
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: str, layout: Layout[Any]) -> None:
    if connection.execute("PRAGMA application_id").fetchone() != (layout.application,):
        raise RecordError(f"{path}: this is no {layout.title}", lasting=True)
    if connection.execute("PRAGMA user_version").fetchone() != (layout.version,):
        raise RecordError(f"{path}: the record is of another version of pdp", lasting=True)
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != ("wal",):
        raise RecordError(f"{path}: the file system has no write-ahead log")
    connection.execute("PRAGMA synchronous = FULL")
    if connection.execute("PRAGMA synchronous").fetchone() != (2,):
        raise RecordError(f"{path}: what is written would not be on the disk")


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
