"""One file of tests: its text, what is wrong with it, and how its parts are read."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from pdp.classes import dataclass
from pdp.conform.mismatch import Mismatch, clip, misplaced, near
from pdp.conform.scalars import datetime
from pdp.entities.document import Fault, Place, Range, Report
from pdp.entities.yamlfile import List, Map, Node, Text, data
from pdp.source import Source, Span
from pdp.values import Datetime

_OF_KEYS: Final = frozenset({"undeclared_attribute", "unknown_key"})


class Sheet:
    """One file, and what is wrong with it. `number` is its place among all files that are read together."""

    __slots__ = ("_said", "number", "report", "source")

    def __init__(self, source: Source, number: int) -> None:
        self.source = source
        self.number = number
        self.report = Report()
        self._said: set[tuple[str, Range]] = set()

    def wrong(
        self, code: str, message: str, where: Range, help: str | None = None, note: tuple[str, Spot] | None = None
    ) -> None:
        """Report an error, once for each place."""
        if (code, where) not in self._said:
            self._said.add((code, where))
            noted = None if note is None else (note[0], note[1].sheet.number, note[1].range)
            self.report.add(Fault(code=code, message=message, place=where, help=help, note=noted))

    def odd(self, mismatch: Mismatch, node: Node) -> None:
        """Report data that does not conform, at the part of the node that it is about."""
        where = place_of(node, Place(mismatch.path, key=mismatch.code in _OF_KEYS))
        self.wrong(mismatch.code, mismatch.message, where, mismatch.help)

    def span(self, where: Range) -> Span:
        """Return a place in the file, without the space at its end."""
        shift = int(self.source.text.startswith("\ufeff"))
        start, end = where[0] + shift, where[1] + shift
        return Span(self.source, start, start + len(self.source.text[start:end].rstrip()))

    # ---------------------------------------------------------------------------------------------------------- parts

    def text(self, node: Node, what: str, help: str | None = None) -> str | None:
        """Return the text that a node is; report anything else."""
        value = data(node, None)
        if isinstance(value, str) and value:
            return value
        self.odd(misplaced(what, value or None, help), node)
        return None

    def items(self, node: Node, what: str, help: str | None = None) -> list[Node]:
        """Return the items of a list; report anything else."""
        if isinstance(node, List):
            return node.items
        self.odd(misplaced(what, data(node, None), help), node)
        return []

    def entries(self, node: Node, what: str, help: str | None = None) -> Iterator[tuple[str, Range, Node]]:
        """Yield what a mapping holds: each key, where it stands, and what it leads to; report anything else."""
        if isinstance(node, Map):
            for key, (where, inner) in node.items.items():
                yield key, where, inner
        else:
            self.odd(misplaced(what, data(node, None), help), node)

    def fields(self, node: Node, what: str, known: Collection[str]) -> dict[str, Node]:
        """Return what a mapping holds under known keys; report keys that mean nothing."""
        found = {}
        for key, where, inner in self.entries(node, f"{what} by its keys", _has(known)):
            if key in known:
                found[key] = inner
            else:
                self.wrong("unknown_key", f"{what} has no `{clip(key)}`", where, near(key, known) or _has(known))
        return found

    def instant(self, node: Node) -> Datetime | None:
        """Return the instant that a text states."""
        try:
            return datetime(data(node, None))
        except Mismatch as wrong:
            self.odd(wrong, node)
            return None

    def lacks(self, key: str, what: str, node: Node, help: str) -> None:
        """Report that a key is missing, unless one that is reported most likely means it."""
        if not isinstance(node, Map) or not any(near(other, [key]) for other in node.items):
            start = node.range[0]
            line = self.source.text.find("\n", start)
            end = node.range[1] if line < 0 else min(line, node.range[1])
            self.wrong("missing_key", f"{what} needs `{key}`", (start, max(start, end)), help)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in one of several files."""

    sheet: Sheet
    range: Range


def place_of(node: Node, place: Place) -> Range:
    """Return where a part of a node stands, or what it would be in."""
    where = key = node.range
    for step in place.path:
        if isinstance(node, Map) and isinstance(step, str) and step in node.items:
            key, node = node.items[step]
        elif isinstance(node, List) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            key = node.range
        else:
            return where
        where = node.range
    return key if place.key else where


def plain(node: Node) -> object:
    """Return a node as JSON would state it: words without quotes that JSON knows are what they are there."""
    match node:
        case Text():
            return _JSON.get(node.text, _number(node.text)) if node.plain else node.text
        case List():
            return [plain(item) for item in node.items]
        case Map():
            return {name: plain(inner) for name, (_, inner) in node.items.items()}


_JSON: Final = {"true": True, "false": False, "null": None, "": None, "~": None}


def _number(text: str) -> object:
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 20 else text


def _has(known: Collection[str]) -> str:
    return "it has " + ", ".join(f"`{key}`" for key in known)
