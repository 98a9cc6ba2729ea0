"""The names of tasks, which only whoever asked can use, and what is told of a task."""

from __future__ import annotations

import hmac
from base64 import b32encode
from collections.abc import Iterable
from typing import Any, Final

from pdp.approvals.asking import Term
from pdp.approvals.ledger import AccessRequest
from pdp.classes import dataclass
from pdp.values import Datetime

_REQUEST: Final = 26
_KEY: Final = 16
_RULE: Final = 8
_WHOSE: Final = 26
LENGTH: Final = _REQUEST + _RULE + _WHOSE
"""The characters of a name."""


@dataclass(frozen=True, slots=True)
class Handle:
    """What a name stands for: a request on record, and what tells the rule that it is about."""

    request: str
    rule: str


class Names:
    """Makes names with a key, by which it knows them again: nothing of them is kept.

    >>> names = Names(bytes(32))
    >>> made = names.task("k3v9x2m7k3v9x2m7k3v9x2m7k3", "reviewed", "shop")
    >>> names.handle(made, "shop").request, names.handle(made, "another")
    ('k3v9x2m7k3v9x2m7k3v9x2m7k3', None)
    """

    def __init__(self, key: bytes) -> None:
        """Take 32 bytes that nobody else knows."""
        self._key = key

    def request(self, whose: str, key: str, body: str) -> tuple[str, str]:
        """Return the beginning that requests by somebody under one key have, and the name of one of such a body."""
        begins = self._mac(_KEY, "key", whose, key)
        return begins, begins + self._mac(_REQUEST - _KEY, "body", begins, body)

    def task(self, request: str, rule: str, whose: str) -> str:
        """Return the name by which somebody asks what became of a request."""
        about = self._mac(_RULE, "rule", request, rule)
        return f"{request}{about}{self._mac(_WHOSE, 'task', request, about, whose)}"

    def handle(self, name: str, whose: str) -> Handle | None:
        """Return what a name stands for, None for one that is not for whoever asks."""
        request, about = name[:_REQUEST], name[_REQUEST : _REQUEST + _RULE]
        made = f"{request}{about}{self._mac(_WHOSE, 'task', request, about, whose)}"
        if len(name) != LENGTH or not hmac.compare_digest(made.encode(), name.encode("utf-8", "replace")):
            return None
        return Handle(request, about)

    def rule(self, handle: Handle, rules: Iterable[str]) -> str | None:
        """Return which of some rules it is about, None where that is none of them any more."""
        made = {self._mac(_RULE, "rule", handle.request, each): each for each in rules}
        return made.get(handle.rule)

    def approval(self, request: str) -> str:
        """Return the name of what was approved."""
        return self._mac(_WHOSE, "approval", request)

    def _mac(self, length: int, *parts: str) -> str:
        # Each with its length: no two lists of parts are one text.
        text = "".join(f"{len(each)}:{each}" for each in parts)
        found = hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")
        return b32encode(found).decode("ascii").lower()[:length]


def status(request: AccessRequest, term: Term | None, now: Datetime) -> str:
    """Return what became of a request, in the words of the profile. Only `approved` is any good to anybody."""
    if request.closed:
        return "denied" if request.closed == "rejected" else "cancelled"
    if not request.counts:
        return "cancelled"
    if term is not None:
        # What has lapsed is over: a task does not wait twice.
        return "approved" if now < term.until else "expired"
    return "pending" if request.is_open(now) else "expired"


def document(url: str, name: str, request: AccessRequest, term: Term | None, now: Datetime, id: str) -> dict[str, Any]:
    """Return what whoever asked is told: nobody's name, nor why."""
    found = status(request, term, now)
    until = str(request.wanted.until)
    told: dict[str, Any] = {
        "task": {"id": name, "status": found, "status_endpoint": f"{url}/{name}", "expires_at": until}
    }
    if found == "approved" and term is not None:
        approval = {"id": id, "approved_at": str(term.since), "approved_until": str(term.until)}
        told["result"] = {"mode": "reevaluate", "approval": approval}
    return told
