"""Checked policies and their entities on disk, so that what has not changed is neither parsed nor checked again.

What is kept is data, and nothing else is ever read: no code, no pickle. Whoever can write it could grant himself
anything, so a folder or a file that is not the user's own and closed to all others is never used. What is kept is used
only for the very texts that it was made of, by the very compiler that made it.
"""

from __future__ import annotations

import os
from os import PathLike, fspath
from typing import Final

OFF: Final = "off"


def place(given: str | PathLike[str] | None = None) -> str | None:
    """Return the folder to keep things in, or None for nowhere.

    It is the one given, else `PDP_CACHE` of the environment, else `pdp` in the user's folder of caches.

    >>> place("off") is None
    True
    """
    chosen = fspath(given) if given is not None else os.environ.get("PDP_CACHE", "")
    if chosen == OFF or not hasattr(os, "geteuid"):
        # Where nobody can be told to own a file, none is trusted.
        return None
    if chosen:
        try:
            return os.path.abspath(chosen)
        except OSError:
            # There is no telling where a relative path leads from a folder that has been removed.
            return None
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.expanduser("~/.cache")
    return os.path.join(base, "pdp") if os.path.isabs(base) else None
