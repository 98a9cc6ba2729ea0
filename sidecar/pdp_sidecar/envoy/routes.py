"""Which requests a route is for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from pdp.classes import dataclass
from pdp_sidecar.envoy.templates import NAME

_METHOD: Final = re.compile(r"[A-Z][A-Z-]{0,31}\Z")
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_NAMES: Final = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*\Z|\[[0-9a-f:.]+\]\Z")
_FIXED: Final = re.compile(r"[^{}%?#;\\*/\x00-\x1f]*\Z")


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of a pattern: a text, or a place of a name (`is_place`), the last of which may be `many`."""

    text: str
    is_place: bool = False
    many: bool = False

    def covers(self, other: Segment) -> bool:
        """Tell whether all that another matches is matched by this one."""
        if not self.is_place:
            return self == other
        # The empty segment is no name: it stands for a slash at the end.
        return other.is_place or (other.text != "")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern of paths. `of` reads one; raise ValueError.

    >>> Pattern.of("/services/{name}").match(("services", "pay"))
    {'name': 'pay'}
    >>> Pattern.of("/files/{path*}").match(("files", "a", "b"))
    {'path': 'a/b'}
    """

    segments: tuple[Segment, ...]

    @classmethod
    def of(cls, text: str) -> Pattern:
        """Read a pattern."""
        if not text.startswith("/"):
            raise ValueError(f"`{text}` does not begin with a slash")
        found = tuple(map(_segment, text[1:].split("/")))
        if any(each.many for each in found[:-1]):
            raise ValueError(f"`{text}` goes on after `*`, which takes all that is left")
        if any(each == Segment("") for each in found[:-1]):
            raise ValueError(f"`{text}` has two slashes in a row, as no path has that is decided for")
        names = [each.text for each in found if each.is_place]
        if len(names) != len(set(names)):
            raise ValueError(f"`{text}` has two places of one name")
        return cls(found)

    @property
    def names(self) -> frozenset[str]:
        """The names of its places."""
        return frozenset(each.text for each in self.segments if each.is_place)

    @property
    def many(self) -> bool:
        """Whether its end matches any number of segments."""
        return self.segments[-1].many

    def match(self, segments: Sequence[str]) -> dict[str, str] | None:
        """Return what a path has in the places, None where it is not of this pattern. Case counts."""
        fixed = len(self.segments) - self.many
        if len(segments) != fixed if not self.many else len(segments) <= fixed:
            return None
        found: dict[str, str] = {}
        for pattern, segment in zip(self.segments[:fixed], segments, strict=False):
            if not pattern.is_place and pattern.text != segment:
                return None
            if pattern.is_place:
                if not segment:
                    return None
                found[pattern.text] = segment
        if self.many:
            if not segments[fixed]:
                return None
            found[self.segments[-1].text] = "/".join(segments[fixed:])
        return found

    def covers(self, other: Pattern) -> bool:
        """Tell whether all paths of another are of this one."""
        if other.many and not self.many:
            return False
        if len(other.segments) < len(self.segments) or (not self.many and len(other.segments) > len(self.segments)):
            return False
        return all(mine.covers(theirs) for mine, theirs in zip(self.segments, other.segments, strict=False))


def _segment(text: str) -> Segment:
    if text.startswith("{") and text.endswith("}"):
        name = text[1:-1].removesuffix("*")
        if not NAME.match(name):
            raise ValueError(f"`{text}` is no place: write a lower-case name, as {{name}}")
        return Segment(name, True, text.endswith("*}"))
    if not _FIXED.match(text) or text in (".", ".."):
        raise ValueError(f"`{text}` is no segment: write it decoded, or {{name}} for any")
    return Segment(text)


@dataclass(frozen=True, slots=True)
class Reach:
    """The requests of a route. Without methods or hosts, it is for all of them."""

    methods: frozenset[str]
    hosts: frozenset[str]
    pattern: Pattern

    def match(self, method: str, host: str, segments: Sequence[str]) -> dict[str, str] | None:
        """Return what the path has in the places, None where a request is not of this route."""
        if self.methods and method not in self.methods:
            return None
        if self.hosts and not any(_is(host, name) for name in self.hosts):
            return None
        return self.pattern.match(segments)

    def covers(self, other: Reach) -> bool:
        """Tell whether all requests of another are of this one."""
        if self.methods and not (other.methods and other.methods <= self.methods):
            return False
        if self.hosts and not (other.hosts and all(_among(name, self.hosts) for name in other.hosts)):
            return False
        return self.pattern.covers(other.pattern)


def _is(host: str, name: str) -> bool:
    return host.endswith(name[1:]) and len(host) >= len(name) if name.startswith("*.") else host == name


def _among(name: str, hosts: frozenset[str]) -> bool:
    return name in hosts or any(_is(name.removeprefix("*"), each) for each in hosts if each.startswith("*."))


def method(text: str) -> str:
    """Return a method as requests have it; raise ValueError for what is none."""
    if not _METHOD.match(text):
        raise ValueError(f"`{text}` is no method: write one in capitals, as GET")
    return text


def host(text: str) -> str:
    """Return a host, or `*.` and one; raise ValueError for what is none."""
    if not _NAMES.match(text):
        raise ValueError(f"`{text}` is no host: write it in lower case without a port, or *.example.com")
    return text
