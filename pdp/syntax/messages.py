"""Diagnostics as text for people: the place, an excerpt, an underline, and help.

What stands in a policy never reaches a terminal as it is: a character that does not print is shown as an escape.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

from pdp.errors import Diagnostic, Severity
from pdp.source import Span
from pdp.syntax.characters import escape

_WIDTH: Final = 100
"""The columns that an excerpt may take beside its line number."""

_BEFORE: Final = 40
"""The columns that are kept before an underline where a line is cut."""

_TAB: Final = 4

_RESET: Final = "\x1b[0m"
_RED: Final = "\x1b[1;31m"
_YELLOW: Final = "\x1b[1;33m"
_BLUE: Final = "\x1b[1;34m"
_CYAN: Final = "\x1b[1;36m"
_COLOR_OF: Final = {Severity.ERROR: _RED, Severity.WARNING: _YELLOW}


def render(diagnostic: Diagnostic, *, color: bool = False) -> str:
    """Write a diagnostic with the line that it is about, what would help, and its notes."""
    tint = _COLOR_OF[diagnostic.severity] if color else ""
    spans = [span for span in (diagnostic.span, *(span for _, span in diagnostic.notes)) if span is not None]
    gutter = max((len(str(span.line)) for span in spans), default=1)
    head = _paint(f"{diagnostic.severity}[{diagnostic.code}]", tint)
    lines = [f"{head}: {_plain(diagnostic.message)}"]
    if diagnostic.span is not None:
        lines += _excerpt(diagnostic.span, gutter, tint, color=color)
    for message, span in diagnostic.notes:
        lines.append(f"{_paint('note', _BLUE if color else '')}: {_plain(message)}")
        lines += _excerpt(span, gutter, _BLUE if color else "", color=color)
    if diagnostic.help is not None:
        lines.append(f"{_paint('help', _CYAN if color else '')}: {_plain(diagnostic.help)}")
    return "\n".join(lines)


def render_all(diagnostics: Sequence[Diagnostic], *, color: bool = False) -> str:
    """Write diagnostics one after the other, and how many there are; nothing where there are none."""
    if not diagnostics:
        return ""
    return "\n\n".join([*(render(each, color=color) for each in diagnostics), _summary(diagnostics)])


def _summary(diagnostics: Sequence[Diagnostic]) -> str:
    errors = sum(each.severity is Severity.ERROR for each in diagnostics)
    counted = [_count(errors, "error"), _count(len(diagnostics) - errors, "warning")]
    files = len({each.span.source.path for each in diagnostics if each.span is not None})
    where = f" in {_count(files, 'file')}" if files else ""
    return ", ".join(each for each in counted if each) + where


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""


def _paint(text: str, tint: str) -> str:
    return f"{tint}{text}{_RESET}" if tint else text


def _plain(text: str) -> str:
    return "".join(escape(char) for char in text)


def _excerpt(span: Span, gutter: int, tint: str, *, color: bool) -> list[str]:
    source = span.source
    edge = _BLUE if color else ""
    arrow = " " * gutter + _paint("-->", edge)
    if not source.text:
        return [f"{arrow} {_plain(source.path)}"]
    number, column = source.position(span.start)
    shown, before, width = cut(source.line(number), column - 1, column - 1 + span.end - span.start)
    bar = " " * gutter + " " + _paint("|", edge)
    return [
        f"{arrow} {_plain(source.path)}:{number}:{column}",
        bar,
        f"{_paint(f'{number:>{gutter}} |', edge)} {shown}".rstrip(),
        f"{bar} {' ' * before}{_paint('^' * width, tint)}",
    ]


def cut(line: str, start: int, end: int) -> tuple[str, int, int]:
    """Return what to show of a line, the columns before its underline, and the width of the underline."""
    end = min(end, len(line))
    first = 0
    if len(line) > _WIDTH and start > _BEFORE:
        first = min(start - _BEFORE, len(line) - _WIDTH + 1)
    cells = ["…"] if first else []
    column = len(cells)
    before, until = column, column
    for at in range(first, len(line)):
        cell = _cell(line[at], column)
        size = _width(cell)
        if column + size > _WIDTH and at > start:
            cells.append("…")
            break
        cells.append(cell)
        column += size
        if at < start:
            before = column
        if at < end:
            until = column
    before = max(before, column) if start >= len(line) else before
    return "".join(cells), before, max(until - before, 1)


def _cell(char: str, column: int) -> str:
    return " " * (_TAB - column % _TAB) if char == "\t" else escape(char)


def _width(text: str) -> int:
    """Return how many columns a text takes in a terminal."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
