"""Paths that may be read in two ways: by whoever decides, and by whoever acts."""

from __future__ import annotations

import re

# An encoded slash or backslash; in the decoded path, what was encoded twice.
_ENCODED = re.compile(rb"%(?:2f|5c)", re.IGNORECASE)
_STRANGE = re.compile(r"[\\\x00-\x1f\x7f]|%(?:2f|5c|2e|25)", re.IGNORECASE)


def is_ambiguous(path: str, raw_path: bytes | None) -> bool:
    """Tell whether a router, a proxy and a mapping may disagree about where a path leads.

    >>> is_ambiguous("/services/pay", b"/services/pay"), is_ambiguous("/", None)
    (False, False)
    >>> is_ambiguous("/public/../admin", None), is_ambiguous("/admin/x", b"/admin%2Fx"), is_ambiguous("//admin", None)
    (True, True, True)
    """
    if not path.startswith("/") or "//" in path or _STRANGE.search(path):
        return True
    if any(segment in (".", "..") for segment in path.split("/")):
        return True
    return raw_path is not None and (b"//" in raw_path or b"\\" in raw_path or bool(_ENCODED.search(raw_path)))
