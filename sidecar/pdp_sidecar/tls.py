"""TLS: the certificate of the server, and those of clients.

Whoever connects is checked by the TLS library against the client authorities. `pdp.identity.certificates` looks at what
it does not check: a connection outlives the certificate that it began with, so who is at its other end is asked anew
for each call.
"""

from __future__ import annotations

import datetime as _datetime
import os
import re
import ssl
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from pdp.classes import dataclass
from pdp.configuration.secret import Secret, SecretError, read_file
from pdp.identity.certificates import extension_of, identities_of

Clock = Callable[[], _datetime.datetime]

_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class TlsError(Exception):
    """Nothing can be served by TLS so; the message says why, and `help` what to do."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.help = help


def utc_now() -> _datetime.datetime:
    """Return the time of the wall clock."""
    return _datetime.datetime.now(_datetime.UTC)


# ------------------------------------------------------------------------------------------------- what is served by


@dataclass(frozen=True, slots=True)
class Material:
    """What a server shows, and whom it believes; `authorities` is None where it asks no client for a certificate."""

    certificate: bytes
    key: bytes
    authorities: bytes | None
    begins: _datetime.datetime
    ends: _datetime.datetime


def read_material(cert: str, key: Secret, client_ca: str | None, now: _datetime.datetime) -> Material:
    """Read all that TLS takes; raise TlsError or SecretError for what would not work, or would let in too many."""
    try:
        return _material(cert, key, client_ca, now)
    except (TlsError, SecretError):
        raise
    except Exception as error:
        # Such as a curve that is not known here: what is raised for it differs from one part of a file to another.
        raise TlsError(f"it cannot be read: {error}") from error


def _material(cert: str, key: Secret, client_ca: str | None, now: _datetime.datetime) -> Material:
    chain, secret = read_file(cert), key.read()
    own = _certificates(chain, cert)[0]
    begins, ends = own.not_valid_before_utc, own.not_valid_after_utc
    if not begins <= now < ends:
        raise TlsError(f"the certificate in `{cert}` counts from {_shown(begins)} until {_shown(ends)}", "renew it")
    _check_key(own, secret, cert)
    authorities = None if client_ca is None else read_file(client_ca)
    if authorities is not None and client_ca is not None:
        _check_authorities(_certificates(authorities, client_ca), client_ca, now)
    return Material(chain, secret, authorities, begins, ends)


def _certificates(data: bytes, path: str) -> list[x509.Certificate]:
    try:
        found = [x509.load_pem_x509_certificate(each) for each in _PEM.findall(data)]
    except ValueError as error:
        raise TlsError(f"`{path}` holds a certificate that cannot be read: {error}") from None
    if not found:
        raise TlsError(f"`{path}` holds no certificate in PEM")
    return found


def _check_key(certificate: x509.Certificate, key: bytes, path: str) -> None:
    try:
        public = load_pem_private_key(key, password=None).public_key()
    except (TypeError, ValueError):
        raise TlsError("the key of the certificate is no private key in PEM without a password") from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public.public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise TlsError(
            f"the key is not that of the certificate in `{path}`", "the server's own certificate comes first"
        )


def _check_authorities(found: list[x509.Certificate], path: str, now: _datetime.datetime) -> None:
    for each in found:
        basic = extension_of(each, x509.BasicConstraints)
        if basic is None or not basic.value.ca:
            name = each.subject.rfc4514_string()
            raise TlsError(f"`{path}` holds a certificate that is of no authority: {name}", "name the authority's own")
    if not any(each.not_valid_before_utc <= now < each.not_valid_after_utc for each in found):
        raise TlsError(f"no certificate in `{path}` counts now", "renew it")


def _shown(at: _datetime.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class Certificates:
    """The material of a server, read anew when a file of it is another; what does not hold up then changes nothing."""

    def __init__(
        self,
        cert: str,
        key: Secret,
        client_ca: str | None = None,
        *,
        trust_domain: str | None = None,
        clock: Clock = utc_now,
        told: Callable[[str], object] = lambda _: None,
    ) -> None:
        """Read all of it; raise TlsError or SecretError. `told` hears what became of files that are others later."""
        self.trust_domain = trust_domain
        self._cert, self._key, self._client_ca = cert, key, client_ca
        self._clock, self._told = clock, told
        self._lock = threading.Lock()
        self._seen = self._look()
        self.material = read_material(cert, key, client_ca, clock())

    def refresh(self) -> bool:
        """Read again what changed; tell whether there is other material now. It never raises."""
        with self._lock:
            seen = self._look()
            if seen == self._seen:
                return False
            try:
                found = read_material(self._cert, self._key, self._client_ca, self._clock())
            except (TlsError, SecretError) as error:
                # Once for each state of the files: a half-written pair is read again when the other half is there.
                self._seen = seen
                self._told(f"the certificate is not taken anew: {error}")
                return False
            self._seen = seen
            if found == self.material:
                return False
            self.material = found
            self._told(f"the certificate is taken anew, and counts until {_shown(found.ends)}")
            return True

    def identities(self, certificate: bytes) -> tuple[str, ...]:
        """Return who a client's certificate says it is, now."""
        return identities_of(certificate, self._clock(), self.trust_domain)

    def _look(self) -> tuple[object, ...]:
        paths = [self._cert, self._key.file, self._client_ca]
        return tuple(_state(each) for each in paths if each is not None)

    # ------------------------------------------------------------------------------------------------ for the servers

    def credentials(self) -> grpc.ServerCredentials:
        """Return what gRPC serves by. It looks at the files for each connection."""
        served = self.material

        def fetch() -> Any:
            nonlocal served
            self.refresh()
            found = self.material
            if found is served:
                # None leaves what is served by as it is.
                return None
            served = found
            return _configuration(found)

        return grpc.dynamic_ssl_server_credentials(_configuration(served), fetch, served.authorities is not None)

    def context(self) -> ssl.SSLContext:
        """Return what a server of Python serves by. It looks at the files for each connection."""
        served = self.material
        first = current = _context(served)

        def look(connection: Any, _name: str | None, _context_: ssl.SSLContext) -> None:
            nonlocal served, current
            self.refresh()
            found = self.material
            if found is not served:
                # Once for each: whoever connects goes on with what could be served by last.
                served = found
                try:
                    current = _context(found)
                except (TlsError, OSError, ValueError) as error:
                    self._told(f"the certificate cannot be served by: {error}")
            connection.context = current

        first.sni_callback = look
        return first


def _configuration(material: Material) -> Any:
    return grpc.ssl_server_certificate_configuration([(material.key, material.certificate)], material.authorities)


def _context(material: Material) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A session that is taken up again would bring the client's certificate of then.
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    _load(context, material)
    if material.authorities is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=material.authorities.decode("ascii", "ignore"))
    return context


def _load(context: ssl.SSLContext, material: Material) -> None:
    """Load certificate and key, which Python takes from files only, by way of one that nobody else can open."""
    both = material.certificate + b"\n" + material.key
    try:
        if hasattr(os, "memfd_create"):
            with os.fdopen(os.memfd_create("pdp", os.MFD_CLOEXEC), "wb") as file:
                file.write(both)
                file.flush()
                context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
        else:
            with tempfile.NamedTemporaryFile() as file:
                file.write(both)
                file.flush()
                context.load_cert_chain(file.name)
    except ssl.SSLError as error:
        raise TlsError(f"the certificate and its key are not taken: {error.reason or error}") from None


def _state(path: str) -> object:
    try:
        found = Path(path).stat()
    except OSError:
        return path, None
    return path, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
