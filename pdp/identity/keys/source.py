"""Where the keys of an issuer come from: an address, what an issuer tells of itself, or a file."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import Final, Protocol
from urllib.parse import urlsplit

from pdp.classes import dataclass
from pdp.identity import objects
from pdp.identity.addresses import wrong_url
from pdp.identity.jwk import LARGEST, KeysError, KeySet
from pdp.identity.keys.web import MissingError, Web

Read = Callable[[bytes], KeySet]
"""What makes keys of a document."""


@dataclass(frozen=True, slots=True)
class Found:
    """Keys, and for how many seconds their source says that they stay as they are; None where it does not say."""

    keys: KeySet
    fresh: float | None = None


class Source(Protocol):
    """Keys of one issuer. It is read by one thread at a time, and may take its time."""

    def read(self) -> Found:
        """Return the keys; raise KeysError where they cannot be had."""


class Address:
    """Keys that stand at one address."""

    def __init__(self, url: str, web: Web, read: Read) -> None:
        self._url, self._web, self._read = url, web, read

    def read(self) -> Found:
        """Return the keys that stand there now."""
        return _found_at(self._url, self._web, self._read)


class Discovery:
    """Keys of an issuer that tells where they are (OpenID Connect Discovery 1.0, or RFC 8414)."""

    def __init__(self, issuer: str, web: Web, read: Read) -> None:
        self._issuer, self._web, self._read = issuer, web, read

    def read(self) -> Found:
        """Return the keys from where the issuer says that they are now."""
        return _found_at(self._where(), self._web, self._read)

    def _where(self) -> str:
        told = self._told()
        # INVARIANT: exactly. What tells of another issuer may be a copy that this one has no say in.
        if told.get("issuer") != self._issuer:
            raise KeysError("what the issuer tells of itself is that of another issuer")
        url = told.get("jwks_uri")
        if not isinstance(url, str):
            raise KeysError("the issuer does not tell where its keys are")
        # An issuer that is asked by https sends nobody to this machine.
        wrong = wrong_url(url)
        if wrong is None and url.lower().startswith("http:") and not self._issuer.startswith("http:"):
            wrong = "it is plain http, and the issuer is not"
        if wrong is not None:
            raise KeysError(f"no keys are taken from where the issuer says: {wrong}")
        return url

    def _told(self) -> dict[str, object]:
        first, second = _well_known(self._issuer)
        try:
            answer = self._web.get(first)
        except MissingError:
            answer = self._web.get(second)
        try:
            return objects.read(answer.body)
        except objects.UnreadableError as error:
            raise KeysError(f"what the issuer tells of itself cannot be read: {error}") from None


def _well_known(issuer: str) -> tuple[str, str]:
    """Return where an issuer tells of itself: as OpenID Connect has it, after its path, and as RFC 8414, before it."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    home = f"{parts.scheme}://{parts.netloc}"
    return (
        f"{home}{path}/.well-known/openid-configuration",
        f"{home}/.well-known/oauth-authorization-server{path}",
    )


def _found_at(url: str, web: Web, read: Read) -> Found:
    answer = web.get(url)
    keys = read(answer.body)
    told = [each for each in (answer.fresh, keys.refresh) if each is not None]
    return Found(keys, min(told, default=None))


# --------------------------------------------------------------------------------------------------------------- files

_OPEN: Final = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


class File:
    """Keys that stand in a file. They are made anew only where the file says something else than before."""

    def __init__(self, path: str, read: Read) -> None:
        self._path, self._read = path, read
        self._before: tuple[bytes, Found] | None = None

    def read(self) -> Found:
        """Return the keys that stand there now."""
        data = self._data()
        if self._before is None or self._before[0] != data:
            self._before = data, Found(self._read(data))
        return self._before[1]

    def _data(self) -> bytes:
        try:
            # A link is followed: whoever mounts files swaps them by one.
            handle = os.open(self._path, _OPEN)
        except (OSError, ValueError) as error:
            raise self._error(error) from None
        try:
            self._check(os.fstat(handle))
            with os.fdopen(handle, "rb", closefd=False) as file:
                data = file.read(LARGEST + 1)
        except OSError as error:
            raise self._error(error) from None
        finally:
            os.close(handle)
        if len(data) > LARGEST:
            raise KeysError(f"`{self._path}` is larger than {LARGEST} bytes")
        return data

    def _check(self, found: os.stat_result) -> None:
        """Refuse a file that somebody else may write: who writes it is whoever they want to be."""
        if not stat.S_ISREG(found.st_mode):
            raise KeysError(f"`{self._path}` is no regular file")
        if hasattr(os, "geteuid") and found.st_uid not in (0, os.geteuid()):
            raise KeysError(f"`{self._path}` belongs to another user")
        if found.st_mode & stat.S_IWOTH:
            raise KeysError(f"`{self._path}` may be written by everybody")

    def _error(self, error: Exception) -> KeysError:
        reason = getattr(error, "strerror", None) or type(error).__name__
        return KeysError(f"`{self._path}` cannot be read: {reason.lower()}")
