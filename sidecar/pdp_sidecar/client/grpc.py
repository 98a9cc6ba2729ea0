"""`grpc:unix:PATH`, `grpcs://host:port`, and `grpc://host:port` where that is told to be safe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import grpc

from pdp.errors import RequestError
from pdp_sidecar.client.aio import AsyncClient
from pdp_sidecar.client.aiorpc import AsyncRpcWire
from pdp_sidecar.client.asking import Options, options
from pdp_sidecar.client.client import Client
from pdp_sidecar.client.failures import Refused
from pdp_sidecar.client.rpc import RpcWire


def connect(target: str, given: Mapping[str, Any]) -> Client:
    """Return a client; it connects when it is first asked. Raises RequestError."""
    found = options(given)
    return Client(RpcWire(*_where(target, found)), found)


def connect_async(target: str, given: Mapping[str, Any]) -> AsyncClient:
    """Return a client for event loops; it connects when it is first asked. Raises RequestError."""
    found = options(given)
    return AsyncClient(AsyncRpcWire(*_where(target, found)), found)


_HELP: Final = "an address of gRPC is grpc:unix:PATH, grpcs://host:port, or grpc://host:port with `insecure=True`"


def _where(target: str, found: Options) -> tuple[str, Any, Callable[[], Any] | None]:
    scheme, _, rest = target.partition(":")
    if scheme.lower() == "grpc" and rest.startswith("unix:"):
        if not rest.removeprefix("unix:"):
            raise RequestError(_HELP)
        return rest, found.asker, None
    address = rest.removeprefix("//").rstrip("/")
    if not rest.startswith("//") or not address or "/" in address:
        raise RequestError(_HELP)
    if scheme.lower() == "grpcs":
        return address, found.asker, lambda: _credentials(found)
    if not found.insecure:
        raise RequestError(
            "whoever is on the way could answer in place of the sidecar: use grpcs://, or say `insecure=True`"
        )
    return address, found.asker, None


def _credentials(found: Options) -> Any:
    try:
        parts = [None if path is None else Path(path).read_bytes() for path in (found.ca, found.key, found.certificate)]
    except OSError as error:
        raise Refused("untrusted", f"{error.filename} cannot be read: {error.strerror}") from error
    return grpc.ssl_channel_credentials(*parts)
