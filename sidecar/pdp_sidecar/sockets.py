"""Unix sockets that stand where nobody else could have put them, and who is at their other end.

gRPC binds its sockets itself: it replaces what stands at the name, even a socket that another process answers at, and
leaves the mode to the umask. So nothing is bound at the name that clients know. A socket is bound in a folder of its
own that only its owner may enter, is given its mode there, and is then linked to its name, which replaces nothing.
"""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import secrets
import socket
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pdp_sidecar.callers import Peer

LONGEST: Final = 107
"""Bytes that the path of a Unix socket may have."""

BACKLOG: Final = 1024

_PATIENCE: Final = 2.0
"""Seconds in which a socket that is there has to answer, to tell whether anybody does."""

_WRITABLE: Final = stat.S_IWGRP | stat.S_IWOTH
_CREDENTIALS: Final = struct.Struct("3i")


class SocketError(Exception):
    """A socket cannot be where it should; the message says why, and `help` what to do."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.help = help


class Socket:
    """A place for a Unix socket that this process has taken: bind at `draft`, then `publish`, and `close` at the end.

    Nobody else can take the place meanwhile, and a socket is there for others only once it is published.
    """

    def __init__(self, path: str, *, mode: int = 0o600, group: str | None = None, shared: bool = False) -> None:
        """Take the place. Raise SocketError where it is not safe, or not free.

        `shared` says that others may write to the folders above, as in a volume that containers share.
        """
        self.path = path
        self._mode, self._gid = mode, _gid(group)
        self._published: tuple[int, int] | None = None
        _check_length(path)
        _check_folders(Path(path).parent, shared=shared)
        self._lock = _locked(path)
        self._folder = Path(path).parent / f".{secrets.token_hex(4)}"
        try:
            _clear(path)
            self._folder.mkdir(mode=0o700)
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def draft(self) -> str:
        """Where to bind."""
        return str(self._folder / "s")

    @property
    def private(self) -> bool:
        """Whether the kernel lets nobody connect but the user whose process this is."""
        return self._mode & 0o077 == 0

    def publish(self) -> None:
        """Let others find what was bound, with its group and mode."""
        draft = self.draft
        found = os.lstat(draft)
        if not stat.S_ISSOCK(found.st_mode):
            raise SocketError(f"`{draft}` is no socket")
        if self._gid is not None:
            os.chown(draft, -1, self._gid)
        os.chmod(draft, self._mode)  # noqa: PTH101  # beside its likes
        try:
            os.link(draft, self.path)
        except FileExistsError:
            raise SocketError(f"`{self.path}` was put there meanwhile") from None
        self._published = found.st_dev, found.st_ino
        # Whatever binds for us finds nothing to remove at its end, and a process that is killed leaves nothing here.
        self._tidy()

    def close(self) -> None:
        """Give the place back. What stands there is removed if it is still what was published."""
        if self._lock < 0:
            return
        found = _look(self.path)
        if found is not None and (found.st_dev, found.st_ino) == self._published:
            os.unlink(self.path)  # noqa: PTH108  # beside its likes
        self._tidy()
        # The file of the lock stays: another that waits for it would hold one that nobody finds.
        os.close(self._lock)
        self._lock = -1

    def _tidy(self) -> None:
        try:
            Path(self.draft).unlink(missing_ok=True)
            self._folder.rmdir()
        except OSError:
            # Nobody can have put anything into it but this user, and it does no harm.
            pass


def listening(place: Socket) -> socket.socket:
    """Bind and publish a socket that listens."""
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | getattr(socket, "SOCK_CLOEXEC", 0))
    try:
        found.bind(place.draft)
        found.listen(BACKLOG)
        found.setblocking(False)
        place.publish()
    except BaseException:
        found.close()
        raise
    return found


def peer_of(connection: socket.socket) -> Peer:
    """Return who is at the other end of a Unix socket, as the kernel has it; nobody where it does not say.

    >>> here, there = socket.socketpair()
    >>> peer_of(here).uid == os.geteuid()
    True
    >>> here.close(), there.close()
    (None, None)
    """
    if connection.family != socket.AF_UNIX or not hasattr(socket, "SO_PEERCRED"):
        return Peer()
    try:
        told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    except OSError:
        return Peer()
    _, uid, _ = _CREDENTIALS.unpack(told)
    # A process in another user namespace has no number here.
    return Peer(uid=uid) if uid >= 0 else Peer()


def runtime_folder() -> Path:
    """Return a folder for sockets that is the user's own: at the place for them, else under the temporary folder.

    Raise SocketError where there is none that nobody else can write to.
    """
    uid = os.geteuid()
    given = os.environ.get("XDG_RUNTIME_DIR")
    for base in [given, f"/run/user/{uid}"]:
        if base and os.path.isabs(base) and os.access(base, os.W_OK | os.X_OK):  # noqa: PTH117
            folder = Path(base) / "pdp"
            break
    else:
        import tempfile

        folder = Path(tempfile.gettempdir()) / f"pdp-{uid}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except FileExistsError:
        # What is there is no folder, or leads nowhere: the look below says so.
        pass
    except OSError as error:
        raise SocketError(f"`{folder}` cannot be made: {_reason(error)}") from None
    _check_folders(folder, shared=False)
    if os.lstat(folder).st_uid != uid:
        raise SocketError(f"`{folder}` belongs to another user", "name the addresses: `--grpc unix:PATH`")
    return folder


# ----------------------------------------------------------------------------------------------------------- the place


def _gid(group: str | None) -> int | None:
    if group is None:
        return None
    try:
        return int(group) if group.isascii() and group.isdigit() else grp.getgrnam(group).gr_gid
    except KeyError:
        raise SocketError(f"there is no group `{group}`") from None


def _check_length(path: str) -> None:
    if "\0" in path or not path:
        raise SocketError("this is no path of a socket")
    longest = max(len(os.fsencode(path)), len(os.fsencode(str(Path(path).parent / ".12345678" / "s"))))
    if longest > LONGEST:
        message = f"the path of a socket takes at most {LONGEST} bytes: `{path}` is too long"
        raise SocketError(message, "a name in a folder nearer to the root, such as `/run/pdp/pdp.sock`")


def _check_folders(folder: Path, *, shared: bool) -> None:
    """Raise SocketError where anybody else could put another folder, or another socket, into the way."""
    here = Path(os.path.abspath(folder))  # noqa: PTH100  # links are looked at, not followed
    found = _look(str(here))
    if found is None:
        raise SocketError(f"there is no folder `{folder}`", f"make it: `mkdir -m 700 {folder}`")
    if not stat.S_ISDIR(found.st_mode):
        what = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "no folder"
        raise SocketError(f"`{folder}` is {what}", "name the folder itself")
    # INVARIANT: a sticky folder keeps what is in it from being replaced, but not from being there first.
    _check_folder(here, found, sticky=False, shared=shared)
    for above in _above(here):
        told = _look(str(above))
        if told is None:
            raise SocketError(f"`{above}` went away")
        _check_folder(above, told, sticky=True, shared=shared)


def _above(folder: Path) -> Iterator[Path]:
    """Yield what is above a folder, by its name and by where links lead."""
    yield from folder.parents
    real = folder.resolve()
    if real != folder:
        yield from (each for each in real.parents if each not in folder.parents)


def _check_folder(folder: Path, found: os.stat_result, *, sticky: bool, shared: bool) -> None:
    if found.st_uid not in (0, os.geteuid()):
        raise SocketError(f"`{folder}` belongs to another user, who could put another socket there")
    if stat.S_ISLNK(found.st_mode) or shared:
        return
    if found.st_mode & _WRITABLE and not (sticky and found.st_mode & stat.S_ISVTX):
        help_ = f"`chmod go-w {folder}`; or, in a volume that containers share, `shared_folder = true`"
        if found.st_mode & stat.S_ISVTX:
            help_ = f"make a folder of your own in it: `mkdir -m 700 {folder}/pdp`"
        raise SocketError(f"others may write to `{folder}`, and could put another socket there", help_)


def _locked(path: str) -> int:
    """Hold the lock of a place; raise SocketError where somebody else does."""
    name = f"{path}.lock"
    try:
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        why = "it is a symbolic link" if error.errno == errno.ELOOP else _reason(error)
        raise SocketError(f"`{name}` cannot be opened: {why}") from None
    try:
        if not stat.S_ISREG(os.fstat(lock).st_mode):
            raise SocketError(f"`{name}` is no regular file")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        os.close(lock)
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise SocketError(f"`{name}` cannot be locked: {_reason(error)}") from None
        who = f"process {holder}" if holder.isdigit() else "another process"
        raise SocketError(f"{who} serves at `{path}`", "end it first, or name another address") from None
    except BaseException:
        os.close(lock)
        raise
    return lock


def _clear(path: str) -> None:
    """Remove a socket that nobody answers at; raise SocketError for anything else that stands there."""
    found = _look(path)
    if found is None:
        return
    if not stat.S_ISSOCK(found.st_mode):
        what = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "no socket"
        raise SocketError(f"`{path}` is {what}, and is left as it is", "name another address, or remove it yourself")
    if found.st_uid != os.geteuid():
        raise SocketError(f"`{path}` is a socket of another user")
    who = _answering(path)
    if who is not None:
        raise SocketError(f"{who} serves at `{path}`", "end it first, or name another address")
    again = _look(path)
    if again is not None and (again.st_dev, again.st_ino) == (found.st_dev, found.st_ino):
        os.unlink(path)  # noqa: PTH108  # beside its likes


def _answering(path: str) -> str | None:
    """Return who answers at a socket, None for nobody."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PATIENCE)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return None
        except OSError:
            # Such as one whose queue is full: somebody is there.
            return "another process"
        try:
            pid, uid, _ = _CREDENTIALS.unpack(
                probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            )
        except (AttributeError, OSError):
            return "another process"
        return f"process {pid} of user {uid}" if pid > 0 else "another process"


def _look(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SocketError(f"`{path}` cannot be looked at: {_reason(error)}") from None


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


def listening_tcp(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Bind a socket that listens at an address of this machine; `shared` lets other workers have the same port.

    Raise SocketError where it cannot be had.
    """
    # What is called localhost is that: no name server is asked.
    host = "127.0.0.1" if host == "localhost" else host
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if found.family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if shared:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found.bind((host, port))
        found.listen(BACKLOG)
        found.setblocking(False)
    except OSError as error:
        found.close()
        raise SocketError(f"nothing can listen at `{host}:{port}`: {_reason(error)}") from None
    return found
