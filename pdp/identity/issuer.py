"""One issuer whose tokens are taken, and the ports that its parts have."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Protocol

from pdp.classes import dataclass, field
from pdp.errors import TokenError
from pdp.identity.options import IssuerOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A public key that may verify: with one algorithm alone, whatever a token says.

    `material` is a key of `cryptography`. `kid` is the name that its issuer gives it, empty for none.
    """

    kid: str
    algorithm: str
    material: Any = field(repr=False)


class UnknownKeyError(TokenError):
    """There is no such key, or no keys yet. `coming` is done once those on their way are here, if any are."""

    def __init__(self, message: str, *, code: str, coming: Future[None] | None = None) -> None:
        super().__init__(message, code=code, passing=coming is not None or code == "keys_unavailable")
        self.coming = coming


class Keys(Protocol):
    """The keys of one issuer. None of this waits for a network."""

    def find(self, kid: str, algorithm: str) -> Key:
        """Return a key; raise UnknownKeyError for one that is not there.

        A key that is known is never held up by a refresh. For one that is not, a refresh is begun off this thread, at
        most once in each cool-down. `kid` is empty for a token that names none.
        """

    def suspect(self, key: Key) -> Future[None] | None:
        """Say that a signature was none of this key: its issuer may have given its name to another.

        Return what is done once the keys are read again; None where they were read within the cool-down.
        """

    def start(self) -> Future[None]:
        """Begin to read them; return what is done once they are there, or could not be had."""

    def close(self) -> None:
        """Read them no more."""

    @property
    def problem(self) -> str | None:
        """What is wrong with them, for those who run this; None where nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """An issuer, checked: its options, and where its keys come from."""

    options: IssuerOptions
    keys: Keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A token whose signature, times, audience and kind were verified. `until` is in microseconds since the epoch."""

    issuer: Issuer
    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    key: Key
    until: int
