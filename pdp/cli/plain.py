"""The plain way of `pdp decide`: a script asks it often, so it starts without what reads command lines in general.

What is not plain is left to that: help, completion, whatever may be a mistake. Both ways say and answer the same.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Final

_VALUES: Final = ("context", "session", "entities", "approvals", "keys", "request", "at", "revocations")
_PLACES: Final = ("path", "principal", "action", "resource")
_COLORS: Final = ("auto", "always", "never")


def read(arguments: Sequence[str]) -> tuple[str, str, dict[str, Any]] | None:
    """Return the path, when to use colours, and what else is given; None for what is not plain.

    >>> read(["decide", ".", "User:ada", "read", "Page:home", "--help"]) is None
    True
    """
    if os.name == "nt" or "_PDP_COMPLETE" in os.environ or not arguments or arguments[0] != "decide":
        return None
    given: dict[str, Any] = dict.fromkeys((*_VALUES, *_PLACES[1:]))
    places: list[str] = []
    handles: list[str] = []
    color = None
    rest = iter(arguments[1:])
    for argument in rest:
        if not argument.startswith("-"):
            places.append(argument)
        elif argument not in ("--json", "--debug"):
            name, joined, value = argument[2:].partition("=")
            value = value if joined else next(rest, "-?")
            if not argument.startswith("--") or (value.startswith("-") and value != "-"):
                return None
            if name == "handles":
                handles.append(value)
            elif name == "color" and color is None and value in _COLORS:
                color = value
            elif name in _VALUES and given[name] is None:
                given[name] = value
            else:
                return None
    if not 1 <= len(places) <= len(_PLACES) or "" in places:
        return None
    given |= zip(_PLACES[1:], places[1:], strict=False)
    given["handles"] = tuple(handles)
    return places[0], color or "auto", given
