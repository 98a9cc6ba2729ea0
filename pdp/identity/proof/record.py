"""Proofs that were used, for several processes of one machine: each proof is taken by one of them."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from pdp.errors import TokenError
from pdp.identity.options import ReplayOptions
from pdp.identity.proof.replay import MOST, MemoryReplays, Replays, digest, full, inherit, replayed, share_of

_APPLICATION: Final = 0x70647072
_PATIENCE: Final = 1.0
"""How many seconds a process waits for another."""

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_INHERITED: Final[list[sqlite3.Connection]] = []
"""Connections of a parent process: SQLite must not even close them in a child."""

_SCHEMA: Final = (
    "CREATE TABLE used (holder TEXT, proof BLOB, until INTEGER, PRIMARY KEY (holder, proof)) WITHOUT ROWID",
    "CREATE INDEX ends ON used (until)",
    "CREATE TABLE holders (holder TEXT PRIMARY KEY, held INTEGER) WITHOUT ROWID",
    "CREATE TABLE state (held INTEGER NOT NULL, forgotten INTEGER NOT NULL)",
    "INSERT INTO state VALUES (0, 0)",
    f"PRAGMA application_id = {_APPLICATION}",
)

# Without its index, SQLite would look through all that is held, to have it in the order of holders.
_ENDED: Final = "SELECT count(*), holder, max(until) FROM used INDEXED BY ends WHERE until <= ? GROUP BY holder"


def replays_of(options: ReplayOptions) -> Replays:
    """Return what remembers proofs, as a configuration has it. Raises TokenError where its file cannot be had."""
    return MemoryReplays(options.most) if options.file is None else FileReplays(options.file, options.most)


class FileReplays:
    """Proofs that were used, in a file of SQLite that all workers of a machine share, and that outlives them.

    It stands on a local disk, is its owner's alone, and holds digests: no proof, and nothing of a token. `most` are
    remembered at a time, and a quarter of these of one key. Where it cannot be read or written, no proof is taken.
    """

    def __init__(self, path: str | os.PathLike[str], most: int = MOST) -> None:
        """Begin the file where there is none. Raises TokenError where it is none of these, or not its owner's alone."""
        self._path, self._most, self._share = str(Path(path).absolute()), most, share_of(most)
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        with _refusing():
            self._file = _own(self._path, create=True)
            self._connection = _open(self._path)
        inherit(self)

    def use(self, thumbprint: str, jti: str, until: int, now: int) -> None:
        """Remember a proof; raise TokenError where that cannot be, or it was used."""
        proof = digest(thumbprint, jti)
        with self._lock, _refusing(), self._writing() as connection:
            _forget(connection, now)
            held, forgotten = connection.execute("SELECT held, forgotten FROM state").fetchone()
            # As in memory: where the clock is put back, a proof that ends no later may have been forgotten.
            if until <= max(forgotten, now) or _has(connection, thumbprint, proof):
                raise replayed()
            if held >= self._most or _held(connection, thumbprint) >= self._share:
                raise full()
            _remember(connection, thumbprint, proof, until)

    def close(self) -> None:
        """Close the file. It is opened again when it is needed."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def begin_again(self) -> None:
        """Leave what a parent process holds to it."""
        if self._connection is not None:
            _INHERITED.append(self._connection)
        self._connection, self._lock = None, threading.Lock()

    def __len__(self) -> int:
        with self._lock, _refusing(), self._writing() as connection:
            return int(connection.execute("SELECT count(*) FROM used").fetchone()[0])

    def __del__(self) -> None:
        connection = getattr(self, "_connection", None)
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        # Another file in its place knows nothing of what was used.
        if _own(self._path, create=False) != self._file:
            raise _unavailable("the file is another than it was")
        connection = self._connection = self._connection or _open(self._path)
        # The lock is taken before anything is read: two processes would else take one proof twice.
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            if connection.in_transaction:
                self._connection = None
                connection.close()
            raise


def _forget(connection: sqlite3.Connection, now: int) -> None:
    found = connection.execute(_ENDED, (now,)).fetchall()
    if not found:
        return
    connection.execute("DELETE FROM used WHERE until <= ?", (now,))
    connection.executemany("UPDATE holders SET held = held - ? WHERE holder = ?", [each[:2] for each in found])
    connection.executemany("DELETE FROM holders WHERE holder = ? AND held <= 0", [each[1:2] for each in found])
    ended, last = sum(each[0] for each in found), max(each[2] for each in found)
    connection.execute("UPDATE state SET held = held - ?, forgotten = max(forgotten, ?)", (ended, last))


def _remember(connection: sqlite3.Connection, holder: str, proof: bytes, until: int) -> None:
    connection.execute("INSERT INTO used VALUES (?, ?, ?)", (holder, proof, until))
    connection.execute("INSERT OR IGNORE INTO holders VALUES (?, 0)", (holder,))
    connection.execute("UPDATE holders SET held = held + 1 WHERE holder = ?", (holder,))
    connection.execute("UPDATE state SET held = held + 1")


def _has(connection: sqlite3.Connection, holder: str, proof: bytes) -> bool:
    found = connection.execute("SELECT 1 FROM used WHERE holder = ? AND proof = ?", (holder, proof))
    return found.fetchone() is not None


def _held(connection: sqlite3.Connection, holder: str) -> int:
    found = connection.execute("SELECT held FROM holders WHERE holder = ?", (holder,)).fetchone()
    return 0 if found is None else int(found[0])


def _own(path: str, *, create: bool) -> tuple[int, int]:
    if create:
        _hold_folder(Path(path).parent.stat())
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    found = os.lstat(path)
    # INVARIANT: whoever can write the file can have a proof forgotten.
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & _OTHERS:
        raise _unavailable("it is no file that is its owner's alone (help: `chmod 600`)")
    return found.st_dev, found.st_ino


def _hold_folder(folder: os.stat_result) -> None:
    # Whoever may write there can take away what SQLite keeps beside the file, or put it there first.
    if folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or folder.st_uid not in (0, os.geteuid()):
        raise _unavailable("others may write to its folder")


def _open(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{Path(path).as_uri()}?mode=rw", uri=True, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
    )
    try:
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
        raise _unavailable("its file system has no write-ahead log")
    # A machine that fails forgets the last ones; a process that is killed forgets none.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("BEGIN IMMEDIATE")
    application = connection.execute("PRAGMA application_id").fetchone()
    if application == (0,) and connection.execute("SELECT 1 FROM sqlite_schema").fetchone() is None:
        for each in _SCHEMA:
            connection.execute(each)
    elif application != (_APPLICATION,):
        raise _unavailable("it is another file")
    connection.execute("COMMIT")


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn what may go wrong with a file into a refusal."""
    try:
        yield
    except (sqlite3.Error, OSError, ValueError, TypeError) as error:
        raise _unavailable(_why(error)) from error


def _why(error: Any) -> str:
    return str(getattr(error, "strerror", None) or error)


def _unavailable(why: str) -> TokenError:
    return TokenError(
        f"the file of proofs that were used cannot be had: {why}", code="proofs_unavailable", passing=True
    )
