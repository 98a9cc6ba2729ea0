"""Reading a file into a source, within bounds."""

from __future__ import annotations

import os
import stat

from pdp.errors import Diagnostic
from pdp.source import Source, Span
from pdp.syntax.limits import MAX_FILE_BYTES


def read_source(path: str | os.PathLike[str], display: str, *, limit: int = MAX_FILE_BYTES) -> Source | Diagnostic:
    """Read a file of UTF-8; return what is wrong where it cannot be read, is too large or is no UTF-8.

    `display` is the path that messages name. No more than `limit` bytes are ever read, nothing but regular files is
    opened for reading, and it never raises for what the file system answers.
    """
    try:
        data = _read(path, limit)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        message = f"the file cannot be read: {reason.lower()}"
        # A file that is passed over could hold a forbid.
        help_ = "mend it or remove it: none is passed over"
        return _problem("unreadable_file", message, Source(display, ""), help=help_)
    if len(data) > limit:
        message = f"the file is larger than {limit} bytes"
        return _problem("file_too_large", message, Source(display, ""), help="split it into several files")
    try:
        return Source(display, data.decode("utf-8"))
    except UnicodeDecodeError as error:
        at = len(data[: error.start].decode("utf-8"))
        shown = Source(display, data.decode("utf-8", "replace"))
        message = f"the byte 0x{data[error.start]:02x} is no UTF-8"
        return _problem("invalid_utf8", message, shown, at, help="save the file as UTF-8")


def _read(path: str | os.PathLike[str], limit: int) -> bytes:
    # Opening a named pipe would wait for a writer, and a device never ends.
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            # One byte beyond the limit tells that there is more.
            return file.read(limit + 1)
    finally:
        os.close(descriptor)


def _problem(code: str, message: str, source: Source, at: int = 0, *, help: str | None = None) -> Diagnostic:
    return Diagnostic(code=code, message=message, span=Span(source, at, min(at + 1, len(source.text))), help=help)
