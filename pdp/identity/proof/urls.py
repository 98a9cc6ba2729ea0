"""URLs as proofs name them: what is the same to everybody is written in one way."""

from __future__ import annotations

import re
from typing import Final

_LONGEST: Final = 8192
_URL: Final = re.compile(
    r"""
    (?P<scheme>https?)://
    (?P<host>[a-z0-9._-]{1,255}|\[[0-9a-f:.]{2,45}\])
    (?::(?P<port>[0-9]{0,5}))?
    (?P<path>/(?:[a-z0-9._~!$&'()*+,;=:@/-]|%[0-9a-f]{2})*+)?
    (?:[?\#][!-~]*)?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]", re.ASCII)
_PORTS: Final = {"http": 80, "https": 443}


def normal(url: str) -> str | None:
    """Return a URL without query and fragment, as it is compared (RFC 9449, 4.3; RFC 3986, 6.2.2 and 6.2.3).

    None stands for what is no URL of HTTP, and for what one reader takes for another place than the next: with segments
    of dots, a user, a backslash, or a percent sign that escapes nothing.

    >>> normal("HTTPS://Api.Example.org:443?q=1"), normal("https://api.example.org/%7eada/%2f#top")
    ('https://api.example.org/', 'https://api.example.org/~ada/%2F')
    >>> normal("https://api.example.org/a/../b"), normal("https://me@api.example.org/")
    (None, None)
    """
    found = _URL.fullmatch(url) if len(url) <= _LONGEST else None
    if found is None:
        return None
    scheme, path = found["scheme"].lower(), _ESCAPE.sub(_unescaped, found["path"] or "/")
    if not {".", ".."}.isdisjoint(path.split("/")):
        return None
    port = int(found["port"]) if found["port"] else _PORTS[scheme]
    if not 0 < port < 65_536:
        return None
    shown = "" if port == _PORTS[scheme] else f":{port}"
    return f"{scheme}://{found['host'].lower()}{shown}{path}"


def _unescaped(escape: re.Match[str]) -> str:
    character = chr(int(escape[0][1:], 16))
    return character if _UNRESERVED.fullmatch(character) else escape[0].upper()
