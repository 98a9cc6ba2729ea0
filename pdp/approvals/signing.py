"""Ed25519: who signs, and whether a signature is right. What does it is imported when there is something to sign."""

from __future__ import annotations

import base64
import binascii
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from pdp.errors import RecordError, RequestError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PREFIX: Final = "ed25519:"
_OTHERS: Final = 0o077
_LIMIT: Final = 65_536
_MISSING: Final = "approvals are signed by the package `cryptography` (help: `pip install 'pdp-engine[approvals]'`)"


class Signing(Protocol):
    """Who signs: `pdp.Signer`, or something that asks a device."""

    key: str

    def sign(self, message: bytes) -> bytes:
        """Return the signature of some bytes."""


class Signer:
    """Signs in the name of whoever the file of keys says that the key belongs to.

    Something else with a `key` and a `sign`, such as one that asks a device, may stand for it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = Signer.create(f"{folder}/key.pem")
    ...     again = Signer.load(f"{folder}/key.pem")
    >>> made.key == again.key, made.key[:8]
    (True, 'ed25519:')
    """

    def __init__(self, private: Ed25519PrivateKey) -> None:
        """Take a private key of Ed25519."""
        self._private = private
        self.key = written_key(private.public_key().public_bytes_raw())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Signer:
        """Read a private key in PEM from a file that is the user's alone; raise RequestError for anything else."""
        return cls.of_pem(_read(os.fspath(path)), os.fspath(path))

    @classmethod
    def of_pem(cls, data: bytes, shown: str) -> Signer:
        """Return who signs with a private key in PEM, which messages call as it is `shown`; raise RequestError."""
        try:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
            from cryptography.hazmat.primitives.serialization import load_pem_private_key
        except ImportError:
            raise RequestError(_MISSING) from None
        try:
            private = load_pem_private_key(data, None)
        except TypeError:
            raise RequestError(f"{shown}: the key is locked by a password, and pdp asks for none") from None
        except Exception as error:
            # Whatever it finds wrong with what is no key.
            raise RequestError(f"{shown}: this is no private key in PEM") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise RequestError(f"{shown}: this is no key of Ed25519 (help: `pdp key new` makes one)")
        return cls(private)

    @classmethod
    def of_seed(cls, seed: bytes) -> Signer:
        """Return who signs with the private key that 32 bytes make; raise RequestError where nothing makes keys."""
        try:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        except ImportError:
            raise RequestError(_MISSING) from None
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def create(cls, path: str | os.PathLike[str]) -> Signer:
        """Make a new key, and write it into a file that is the user's alone; raise RequestError where that fails."""
        try:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
            from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
        except ImportError:
            raise RequestError(_MISSING) from None
        private = Ed25519PrivateKey.generate()
        data = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write(os.fspath(path), data)
        return cls(private)

    def sign(self, message: bytes) -> bytes:
        """Return the signature of some bytes."""
        return self._private.sign(message)


def verify(key: str, signature: bytes, message: bytes) -> bool:
    """Tell whether a signature is that of some bytes by a key; raise RecordError where nobody can tell."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        raise RecordError(_MISSING) from None
    try:
        Ed25519PublicKey.from_public_bytes(read_key(key)).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def read_key(text: str) -> bytes:
    """Return the public key that a text names; raise ValueError where it is not the one text for one."""
    body = text.removeprefix(PREFIX)
    try:
        found = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("this is no key") from None
    if len(found) != 32 or written_key(found) != text:
        raise ValueError("this is no key")
    return found


def written_key(public: bytes) -> str:
    """Return the text that names a public key."""
    return PREFIX + base64.b64encode(public).decode()


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # what is checked is what is read
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise RequestError(f"{path}: this is no regular file")
            if found.st_uid != os.geteuid():
                raise RequestError(f"{path}: the file belongs to another user")
            if found.st_mode & _OTHERS:
                # INVARIANT: whoever can read the key can approve in its name.
                raise RequestError(f"{path}: others may use the file (help: `chmod 600`)")
            return file.read(_LIMIT)
    except (OSError, ValueError) as error:
        raise RequestError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _write(path: str, data: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            Path(path).unlink()
            raise
    except FileExistsError:
        raise RequestError(f"{path}: there is a file already, and a key is never written over") from None
    except (OSError, ValueError) as error:
        raise RequestError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
