"""Secrets, which stand in files and in the environment, and never in a configuration."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Final

import msgspec

LARGEST: Final = 1 << 20
"""Bytes of a file that holds a secret, or a certificate."""

_OPEN_TO_OTHERS: Final = stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP


class SecretError(Exception):
    """A secret cannot be had, or is none. The message never holds any of it."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.help = help


class Secret(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where a secret stands: in a file, or in a variable of the environment."""

    file: str | None = None
    env: str | None = None

    def read(self, environment: Mapping[str, str] | None = None) -> bytes:
        """Return the secret as it is. Raise SecretError where it is not to be had, or where others can read it."""
        if (self.file is None) == (self.env is None):
            raise SecretError("a secret stands in one place", 'either `{ file = "…" }` or `{ env = "…" }`')
        if self.file is not None:
            return read_file(self.file, secret=True)
        found = (os.environ if environment is None else environment).get(self.env or "")
        if not found:
            raise SecretError(f"the environment has no `{self.env}`")
        return os.fsencode(found)

    def text(self, environment: Mapping[str, str] | None = None) -> str:
        """Return the secret as one line of text, without the line end that editors add."""
        try:
            found = self.read(environment).decode("ascii").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise SecretError("the secret holds characters beyond ASCII") from None
        if not found or any(not "!" <= each <= "~" for each in found):
            raise SecretError("the secret is empty, or holds blanks or control characters")
        return found


def read_file(path: str, *, secret: bool = False) -> bytes:
    """Return what a file holds; a secret one must be out of reach of others. Raise SecretError."""
    try:
        # A link is followed: whoever mounts secrets swaps them by one.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise SecretError(f"`{path}` cannot be read: {_reason(error)}") from None
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise SecretError(f"`{path}` is no regular file")
        if secret:
            _check(path, found)
        with os.fdopen(handle, "rb", closefd=False) as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise SecretError(f"`{path}` cannot be read: {_reason(error)}") from None
    finally:
        os.close(handle)
    if len(data) > LARGEST:
        raise SecretError(f"`{path}` is larger than {LARGEST} bytes")
    return data


def _check(path: str, found: os.stat_result) -> None:
    if found.st_uid not in (0, os.geteuid()):
        raise SecretError(f"`{path}` belongs to another user")
    # The group may read: that is how a secret is handed to a service that does not run as its owner.
    if found.st_mode & _OPEN_TO_OTHERS:
        raise SecretError(f"others can read or write the secret in `{path}`", f"`chmod 600 {path}`")


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or type(error).__name__).lower()
