"""Source texts and places in them."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from pdp.classes import dataclass


class Source:
    """A text and the path it was read from. Two sources are equal when they are the same object.

    >>> source = Source("a.pdp", "one\\ntwo")
    >>> source.position(5)
    (2, 2)
    """

    __slots__ = ("_starts", "path", "text")

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self._starts: list[int] | None = None

    def position(self, offset: int) -> tuple[int, int]:
        """Return line and column of an offset, both counted from 1, columns in characters."""
        starts = self._line_starts()
        line = bisect_right(starts, offset) - 1
        return line + 1, offset - starts[line] + 1

    def line(self, number: int) -> str:
        """Return a line, counted from 1, without its line break."""
        starts = self._line_starts()
        end = starts[number] if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r\n")

    def _line_starts(self) -> list[int]:
        if self._starts is None:
            # A line begins where the one before it ends, break and all.
            starts = [0, *accumulate([len(line) + 1 for line in self.text.split("\n")])]
            del starts[-1]
            self._starts = starts
        return self._starts

    def __repr__(self) -> str:
        return f"Source({self.path!r})"


@dataclass(frozen=True, slots=True)
class Span:
    """A range of characters in a source, half-open."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        """The text that the span covers."""
        return self.source.text[self.start : self.end]

    @property
    def line(self) -> int:
        """The line on which the span starts, counted from 1."""
        return self.source.position(self.start)[0]

    def to(self, other: Span) -> Span:
        """Return the span from the start of this one to the end of the other."""
        return Span(self.source, self.start, other.end)

    def __str__(self) -> str:
        line, column = self.source.position(self.start)
        return f"{self.source.path}:{line}:{column}"
