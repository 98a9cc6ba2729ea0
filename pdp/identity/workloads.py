"""Workloads that show a certificate (X.509-SVID): TLS has verified it, and what it names is what they are."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, NoReturn

from pdp.errors import TokenError
from pdp.identity import spiffe
from pdp.identity.options import WorkloadOptions
from pdp.identity.who import Identity
from pdp.model import Entity
from pdp.session import Session
from pdp.values import DATETIME_MAX, Datetime, EntityRef


def certified(
    domains: Mapping[str, WorkloadOptions],
    identities: tuple[str, ...],
    digest: bytes | None,
    *,
    now: int,
    issued_at: int | None = None,
    until: int | None = None,
) -> Identity:
    """Return whom a certificate names, as the entry of its trust domain has it; raise TokenError.

    What it says of time is in microseconds since the epoch. Without `issued_at`, nobody knows when the workload proved
    what it is, and so a revocation of any instant reaches it.
    """
    name = spiffe.read(identities[0]) if len(identities) == 1 else None
    if name is None or not name.path:
        _refuse("the certificate does not have exactly one SPIFFE id of a workload")
    options = domains.get(name.domain)
    if options is None:
        _refuse("the certificate is of a trust domain that nobody is configured for")
    if until is not None and until <= now:
        _refuse("the certificate has run out")
    issuer = f"spiffe://{name.domain}"
    found: dict[str, Any] = {"mfa": False, "methods": [], "bound": True, "issuer": issuer}
    if digest is not None:
        found["key_id"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    if issued_at is not None:
        found["issued_at"] = found["authenticated_at"] = Datetime(min(issued_at, now))
    if until is not None:
        found["expires_at"] = Datetime(until)
    return Identity(
        principal=_principal(options, str(name)),
        session=Session(found),
        issuer=issuer,
        subject=str(name),
        until=DATETIME_MAX if until is None else until,
    )


def _principal(options: WorkloadOptions, name: str) -> Entity | EntityRef:
    parents = tuple(EntityRef(type_, each) for type_, ids in options.groups.items() for each in ids)
    return Entity(options.type, name, {}, parents) if parents else EntityRef(options.type, name)


def _refuse(message: str) -> NoReturn:
    raise TokenError(message, code="wrong_certificate")
