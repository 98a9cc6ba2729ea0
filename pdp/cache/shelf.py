"""A folder of the user's own, and files in it that nobody else can have written."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pdp.digests import blake2b

MAGIC: Final = b"pdp cache 1\n"
MAX_ENTRY: Final = 128 * 2**20
"""The size of one entry, in bytes."""

MAX_SHELF: Final = 256 * 2**20
"""The size of all entries together: the oldest go first."""

MAX_ENTRIES: Final = 256

_SUFFIX: Final = ".pdpc"
_DIGEST: Final = 32
_LARGEST: Final = MAX_ENTRY + len(MAGIC) + _DIGEST
_OTHERS: Final = 0o077
"""What of a mode is for anybody but the owner."""

_STALE: Final = 3600
"""After how many seconds what a writer left behind is removed."""


class Shelf:
    """Entries by name. Whatever goes wrong, an entry is just not there, or not kept: nothing raises."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes | None:
        """Return what is kept under a name, whole and as it was written; None for anything else."""
        try:
            with self._opened() as folder:
                data = _read(folder, name + _SUFFIX)
        except (OSError, ValueError):
            return None
        start = len(MAGIC) + _DIGEST
        if data is None or not data.startswith(MAGIC):
            return None
        payload = data[start:]
        return payload if _digest(payload) == data[len(MAGIC) : start] else None

    def write(self, name: str, payload: bytes) -> None:
        """Keep data under a name: all of it or nothing, whoever reads or writes meanwhile."""
        if len(payload) > MAX_ENTRY:
            return
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            with self._opened() as folder:
                _write(folder, name + _SUFFIX, MAGIC + _digest(payload) + payload)
                _make_room(folder, name + _SUFFIX)
        except (OSError, ValueError):
            # A full disk or a folder that cannot be written: the next start parses again.
            pass

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Open the folder itself, so that it cannot be another one by the time that a file in it is opened."""
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if not _is_private(os.fstat(folder)):
                raise ValueError("the folder is not the user's own, or others may use it")
            yield folder
        finally:
            os.close(folder)


def _is_private(found: os.stat_result) -> bool:
    # INVARIANT: whoever can write an entry can write policy. Only the user can have written what is read.
    return found.st_uid == os.geteuid() and not found.st_mode & _OTHERS


def _digest(payload: bytes) -> bytes:
    return blake2b(payload, digest_size=_DIGEST).digest()


def _read(folder: int, name: str) -> bytes | None:
    # To open a named pipe would wait for a writer.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(name, flags, dir_fd=folder)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or not _is_private(found) or found.st_size > _LARGEST:
            return None
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(found.st_size)
    finally:
        os.close(descriptor)


def _write(folder: int, name: str, data: bytes) -> None:
    draft = f".{name}.{os.urandom(8).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(draft, flags, 0o600, dir_fd=folder)
    try:
        try:
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(data)
        finally:
            os.close(descriptor)
        os.replace(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        os.unlink(draft, dir_fd=folder)
        raise


def _make_room(folder: int, newest: str) -> None:
    """Remove the oldest entries beyond the bounds, and what writers that were killed have left."""
    entries: list[tuple[bool, float, int, str]] = []
    now = os.stat(newest, dir_fd=folder).st_mtime
    for name in os.listdir(folder):
        found = _look(folder, name)
        if found is None:
            continue
        if name.endswith(_SUFFIX):
            entries.append((name == newest, found.st_mtime, found.st_size, name))
        elif name.startswith(".") and _SUFFIX in name and found.st_mtime < now - _STALE:
            _remove(folder, name)
    size = 0
    for number, (_, _, length, name) in enumerate(sorted(entries, reverse=True)):
        size += length
        if size > MAX_SHELF or number >= MAX_ENTRIES:
            _remove(folder, name)


def _look(folder: int, name: str) -> os.stat_result | None:
    """Return what a file is; None for what is none, or is gone since another has made room as well."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return None if stat.S_ISDIR(found.st_mode) else found


def _remove(folder: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        pass
