"""Where keys and values stand in a text of TOML. The parser of Python tells what they are, and not where.

The text has been parsed before: all that is looked for here is where things begin and end.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

from pdp.classes import dataclass, field

Path = tuple[str | int, ...]
Range = tuple[int, int]

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_DOT: Final = re.compile(r"[ \t]*\.[ \t]*")
_SCALAR: Final = re.compile(r"[^,\]}#\n]*")
_STRINGS: Final = (
    re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}', re.DOTALL),
    re.compile(r"'''.*?'{3,5}", re.DOTALL),
    re.compile(r'"(?:[^"\\]|\\.)*"'),
    re.compile(r"'[^']*'"),
)


@dataclass(slots=True)
class Places:
    """Where each key stands, and each value, by its path: names of tables and numbers of elements."""

    keys: dict[Path, Range] = field(default_factory=dict)
    values: dict[Path, Range] = field(default_factory=dict)

    def of(self, path: Path) -> Range:
        """Return where a value stands, or what holds it."""
        return self._nearest(self.values, path)

    def key(self, path: Path) -> Range:
        """Return where a key stands, or the value where it has none."""
        return self.keys[path] if path in self.keys else self.of(path)

    def _nearest(self, places: dict[Path, Range], path: Path) -> Range:
        for end in range(len(path), 0, -1):
            if path[:end] in places:
                return places[path[:end]]
            if path[:end] in self.keys:
                return self.keys[path[:end]]
        return 0, 0


def locate(text: str) -> Places:
    """Return the places of all that a text of TOML holds.

    >>> places = locate('[listen]\\ngrpc = "unix:/run/pdp.sock"  # here')
    >>> places.keys[("listen", "grpc")], places.values[("listen", "grpc")]
    ((9, 13), (16, 36))
    """
    reader = _Reader(text)
    reader.read()
    return reader.places


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.places = Places()
        self._at = 0
        self._elements: dict[Path, int] = {}

    def read(self) -> None:
        table: Path = ()
        self._skip()
        while self._at < len(self.text):
            if self.text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip()

    def _skip(self) -> None:
        self._at = _end(_BLANK, self.text, self._at)

    def _header(self) -> Path:
        several = self.text.startswith("[[", self._at)
        self._at += 2 if several else 1
        parts = self._parts()
        self._at += 2 if several else 1
        path: Path = ()
        for number, (name, place) in enumerate(parts):
            path = (*path, name)
            self.places.keys.setdefault(path, place)
            if several and number == len(parts) - 1:
                self._elements[path] = self._elements.get(path, -1) + 1
                self.places.keys[(*path, self._elements[path])] = place
            if path in self._elements:
                path = (*path, self._elements[path])
        if not several:
            self.places.keys[path] = parts[-1][1]
        return path

    def _parts(self) -> list[tuple[str, Range]]:
        """Read a key of one part or more."""
        found = []
        while True:
            self._at = _end(re.compile(r"[ \t]*"), self.text, self._at)
            begins = self._at
            quoted = self.text[begins : begins + 1] in ("'", '"')
            self._at = self._string() if quoted else _end(_BARE, self.text, begins)
            raw = self.text[begins : self._at]
            name = tomllib.loads(f"x = {raw}")["x"] if quoted else raw
            found.append((name, (begins, self._at)))
            dot = _DOT.match(self.text, self._at)
            if dot is None:
                self._at = _end(re.compile(r"[ \t]*"), self.text, self._at)
                return found
            self._at = dot.end()

    def _pair(self, table: Path) -> None:
        path = table
        for name, place in self._parts():
            path = (*path, name)
            self.places.keys.setdefault(path, place)
        self._at += 1
        self._skip()
        self._value(path)

    def _value(self, path: Path) -> None:
        begins = self._at
        match self.text[begins : begins + 1]:
            case "[":
                self._at += 1
                self._list(path)
            case "{":
                self._at += 1
                self._table(path)
            case '"' | "'":
                self._at = self._string()
            case _:
                found = _end(_SCALAR, self.text, begins)
                self._at = begins + len(self.text[begins:found].rstrip())
        self.places.values[path] = begins, self._at

    def _list(self, path: Path) -> None:
        number = 0
        self._skip()
        while self.text[self._at] != "]":
            self._value((*path, number))
            number += 1
            self._next()
        self._at += 1

    def _table(self, path: Path) -> None:
        self._skip()
        while self.text[self._at] != "}":
            self._pair(path)
            self._next()
        self._at += 1

    def _next(self) -> None:
        self._skip()
        if self.text[self._at] == ",":
            self._at += 1
            self._skip()

    def _string(self) -> int:
        for form in _STRINGS:
            found = form.match(self.text, self._at)
            if found is not None:
                return found.end()
        return len(self.text)


def _end(form: re.Pattern[str], text: str, at: int) -> int:
    found = form.match(text, at)
    return at if found is None else found.end()


def value_of(text: str) -> Any:
    """Read one value of TOML; raise ValueError for anything else.

    >>> value_of('{ file = "/run/token" }'), value_of("5")
    ({'file': '/run/token'}, 5)
    """
    if "\n" in text:
        raise ValueError("a value stands on one line")
    found = tomllib.loads(f"x = {text}")
    return found["x"]
