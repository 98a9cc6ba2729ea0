"""Policy texts where they stand: finding them, reading them, and writing them back whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pdp.errors import Diagnostic
from pdp.source import Source, Span
from pdp.syntax.limits import MAX_FILE_BYTES
from pdp.syntax.reader import read_source

STDIN: Final = "-"
"""The path that stands for standard input."""

STDIN_SHOWN: Final = "<stdin>"
"""What messages call it."""


def find(paths: Iterable[str]) -> tuple[list[str], list[Diagnostic]]:
    """Return the policies that paths name, each once, and what is wrong with the paths.

    What is hidden in a folder is passed over, as it is where the folder is loaded. So are links: whoever names a folder
    asks for no change outside of it.
    """
    found: list[str] = []
    problems: list[Diagnostic] = []
    for path in paths:
        if Path(path).is_dir():
            inside, unreadable = _walk(path)
            found += inside
            problems += unreadable
            if not inside and not unreadable:
                help_ = "write one, or start with `pdp init`"
                problems.append(problem("no_policy", path, "the folder holds no file that ends in `.pdp`", help_))
        elif not os.path.lexists(path):
            problems.append(problem("no_such_path", path, "there is no such file or folder", "check the path"))
        elif not path.endswith(".pdp"):
            problems.append(problem("no_policy", path, "the file is no policy", "a policy ends in `.pdp`"))
        else:
            found.append(path)
    once = {os.path.realpath(path): path for path in reversed(found)}
    return [path for path in found if once.pop(os.path.realpath(path), None) is not None], problems


def _walk(root: str) -> tuple[list[str], list[Diagnostic]]:
    found: list[str] = []
    problems: list[Diagnostic] = []

    def unreadable(error: OSError) -> None:
        folder = str(error.filename or root)
        problems.append(problem("unreadable_folder", folder, "the folder cannot be listed", "check its permissions"))

    for folder, folders, names in os.walk(root, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            if name.endswith(".pdp") and not name.startswith(".") and not path.is_symlink():
                found.append(str(path))
    return found, problems


def read(path: str) -> Source | Diagnostic:
    """Read a policy, or standard input."""
    if path != STDIN:
        return read_source(path, path)
    try:
        data = sys.stdin.buffer.read(MAX_FILE_BYTES + 1) if sys.stdin is not None else b""
    except (OSError, ValueError) as error:
        return problem("unreadable_file", STDIN_SHOWN, f"standard input cannot be read: {_reason(error)}")
    try:
        return Source(STDIN_SHOWN, data.decode("utf-8"))
    except UnicodeDecodeError as error:
        message = f"the byte 0x{data[error.start]:02x} is no UTF-8"
        return problem("invalid_utf8", STDIN_SHOWN, message, "save the text as UTF-8")


def write(path: str, text: str) -> Diagnostic | None:
    """Put a text in the place of a file, which keeps its mode; return why that cannot be done.

    Whoever reads the file meanwhile reads the old text or the new one, never a part. A link stays one.
    """
    try:
        place = Path(path).resolve(strict=True)
        mode = place.stat().st_mode
        # Another file can take its place whatever its mode says; whoever took the right to write away meant it.
        if not mode & 0o222 or not os.access(place, os.W_OK):
            return problem("unwritable_file", path, "the file is read-only", "check its permissions")
        descriptor, kept = tempfile.mkstemp(prefix=".pdp-", dir=place.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            Path(kept).chmod(stat.S_IMODE(mode))
            Path(kept).replace(place)
        except BaseException:
            Path(kept).unlink(missing_ok=True)
            raise
    except OSError as error:
        return problem("unwritable_file", path, f"the file cannot be written: {_reason(error)}")
    return None


def problem(code: str, path: str, message: str, help: str | None = None) -> Diagnostic:
    """Return what is wrong with a path."""
    return Diagnostic(code=code, message=message, span=Span(Source(path, ""), 0, 0), help=help)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)).lower()
