"""Searches as frames bring them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pdp.errors import RequestError
from pdp.search import Page
from pdp_sidecar.callers import Caller
from pdp_sidecar.frames.values import Unreadable
from pdp_sidecar.service import Service


def searching(service: Service, caller: Caller, handles: frozenset[str], fields: Any) -> Callable[[], Any]:
    """Return what searches, for a thread of its own; raise Unreadable for what is no search."""
    searches: dict[Any, Callable[..., Page[Any]]]
    searches = {"who_can": service.who_can, "what_can": service.what_can, "actions": service.actions}
    try:
        method, given, terms = fields
        search = searches[method]
        terms = {**terms, "handles": sorted(handles.union(terms.get("handles", ())))}
    except (TypeError, ValueError, KeyError, AttributeError):
        raise Unreadable("this is no search") from None
    if terms.keys() - _TERMS:
        raise Unreadable("nothing of this name is asked with")

    def work() -> Any:
        try:
            page = search(caller, *given, **terms)
        except TypeError as error:
            raise RequestError("this is no search") from error
        return {"results": list(page.results), "next_token": page.next_token}

    return work


_TERMS: Final = frozenset(("context", "session", "now", "entities", "handles", "limit", "token"))
