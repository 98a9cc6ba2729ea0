"""Who is at the other end of a gRPC connection."""

from __future__ import annotations

import functools
import os
import ssl
from collections.abc import Callable
from typing import Any, Final

import grpc

from pdp.identity.who import NOTHING, Shown
from pdp_sidecar.callers import Caller, Callers, Peer
from pdp_sidecar.identifying import digest_of
from pdp_sidecar.rpc.refusals import Refused
from pdp_sidecar.service import Service
from pdp_sidecar.tls import identities_of

_NOBODY: Final = "nobody who may ask is at the other end"


class Identities:
    """Tells who calls. A certificate is looked at on each call: TLS looks at it once, when the connection begins."""

    def __init__(
        self, service: Service, callers: Callers, named: Callable[[bytes], tuple[str, ...]] = identities_of
    ) -> None:
        """Take whom a certificate names now; nobody where it does not count."""
        self._service, self._callers, self._named = service, callers, named
        # gRPC shows nothing of who is at the other end of a Unix socket. The kernel let nobody connect whom the mode of
        # the socket and its folder keep out: whoever did counts as the owner of this process.
        self._uid = os.getuid()
        self._beside = callers.of(Peer(uid=self._uid))

    async def of(self, context: Any) -> Caller:
        """Return who calls; raise Refused where that is nobody who may ask anything, or TokenError or NotPermitted."""
        token = _token(context.invocation_metadata())
        is_beside = context.peer().startswith("unix:")
        if token is None and is_beside:
            caller = self._beside
        else:
            caller = await self._shown(context, token, is_beside=is_beside)
        if caller is None:
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, _NOBODY)
        return caller

    async def _shown(self, context: Any, token: str | None, *, is_beside: bool) -> Caller | None:
        if token == "":
            return None
        if is_beside:
            return await self._service.caller(self._callers, Peer(uid=self._uid, token=token))
        identities, shown = self._certified(context.auth_context())
        return await self._service.caller(self._callers, Peer(identities=identities, token=token, shown=shown))

    def _certified(self, told: Any) -> tuple[tuple[str, ...], Shown]:
        certificates = told.get("x509_pem_cert")
        if not certificates:
            return (), NOTHING
        certificate = bytes(certificates[0])
        found = self._named(certificate)
        if not found:
            # Whoever shows a certificate that does not count is not somebody who shows none.
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, "the certificate has run out, or names nobody who may ask")
        return found, _shown(certificate)


@functools.lru_cache(maxsize=4096)
def _shown(certificate: bytes) -> Shown:
    return Shown(certificate=digest_of(ssl.PEM_cert_to_DER_cert(certificate.decode("ascii"))))


def _token(metadata: Any) -> str | None:
    """Return the bearer token of a call, None where it shows none, nothing where it shows what is none.

    What stands there twice is none.
    """
    found: str | None = None
    for name, value in metadata:
        if name == "authorization":
            scheme, _, token = (value if isinstance(value, str) else "").partition(" ")
            found = token.strip() if scheme.lower() == "bearer" and found is None else ""
    return found
