"""Who is at the other end of a gRPC connection."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

import grpc

from pdp.identity.certificates import identities_of
from pdp_sidecar.callers import Caller, Callers, Peer
from pdp_sidecar.rpc.refusals import Refused

_NOBODY: Final = "nobody who may ask is at the other end"


class Identities:
    """Tells who calls. A certificate is looked at on each call: TLS looks at it once, when the connection begins."""

    def __init__(self, callers: Callers, named: Callable[[bytes], tuple[str, ...]] = identities_of) -> None:
        """Take whom a certificate names now; nobody where it does not count."""
        self._callers, self._named = callers, named
        # gRPC shows nothing of who is at the other end of a Unix socket. The kernel let nobody connect whom the mode of
        # the socket and its folder keep out: whoever did counts as the owner of this process.
        self._uid = os.getuid()
        self._beside = callers.of(Peer(uid=self._uid))

    def of(self, context: Any) -> Caller:
        """Return who calls; raise Refused where that is nobody who may ask anything."""
        token = _token(context.invocation_metadata())
        is_beside = context.peer().startswith("unix:")
        caller = self._beside if token is None and is_beside else self._shown(context, token, is_beside=is_beside)
        if caller is None:
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, _NOBODY)
        return caller

    def _shown(self, context: Any, token: str | None, *, is_beside: bool) -> Caller | None:
        if token == "":
            return None
        if is_beside:
            return self._callers.of(Peer(uid=self._uid, token=token))
        return self._callers.of(Peer(identities=self._identities(context.auth_context()), token=token))

    def _identities(self, shown: Any) -> tuple[str, ...]:
        certificates = shown.get("x509_pem_cert")
        if not certificates:
            return ()
        found = self._named(bytes(certificates[0]))
        if not found:
            # Whoever shows a certificate that does not count is not somebody who shows none.
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, "the certificate has run out, or names nobody who may ask")
        return found


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
