"""Who is at the other end of a gRPC connection."""

from __future__ import annotations

import datetime as _datetime
import hashlib
import os
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import grpc
from cryptography import x509

from pdp_sidecar.callers import Caller, Callers, Peer
from pdp_sidecar.rpc.refusals import Refused

_KEPT: Final = 1024
_NOBODY: Final = "nobody who may ask is at the other end"


class Certificate(NamedTuple):
    """The URI names of a certificate, and when it counts."""

    identities: tuple[str, ...]
    begins: _datetime.datetime
    ends: _datetime.datetime


def clock() -> _datetime.datetime:
    """Return the time of the machine, by which certificates run out."""
    return _datetime.datetime.now(_datetime.UTC)


class Identities:
    """Tells who calls. A certificate is looked at on each call: TLS looks at it once, when the connection begins."""

    def __init__(self, callers: Callers, now: Callable[[], _datetime.datetime] = clock) -> None:
        self._callers, self._now = callers, now
        self._certificates: dict[bytes, Certificate] = {}
        # gRPC shows nothing of who is at the other end of a Unix socket. The kernel let nobody connect whom the mode of
        # the socket and its folder keep out: whoever did counts as the owner of this process.
        self._uid = os.getuid()
        self._beside = callers.of(Peer(uid=self._uid))

    def of(self, context: Any) -> Caller:
        """Return who calls; raise Refused where that is nobody who may ask anything."""
        token = _token(context.invocation_metadata())
        if token == "":
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, _NOBODY)
        is_beside = context.peer().startswith("unix:")
        if is_beside and token is None:
            caller = self._beside
        else:
            uid = self._uid if is_beside else None
            identities = () if is_beside else self._identities(context.auth_context())
            caller = self._callers.of(Peer(uid=uid, identities=identities, token=token))
        if caller is None:
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, _NOBODY)
        return caller

    def _identities(self, shown: Any) -> tuple[str, ...]:
        pems = shown.get("x509_pem_cert", ())
        if not pems:
            return ()
        try:
            certificate = self._certificate(bytes(pems[0]))
        except Exception:
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, "the certificate is none that counts") from None
        if not certificate.begins <= self._now() < certificate.ends:
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, "the certificate has run out")
        return certificate.identities

    def _certificate(self, pem: bytes) -> Certificate:
        digest = hashlib.sha256(pem).digest()
        found = self._certificates.get(digest)
        if found is None:
            if len(self._certificates) >= _KEPT:
                self._certificates.clear()
            found = self._certificates[digest] = _read(pem)
        return found


def _read(pem: bytes) -> Certificate:
    read = x509.load_pem_x509_certificate(pem)
    try:
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        identities = tuple(names.get_values_for_type(x509.UniformResourceIdentifier))
    except x509.ExtensionNotFound:
        identities = ()
    if _is_authority(read):
        raise ValueError("the certificate of an authority signs those of others, and is nobody's (X.509-SVID, 4.1)")
    return Certificate(identities, read.not_valid_before_utc, read.not_valid_after_utc)


def _is_authority(read: x509.Certificate) -> bool:
    try:
        return bool(read.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False


def _token(metadata: Any) -> str | None:
    """Return the bearer token of a call, None where it shows none.

    What else stands there, or stands there twice, is a token that nobody has.
    """
    found: str | None = None
    for name, value in metadata:
        if name == "authorization":
            scheme, _, token = (value if isinstance(value, str) else "").partition(" ")
            found = token.strip() if scheme.lower() == "bearer" and found is None else ""
    return found
