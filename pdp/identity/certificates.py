"""What a certificate of a workload says (X.509-SVID), and the SPIFFE ids that workloads have.

A TLS library tells whether an authority vouches for a certificate. What it does not look at is looked at here. It needs
`cryptography` and nothing else.
"""

from __future__ import annotations

import datetime as _datetime
import functools
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pdp.classes import dataclass, field
from pdp.clocks import wall_clock
from pdp.digests import sha256
from pdp.identity import spiffe

_LARGEST: Final = 65_536


def domain_of(identity: str) -> str | None:
    """Return the trust domain of a SPIFFE id that names a workload, None for what is none.

    >>> domain_of("spiffe://example.org/ci/build")
    'example.org'
    >>> domain_of("spiffe://example.org/ci/../shop"), domain_of("spiffe://example.org"), domain_of("https://example.org/ci")
    (None, None, None)
    """
    found = spiffe.read(identity)
    return found.domain if found is not None and found.path else None


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a certificate of a client says: its one SPIFFE id, None where it is of nobody, and when it counts.

    `digest` is what tokens are bound to: SHA-256 of its DER.
    """

    identity: str | None
    begins: _datetime.datetime
    ends: _datetime.datetime
    digest: bytes = field(repr=False)

    def counts(self, now: _datetime.datetime) -> bool:
        """Tell whether it is neither of the past nor of the future."""
        return self.begins <= now < self.ends


def leaf_of(certificate: bytes) -> Leaf | None:
    """Return what a certificate says, in DER or PEM; None for what is none. The same one is read once."""
    return _read(certificate) if len(certificate) <= _LARGEST else None


@functools.lru_cache(maxsize=4096)
def _read(certificate: bytes) -> Leaf | None:
    try:
        read = (
            x509.load_pem_x509_certificate if certificate.lstrip()[:5] == b"-----" else x509.load_der_x509_certificate
        )
        found = read(certificate)
        digest = sha256(found.public_bytes(Encoding.DER)).digest()
        return Leaf(_identity(found), found.not_valid_before_utc, found.not_valid_after_utc, digest)
    except Exception:
        # Whatever cannot be made out is of nobody.
        return None


def identities_of(
    certificate: bytes, now: _datetime.datetime | None = None, trust_domain: str | None = None
) -> tuple[str, ...]:
    """Return the SPIFFE id of a client's certificate that TLS has verified; nothing where it does not count now.

    It is one of exactly one URI name, which is a SPIFFE id of the trust domain, and of no authority (X.509-SVID 1.0).
    """
    leaf = leaf_of(bytes(certificate))
    if leaf is None or leaf.identity is None or not leaf.counts(wall_clock() if now is None else now):
        return ()
    if trust_domain is not None and domain_of(leaf.identity) != trust_domain:
        return ()
    return (leaf.identity,)


def digest_of(certificate: bytes, now: _datetime.datetime | None = None) -> bytes | None:
    """Return the digest of a client's certificate that TLS has verified; None where it does not count now.

    It is what `Shown.certificate` holds. A connection outlives the certificate that it began with, so it is to be asked
    for anew with each request.
    """
    leaf = leaf_of(bytes(certificate))
    return leaf.digest if leaf is not None and leaf.counts(wall_clock() if now is None else now) else None


def extension_of(certificate: x509.Certificate, kind: Any) -> Any:
    """Return an extension of a certificate, None where it has none of the kind. `value` is what it says."""
    try:
        return certificate.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def _identity(certificate: x509.Certificate) -> str | None:
    names = extension_of(certificate, x509.SubjectAlternativeName)
    uris = [] if names is None else names.value.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1 or domain_of(uris[0]) is None:
        return None
    basic, usage = extension_of(certificate, x509.BasicConstraints), extension_of(certificate, x509.KeyUsage)
    if basic is not None and basic.value.ca:
        return None
    if usage is None or not usage.critical or not _signs_alone(usage.value):
        return None
    return str(uris[0])


def _signs_alone(usage: x509.KeyUsage) -> bool:
    return usage.digital_signature and not usage.key_cert_sign and not usage.crl_sign
