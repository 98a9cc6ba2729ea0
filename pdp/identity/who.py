"""Whom a token speaks for, and how they proved it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pdp.classes import dataclass, field
from pdp.model import Entity
from pdp.session import Session
from pdp.values import EntityRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts for the principal (RFC 8693, 4.1). `ref` is there for the one who acts now, the first of them."""

    subject: str
    issuer: str
    ref: EntityRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whom a token or a certificate speaks for: what `engine.decide` takes as principal and as session.

    `principal` is an entity where the token says something of it, and a reference where it says nothing but who it is.
    `subject` is the issuer's name for it. `actors` are those who act for it, from the one who acts now to the first;
    policies see the first alone, and the others are for the record. `until` is the instant from which it counts no
    more, in microseconds since the epoch. `profile` is which kind of token it was, and `digest` the
    SHA-256 of its text in hexadecimal, by which records name it and do not hold it; both are empty for a certificate.
    `claims` are as they were verified.
    """

    principal: Entity | EntityRef
    session: Session
    issuer: str
    subject: str
    until: int
    token_id: str | None = None
    profile: str = ""
    digest: str = field(default="", compare=False, repr=False)
    actors: tuple[Actor, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def ref(self) -> EntityRef:
        """The name of the principal."""
        return self.principal.ref if isinstance(self.principal, Entity) else self.principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is shown with a token: by it, whoever brings the token proves to have the key that it is bound to.

    `certificate` is the digest of the client's certificate (SHA-256 of its DER), of the connection or as a proxy that
    is trusted tells it. `proofs` are the values of every `DPoP` header, `method` and `url` those of the request that
    they were made for; `nonce` is what the proof has to repeat.
    """

    certificate: bytes | None = None
    proofs: tuple[str, ...] = ()
    method: str = ""
    url: str = ""
    nonce: str | None = None


NOTHING: Final = Shown()


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whoever a token speaks for: what a client of a sidecar asks for in place of a principal, which verifies it.

    >>> Bearer("eyJ…")
    Bearer(shown=Shown(certificate=None, proofs=(), method='', url='', nonce=None))
    """

    token: str = field(repr=False)
    shown: Shown = NOTHING
