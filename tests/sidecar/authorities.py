"""Certificates for tests, of authorities that are made here. Keys are small curves: they are quick to make."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


class Issued(NamedTuple):
    """A certificate and its key, in PEM."""

    certificate: bytes
    key: bytes

    def write(self, folder: Path, name: str) -> tuple[str, str]:
        """Write both; return their paths."""
        cert, key = folder / f"{name}.crt", folder / f"{name}.key"
        cert.write_bytes(self.certificate)
        key.touch(mode=0o600)
        key.write_bytes(self.key)
        return str(cert), str(key)


class Authority:
    """An authority that signs whatever is asked for."""

    def __init__(self, name: str = "an authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        made = _builder(self._name, self._name, self._key, now - DAY, now + 10 * DAY)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        made = made.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        own = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        made = made.add_extension(own, critical=False)
        # Python 3.13 takes no certificate without it.
        self._identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
        self.certificate = made.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def issue(
        self,
        *uris: str,
        begins: datetime.datetime | None = None,
        ends: datetime.datetime | None = None,
        ca: bool = False,
        signs: bool = False,
        usage: tuple[str, ...] = ("digital_signature",),
        critical: bool | None = True,
        dns: str = "localhost",
    ) -> Issued:
        """Issue a certificate for server and client alike; `critical` is None for one without a key usage."""
        now = datetime.datetime.now(datetime.UTC)
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a leaf")])
        made = _builder(name, self._name, key, begins or now - DAY, ends or now + DAY)
        names = [x509.DNSName(dns), *map(x509.UniformResourceIdentifier, uris)]
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        made = made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        if critical is not None:
            used = _usage(**dict.fromkeys(usage, True) | {"key_cert_sign": signs or ca})
            made = made.add_extension(used, critical=critical)
        both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        made = made.add_extension(x509.ExtendedKeyUsage(both), critical=False)
        made = made.add_extension(self._identifier, critical=False)
        own = made.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)
        return Issued(own, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _builder(name: x509.Name, issuer: x509.Name, key: Any, begins: Any, ends: Any) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _usage(**given: bool) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: given.get(name, False) for name in names})
