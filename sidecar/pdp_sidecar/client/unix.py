"""`unix:PATH`: frames on a Unix socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pdp.errors import RequestError
from pdp_sidecar.client.asking import options
from pdp_sidecar.client.client import Client
from pdp_sidecar.client.frames import FrameWire

if TYPE_CHECKING:
    from pdp_sidecar.client.aio import AsyncClient


def connect(target: str, given: Mapping[str, Any]) -> Client:
    """Return a client; it connects when it is first asked. Raises RequestError."""
    found = options(given)
    return Client(FrameWire(path_of(target), found.asker), found)


def connect_async(target: str, given: Mapping[str, Any]) -> AsyncClient:
    """Return a client for event loops; it connects when it is first asked. Raises RequestError."""
    # Who asks from threads has no use for an event loop.
    from pdp_sidecar.client.aio import AsyncClient
    from pdp_sidecar.client.aioframes import AsyncFrameWire

    found = options(given)
    return AsyncClient(AsyncFrameWire(path_of(target), found.asker), found)


def path_of(target: str) -> str:
    """Return the path that a target names, `unix:PATH` or `unix:///PATH`; raise RequestError for none."""
    path = target.removeprefix("unix:")
    if path.startswith("//"):
        path = path[2:]
    if not path or "\0" in path:
        raise RequestError("a Unix socket is named by its path: unix:/run/pdp/pdp.sock")
    return path
