"""Bodies of JSON that others send: an object of unique names, or nothing."""

from __future__ import annotations

import json
from typing import Any


class DocumentError(Exception):
    """A body is no object of JSON that says one thing. The message holds nothing of it."""


def read(body: bytes) -> dict[str, Any]:
    """Return what a body says; raise DocumentError.

    >>> read(b'{"active": true}')
    {'active': True}
    >>> read(b'{"active": false, "active": true}')
    Traceback (most recent call last):
    pdp.identity.revoking.documents.DocumentError: a name is there twice in one object
    """
    try:
        found = json.loads(body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant)
    except RecursionError:
        raise DocumentError("it is nested too deep") from None
    except ValueError:
        # Bytes that are no text, text that is no JSON, and numbers of more digits than Python reads.
        raise DocumentError("it is no JSON in UTF-8") from None
    if not isinstance(found, dict):
        raise DocumentError("it is no object")
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # Of two that differ, whoever sends it may mean the one and a reader take the other.
        raise DocumentError("a name is there twice in one object")
    return found


def _constant(name: str) -> Any:
    raise DocumentError(f"{name} is no number of JSON")
