"""Engines of other processes, found by the scheme of their address among the clients that are installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Final

from pdp.errors import RequestError, listed

if TYPE_CHECKING:
    from pdp_sidecar.client.aio import AsyncClient
    from pdp_sidecar.client.client import Client

GROUP: Final = "pdp.clients"
"""The group of entry points; each is a module with `connect` and `connect_async`, named by the scheme."""


def connect(target: str, **options: Any) -> Client:
    """Return a client of a sidecar: what asks it has the methods of an engine. See docs/clients.md.

    `target` is `unix:PATH` (frames, the fastest), `grpc:unix:PATH`, `grpcs://host:port`, `grpc://host:port` with
    `insecure=True`, or `https://…` and `http://…` for AuthZEN. `timeout` is how long an answer may take, in seconds;
    `handles` names the obligations that the caller fulfils. `token` says who asks over gRPC and HTTP: a text, or what
    returns one each time that it is called, where it is renewed. Answers are kept while their lease lasts and the
    sidecar is heard of (`leases`, `max_kept`, `max_staleness`). It connects when it is first asked.

    Raises RequestError for a target or an option that there is none of, and for a client that is not installed.

    >>> with connect("unix:/run/nobody.sock", timeout=0.05) as remote:
    ...     from pdp.values import ref
    ...     remote.allows(ref("User", "ada"), "read", ref("Page", "home"))
    False
    """
    client: Client = _client(target, "connect")(target, options)
    return client


def connect_async(target: str, **options: Any) -> AsyncClient:
    """Return a client for an event loop: as `connect`, and each of its methods that asks is awaited."""
    client: AsyncClient = _client(target, "connect_async")(target, options)
    return client


def _client(target: str, name: str) -> Callable[[str, Mapping[str, Any]], Any]:
    given: object = target
    if not isinstance(given, str):
        raise RequestError("the address of a sidecar is a text such as `unix:/run/pdp/pdp.sock`")
    scheme = given.partition(":")[0].lower()
    found = {each.name: each for each in entry_points(group=GROUP)}
    if scheme not in found:
        raise RequestError(f"there is no client for `{scheme}:`; there are {listed(sorted(found), 'none')}")
    made: Callable[[str, Mapping[str, Any]], Any] = getattr(_loaded(found[scheme]), name)
    return made


def _loaded(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except ImportError as error:
        extra = "sidecar" if not entry.extras else ",".join(entry.extras)
        raise RequestError(
            f"the client for `{entry.name}:` needs `{error.name}`: run `pip install 'pdp-engine[{extra}]'`"
        ) from error
