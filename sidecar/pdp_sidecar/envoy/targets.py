"""The target of a request: its path, read once and in one way only, its query and its host.

Whoever serves the request reads the path again. Where two servers that keep to their standards could read it in two
ways, there is no saying which is meant, and the request is refused: an answer for `/public` must not open `/admin`.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from pdp_sidecar.envoy.refusals import ambiguous

LONGEST: Final = 8192
MOST_SEGMENTS: Final = 256
MOST_PARAMETERS: Final = 256
_PLAIN: Final = re.compile(r"/[A-Za-z0-9_~:@!$&'()*+,=./-]*\Z")
_VISIBLE: Final = re.compile(r"[\x21-\x7e]*\Z")
_LOOSE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_AGAIN: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_HOST: Final = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)\.?(?::[0-9]{1,5})?\Z")
_DOTS: Final = frozenset({".", ".."})
_MEANT: Final = frozenset("/\\?#;")
"""Characters that mean something in a path. Encoded, some take one for itself, some for its meaning."""


class Target(NamedTuple):
    """A path by its decoded segments, and the query as it came. `/` has one segment, the empty one."""

    segments: tuple[str, ...]
    query: str

    @property
    def path(self) -> str:
        """The path as it is decided for."""
        return "/" + "/".join(self.segments)


def target(text: str, *, normalise: bool = False) -> Target:
    """Read a target; raise Refused where it can be read in two ways.

    Dot segments and doubled slashes are removed where `normalise` says so, and refused otherwise.

    >>> target("/services/pay%20roll?x=1")
    Target(segments=('services', 'pay roll'), query='x=1')
    >>> target("/a/./b//c/../d", normalise=True).path
    Traceback (most recent call last):
    pdp_sidecar.envoy.refusals.Refused: the path has dot segments and doubled slashes
    >>> target("/a/./b/../d", normalise=True).path
    '/a/d'
    """
    if len(text) > LONGEST:
        raise ambiguous("target_too_long", f"the target has more than {LONGEST} characters")
    if not text.startswith("/"):
        raise ambiguous("target_form", "the target is not a path")
    if not _VISIBLE.match(text):
        raise ambiguous("odd_character", "the target holds characters that are not allowed in one")
    if "#" in text:
        raise ambiguous("fragment", "the target holds a fragment")
    raw, _, query = text.partition("?")
    if raw.startswith("//"):
        raise ambiguous("authority_form", "the path begins with two slashes")
    decoded = tuple(raw[1:].split("/")) if _PLAIN.match(raw) else tuple(map(_segment, raw[1:].split("/")))
    if len(decoded) > MOST_SEGMENTS:
        raise ambiguous("too_many_segments", f"the path has more than {MOST_SEGMENTS} segments")
    return Target(_settled(decoded, normalise), query)


def _segment(raw: str) -> str:
    """Decode a segment; raise Refused where that leaves anything that somebody might read as more than a name."""
    if _LOOSE.search(raw):
        raise ambiguous("loose_percent", "the path holds a `%` without two digits")
    text = decode(raw)
    if text is None:
        raise ambiguous("not_utf8", "the path is not UTF-8")
    if not text.isprintable():
        raise ambiguous("odd_character", "the path holds characters that are not printed")
    if _MEANT.intersection(text):
        raise ambiguous("delimiter", "the path holds a backslash or a semicolon, or an encoded slash, `?` or `#`")
    if _AGAIN.search(text):
        raise ambiguous("encoded_twice", "the path is encoded twice")
    if text in _DOTS and raw != text:
        raise ambiguous("encoded_dots", "the path holds encoded dot segments")
    if not text.isascii() and _stands_for_ascii(text):
        raise ambiguous("lookalike", "the path holds characters that some servers take for others")
    return text


def decode(raw: str) -> str | None:
    """Decode what is encoded by percent signs, once; None where that is no UTF-8."""
    try:
        return unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        return None


def _stands_for_ascii(text: str) -> bool:
    """Tell whether compatibility forms (NFKC) turn a character into one that means something in a path."""
    forms = (unicodedata.normalize("NFKC", char) for char in text if not char.isascii())
    return any(not _MEANT.isdisjoint(form) or "." in form or "%" in form for form in forms)


def _settled(segments: tuple[str, ...], normalise: bool) -> tuple[str, ...]:
    dots = not _DOTS.isdisjoint(segments)
    doubled = "" in segments[:-1]
    if not dots and not doubled:
        return segments
    if dots and doubled:
        # `..` takes away an empty segment (RFC 3986), or the one before it where slashes are merged first.
        raise ambiguous("not_normal", "the path has dot segments and doubled slashes")
    if not normalise:
        raise ambiguous("not_normal", "the path has dot segments or doubled slashes")
    return _without_dots(segments) if dots else (*filter(None, segments[:-1]), segments[-1])


def _without_dots(segments: tuple[str, ...]) -> tuple[str, ...]:
    """Remove dot segments (RFC 3986, 5.2.4). What would climb above the root is refused."""
    found: list[str] = []
    for segment in segments:
        if segment == "..":
            if not found:
                raise ambiguous("above_root", "the path climbs above its root")
            found.pop()
        elif segment != ".":
            found.append(segment)
    return tuple(found) if segments[-1] not in _DOTS else (*found, "")


def host(text: str) -> str:
    """Read a host: lower-case, without port and final dot; raise Refused for what is none.

    >>> host("Shop.Example.com:8443")
    'shop.example.com'
    """
    # Before anything else: some letters of other scripts become those of ASCII in lower case.
    found = _HOST.match(text.lower()) if text.isascii() and len(text) <= 300 and ".." not in text else None
    if found is None:
        raise ambiguous("odd_host", "the host is not one name or address")
    return found[1]


def parameters(query: str) -> dict[str, tuple[str, ...]]:
    """Read a query by its names; raise Refused where servers disagree about it."""
    if not query:
        return {}
    if ";" in query or query.count("&") >= MOST_PARAMETERS:
        raise ambiguous("odd_query", "the query holds a semicolon, or too many parameters")
    found: dict[str, tuple[str, ...]] = {}
    for part in filter(None, query.split("&")):
        name, _, value = (decode(each.replace("+", " ")) for each in part.partition("="))
        if name is None or value is None or _LOOSE.search(part):
            raise ambiguous("odd_query", "the query is not encoded as one")
        found[name] = (*found.get(name, ()), value)
    return found
