"""Who is at the other end of a gRPC connection."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

import grpc

from pdp.identity.certificates import Leaf, identities_of, leaf_of
from pdp.identity.who import NOTHING, Shown
from pdp_sidecar.callers import Caller, Callers, Peer
from pdp_sidecar.rpc.refusals import Refused
from pdp_sidecar.service import Service

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
        return await self._service.caller(self._callers, self._certified(context.auth_context(), token))

    def _certified(self, told: Any, token: str | None) -> Peer:
        certificates = told.get("x509_pem_cert")
        if not certificates:
            return Peer(token=token)
        certificate = bytes(certificates[0])
        found = self._named(certificate)
        if not found:
            # Whoever shows a certificate that does not count is not somebody who shows none.
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, "the certificate has run out, or names nobody who may ask")
        leaf = leaf_of(certificate)
        return Peer(identities=found, token=token, certificate=leaf, shown=_shown(leaf))


def _shown(leaf: Leaf | None) -> Shown:
    return NOTHING if leaf is None else Shown(certificate=leaf.digest)


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
