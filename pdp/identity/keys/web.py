"""Documents by HTTP, from servers that may be slow, broken or hostile.

An address is one of `https`, or of this machine. Nothing leads elsewhere: no redirect, no proxy of the environment.
"""

from __future__ import annotations

import math
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import httpcore

from pdp.classes import dataclass
from pdp.configuration.secret import Secret, SecretError
from pdp.identity.addresses import wrong_url
from pdp.identity.jwk import KeysError

LARGEST: Final = 256 * 1024
"""Bytes of an answer, before it is unpacked and after."""

_ASKED: Final = ((b"Accept", b"application/json"), (b"Accept-Encoding", b"identity"), (b"User-Agent", b"pdp"))


class MissingError(KeysError):
    """The server answers, and has no such document."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A document, and for how many seconds the server says that it may be kept; None where it does not say."""

    body: bytes
    fresh: float | None = None


class Web(Protocol):
    """What fetches a document: all that the stores of keys know of networks."""

    def get(self, url: str) -> Answer:
        """Return a document; raise KeysError where it cannot be had, or MissingError where there is none."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token that a server wants to be asked with. `home` is an address of it: no other host is shown the token."""

    home: str
    secret: Secret

    def headers(self, url: str) -> list[tuple[bytes, bytes]]:
        """Return what to ask for an address with; raise KeysError where the token cannot be had."""
        if urlsplit(url)[:2] != urlsplit(self.home)[:2]:
            return []
        try:
            # It is read each time: those of Kubernetes are good for an hour.
            return [(b"Authorization", b"Bearer " + self.secret.text().encode("ascii"))]
        except SecretError as error:
            raise KeysError(f"the token to ask for keys with cannot be had: {error.message}") from None


class Client:
    """Fetches documents, each by a connection of its own, which ends after `timeout` seconds whatever comes over it."""

    def __init__(
        self,
        timeout: float,
        ca: str | None = None,
        bearer: Bearer | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._timeout, self._ca, self._bearer, self._monotonic = timeout, ca, bearer, monotonic

    def get(self, url: str) -> Answer:
        """Return what stands at an address."""
        wrong = wrong_url(url)
        if wrong is not None:
            raise KeysError(f"`{url}` is not asked: {wrong}")
        headers = [*_ASKED, *(self._bearer.headers(url) if self._bearer is not None else ())]
        try:
            with (
                httpcore.ConnectionPool(
                    ssl_context=self._trust() if url.startswith("https:") else None,
                    network_backend=_Backend(self._monotonic() + self._timeout, self._monotonic),
                ) as pool,
                pool.stream("GET", url, headers=headers) as response,
            ):
                return _answer(url, response)
        except httpcore.TimeoutException:
            raise KeysError(f"`{url}` gave no answer within {self._timeout:g} seconds") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError) as error:
            raise KeysError(f"`{url}` cannot be read: {_told(error)}") from None

    def _trust(self) -> ssl.SSLContext:
        # It is read each time: whoever runs this may have changed the file.
        try:
            return ssl.create_default_context(cafile=self._ca)
        except OSError as error:
            raise KeysError(f"`{self._ca}` holds no certificates: {error.strerror or 'it is none of PEM'}") from None


def _told(error: BaseException) -> str:
    """Return what went wrong on the way, without anything of what the server sent."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, socket.gaierror):
            return "there is no host of this name"
        if isinstance(cause, OSError) and cause.strerror and not isinstance(cause, ssl.SSLError):
            return cause.strerror.lower()
        cause = cause.__cause__ or cause.__context__
    return (
        "the server does not speak HTTP as it should" if isinstance(error, httpcore.ProtocolError) else "no connection"
    )


# ------------------------------------------------------------------------------------------------------------- answers


def _answer(url: str, response: httpcore.Response) -> Answer:
    headers: dict[str, str] = {}
    for name, value in response.headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    _check_status(url, response.status)
    packed = headers.get("content-encoding", "identity").strip().lower()
    if packed not in ("identity", "gzip", "x-gzip"):
        raise KeysError(f"`{url}` answers in a form that is not asked for")
    raw = _bounded(url, response.iter_stream())
    return Answer(raw if packed == "identity" else _unpacked(url, raw), _fresh(headers))


def _check_status(url: str, status: int) -> None:
    if status in (404, 410):
        raise MissingError(f"`{url}` is not there: the server says {status}")
    if 300 <= status < 400:
        raise KeysError(f"`{url}` leads elsewhere, where nobody goes: the server says {status}")
    if status != 200:
        raise KeysError(f"`{url}` cannot be had: the server says {status}")


def _bounded(url: str, chunks: Iterable[bytes]) -> bytes:
    found = bytearray()
    for chunk in chunks:
        found += chunk
        if len(found) > LARGEST:
            raise KeysError(f"`{url}` is larger than {LARGEST} bytes")
    return bytes(found)


def _unpacked(url: str, raw: bytes) -> bytes:
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        # INVARIANT: no more is unpacked than may be, however much is packed into it.
        found = unpacking.decompress(raw, LARGEST + 1)
    except zlib.error:
        raise KeysError(f"`{url}` is not packed as it says") from None
    if len(found) > LARGEST:
        raise KeysError(f"`{url}` is larger than {LARGEST} bytes")
    if not unpacking.eof or unpacking.unused_data:
        raise KeysError(f"`{url}` is not packed as it says")
    return found


def _fresh(headers: Mapping[str, str]) -> float | None:
    """Return for how long an answer may be kept (RFC 9111); what cannot be read says nothing."""
    said = [each.strip().lower() for each in headers.get("cache-control", "").split(",")]
    if "no-store" in said or any(each.partition("=")[0] == "no-cache" for each in said):
        return 0.0
    ages = [_seconds(each.removeprefix("max-age=")) for each in said if each.startswith("max-age=")]
    known = [each for each in ages if each is not None]
    return max(min(known) - (_seconds(headers.get("age", "")) or 0.0), 0.0) if known else None


def _seconds(text: str) -> float | None:
    text = text.strip('"')
    return float(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


# --------------------------------------------------------------------------------------------------------- connections


class _Backend(httpcore.NetworkBackend):
    """Connections that all end at one moment: a server that sends a byte now and then would hold others for ever."""

    def __init__(self, deadline: float, monotonic: Callable[[], float]) -> None:
        self._deadline, self._monotonic = deadline, monotonic
        self._real = httpcore.SyncBackend()

    def left(self) -> float:
        """Return how many seconds are left, which are some."""
        found = self._deadline - self._monotonic()
        if not found > 0 or not math.isfinite(found):
            raise httpcore.TimeoutException
        return found

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._real.connect_tcp(host, port, self.left(), local_address, socket_options)
        return _Stream(stream, self)

    def sleep(self, seconds: float) -> None:
        """Nothing is tried twice."""


class _Stream(httpcore.NetworkStream):
    def __init__(self, real: httpcore.NetworkStream, backend: _Backend) -> None:
        self._real, self._backend = real, backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._real.read(max_bytes, self._backend.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._real.write(buffer, self._backend.left())

    def close(self) -> None:
        self._real.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._real.start_tls(ssl_context, server_hostname, self._backend.left()), self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._real.get_extra_info(info)
