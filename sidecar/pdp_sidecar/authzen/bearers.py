"""Subjects that are tokens: `{"type": "pdp:token", "id": "…"}`, with what was shown in their properties."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias, TypeGuard

import msgspec
from msgspec import UNSET, UnsetType

from pdp.errors import TokenError
from pdp.identity.who import NOTHING, Identity, Shown
from pdp_sidecar.authzen.documents import Named
from pdp_sidecar.authzen.reading import Refused
from pdp_sidecar.callers import Caller
from pdp_sidecar.service import Service

TOKEN: Final = "pdp:token"
"""The type of a subject that is told by its token. No type of a policy is called so."""

Found: TypeAlias = Identity | TokenError | Refused


def is_token(subject: Named | UnsetType) -> TypeGuard[Named]:
    """Tell whether a subject is a token."""
    return subject is not UNSET and subject.type == TOKEN


def shown_of(subject: Named) -> Shown:
    """Return what was shown with a token; raise Refused where it is none of that.

    >>> shown_of(Named(TOKEN, "…", {"method": "GET", "url": "https://shop.example.com/orders"})).method
    'GET'
    """
    given: Mapping[str, Any] = subject.properties or {}
    if not given:
        return NOTHING
    unknown = sorted(given.keys() - {"certificate", "proofs", "method", "url"})
    proofs = given.get("proofs", [])
    texts = [*(proofs if type(proofs) is list else [None]), given.get("method", ""), given.get("url", "")]
    if unknown or not all(type(each) is str for each in texts):
        raise Refused(400, "what is shown with a token is `certificate`, `proofs`, `method` and `url`")
    *proofs, method, url = texts
    return Shown(certificate=_digest(given.get("certificate")), proofs=tuple(proofs), method=method, url=url)


def _digest(given: Any) -> bytes | None:
    if given is None:
        return None
    try:
        found = base64.b64decode(f"{given}=", altchars=b"-_", validate=True) if type(given) is str else b""
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != 32:
        raise Refused(400, "`certificate` is the SHA-256 of a certificate, in base64url without padding")
    return found


class Bearers:
    """Whom the tokens of one request speak for, or why that is not known. One that is there twice is looked at once."""

    def __init__(self) -> None:
        self._found: dict[bytes, Found] = {}

    async def look(self, service: Service, caller: Caller, subjects: Iterable[Named | UnsetType]) -> None:
        """Have tokens verified."""
        for each in subjects:
            if is_token(each) and (key := msgspec.json.encode(each)) not in self._found:
                self._found[key] = await _looked(service, caller, each)

    def of(self, subject: Named | UnsetType) -> Identity | None:
        """Return whom a subject speaks for, None for one that is named; raise TokenError or Refused."""
        if not is_token(subject):
            return None
        found = self._found[msgspec.json.encode(subject)]
        if isinstance(found, Exception):
            raise found
        return found


async def _looked(service: Service, caller: Caller, subject: Named) -> Found:
    try:
        return await service.bearer(caller, subject.id, shown_of(subject))
    except (TokenError, Refused) as error:
        return error


NO_BEARERS: Final = Bearers()
