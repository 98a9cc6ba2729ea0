"""What can be set of AuthZEN over HTTP."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from pdp.search import MAX_LIMIT

Count = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]


class Options(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The section `authzen` of the configuration. Each default is one that is safe.

    >>> Options(identifier="http://pdp.example.com")
    Traceback (most recent call last):
    ValueError: `identifier` is an https URL: `http://pdp.example.com` is none
    """

    identifier: str = ""
    """The URL that clients know this decision point by, such as `https://pdp.example.com`. Discovery tells it, and is
    there only with it."""

    types: dict[str, str] = {}
    """What the types of AuthZEN are called in policies, where that is not the same: `{ user = "User" }`."""

    brought: tuple[str, ...] = ()
    """Types of policies of which a request brings a resource by naming it, though it tells nothing of it. Any other
    resource has to be held, or to come with properties."""

    session: str = ""
    """The name in `context` that holds how the subject proved who it is. Without it, no client tells of a session."""

    handles: tuple[str, ...] = ()
    """Obligations that every client fulfils. Others are declared with each request, by `X-PDP-Handles`."""

    searches: bool = True
    """Whether the search endpoints are there."""

    access_requests: bool = False
    """Whether access is asked for here that was denied for want of approvals."""

    denial_seconds: Annotated[int, msgspec.Meta(ge=10, le=86_400)] = 600
    """How long after a denial its access may be asked for."""

    access_seconds: Annotated[int, msgspec.Meta(ge=1, le=366 * 86_400)] = 28_800
    """How long access is asked for, at most, and where a client says nothing of it."""

    max_open_requests: Count = 100
    """Requests for access of one principal that wait for approvals at once."""

    max_searches: Count = 2
    """Searches that run at once. More wait for their turn."""

    page: Annotated[int, msgspec.Meta(ge=1, le=MAX_LIMIT)] = 100
    """Results on a page, where a client asks for no number."""

    max_page: Annotated[int, msgspec.Meta(ge=1, le=MAX_LIMIT)] = 1000
    """Results on a page, whatever a client asks for."""

    max_evaluations: Count = 1000
    """Evaluations in one request."""

    max_body: Count = 1 << 20
    """Bytes of a body."""

    max_head: Count = 32 << 10
    """Bytes of a request line and its headers."""

    max_headers: Count = 100
    """Headers of a request."""

    max_connections: Count = 4096
    """Connections at once. Those beyond get 503, and none are taken beyond twice as many."""

    request_seconds: Seconds = 10.0
    """How long a request may take to arrive, with its body."""

    idle_seconds: Seconds = 75.0
    """How long a connection stays open without a request."""

    def __post_init__(self) -> None:
        if self.identifier:
            parts = urlsplit(self.identifier)
            if parts.scheme != "https" or not parts.hostname:
                raise ValueError(f"`identifier` is an https URL: `{self.identifier}` is none")
            if parts.query or parts.fragment or "?" in self.identifier or "#" in self.identifier or "@" in parts.netloc:
                raise ValueError("`identifier` has neither a query nor a fragment, nor a user")
        elif self.access_requests:
            raise ValueError("`access_requests` needs an `identifier`: clients are told a URL at which to ask")
        if self.page > self.max_page:
            raise ValueError("`page` is at most `max_page`")
