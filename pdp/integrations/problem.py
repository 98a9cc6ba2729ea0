"""A denial as a client sees it: an RFC 9457 problem, and of its reasons no more than it may know."""

from __future__ import annotations

from typing import Any

from pdp.enforcement import Denied
from pdp.model import Need, Remedy

MEDIA_TYPE = "application/problem+json"
TITLES = {401: "Unauthorized", 403: "Forbidden"}


def problem(status: int, denied: Denied | None = None, *, reveal: bool = False) -> dict[str, Any]:
    """Return the problem. `reveal` shows what it would take; names of rules and the reason are never shown.

    >>> problem(403)
    {'type': 'about:blank', 'title': 'Forbidden', 'status': 403}
    """
    found: dict[str, Any] = {"type": "about:blank", "title": TITLES[status], "status": status}
    if reveal and denied is not None and denied.remedies:
        found["remedies"] = remedies(denied)
    return found


def remedies(denied: Denied) -> list[dict[str, Any]]:
    """Return the ways out of a denial: each is all of `needs`, and of each of `lifts` any one."""
    return [_remedy(remedy) for remedy in denied.remedies]


def _remedy(remedy: Remedy) -> dict[str, Any]:
    found: dict[str, Any] = {"needs": _texts(remedy.needs)}
    if remedy.lifts:
        found["lifts"] = [_texts(lift.one_of) for lift in remedy.lifts]
    return found


def _texts(needs: tuple[Need, ...]) -> list[str]:
    return [need.text for need in needs]
