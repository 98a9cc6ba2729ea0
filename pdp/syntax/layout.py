"""Texts that may stand on one line or on several, and the choice between the two.

A document is text with places where a line may break. A group that fits on the rest of the line is written on it; where
it does not, its own lines break, and the groups in it are looked at one by one. A comment ends its line, so that a
group which holds one never fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

WIDTH: Final = 100
"""The columns of a line. What cannot be broken, such as a long string, goes beyond."""

STEP: Final = 2
"""The columns of one level."""


class Line:
    """A place where the line may break; on one line it is `flat`, and None where it always breaks."""

    __slots__ = ("flat",)

    def __init__(self, flat: str | None) -> None:
        self.flat = flat


LINE: Final = Line(" ")
SOFT: Final = Line("")
HARD: Final = Line(None)


class Blank:
    """An empty line, where a line breaks anyway; it is kept, never made."""

    __slots__ = ()
    flat: Final = ""


BLANK: Final = Blank()


class Comma:
    """A comma after the last element, where each element has a line of its own."""

    __slots__ = ()
    flat: Final = ""


COMMA: Final = Comma()


class Comment:
    """A comment, on a line of its own or after what stands before it; `blank` tells of an empty line before it."""

    __slots__ = ("blank", "indented", "own", "text")
    flat: Final = None

    def __init__(self, text: str, *, own: bool, blank: bool, indented: bool) -> None:
        self.text = text
        self.own = own
        self.blank = blank
        self.indented = indented


class Concat:
    """One document after the other."""

    __slots__ = ("flat", "parts")

    def __init__(self, flat: str | None, parts: Sequence[Doc]) -> None:
        self.flat = flat
        self.parts = parts


class Group:
    """A document whose lines break together, or not at all."""

    __slots__ = ("doc", "flat")

    def __init__(self, flat: str | None, doc: Doc) -> None:
        self.flat = flat
        self.doc = doc


class Indent:
    """A document whose lines start further right."""

    __slots__ = ("by", "doc", "flat")

    def __init__(self, flat: str | None, doc: Doc, by: int) -> None:
        self.flat = flat
        self.doc = doc
        self.by = by


Doc: TypeAlias = str | Line | Blank | Comma | Comment | Concat | Group | Indent


def concat(*parts: Doc) -> Doc:
    """Put documents one after the other."""
    try:
        # Text alone stays text.
        return "".join(parts)  # type: ignore[arg-type]  # it raises where there is more than text
    except TypeError:
        return Concat(_joined(parts), parts)


def _joined(parts: Sequence[Doc]) -> str | None:
    """Return the text of documents on one line, or None where that is never chosen.

    What is too long for a line is not kept: in deep brackets, each level would hold it once more.
    """
    texts = []
    left = WIDTH
    for part in parts:
        text = part if isinstance(part, str) else part.flat
        if text is None:
            return None
        left -= len(text)
        if left < 0:
            return None
        texts.append(text)
    return "".join(texts)


def group(*parts: Doc, broken: bool = False) -> Doc:
    """Make a group; a `broken` one never stands on one line."""
    doc = concat(*parts)
    if isinstance(doc, str) and not broken:
        return doc
    return Group(None if broken else _flat(doc), doc)


def indent(*parts: Doc, by: int = STEP) -> Doc:
    """Move the lines of documents to the right."""
    doc = concat(*parts)
    return doc if isinstance(doc, str) else Indent(doc.flat, doc, by)


def _flat(doc: Doc) -> str | None:
    return doc if isinstance(doc, str) else doc.flat


class _Page:
    """The lines written so far. White space is written when text follows it: none is left at the end of a line."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.column = 0
        self.breaks = 0
        """The line breaks to write before what comes next."""
        self.indent = 0
        self.opened = True
        """Whether an empty line would be the first in a bracket, in a declaration or in the file."""
        self.commented = False
        """Whether a comment was written last."""

    def write(self, text: str) -> None:
        """Write text without line breaks."""
        if self.breaks:
            text = text.lstrip(" ")
            if not text:
                return
            self._break()
        elif not text:
            return
        self.out.append(text)
        self.column += len(text)
        self.opened = text[-1] in "{[(:"
        self.commented = False

    def line(self, indent: int, count: int = 1) -> None:
        """Break the line before what comes next."""
        if count == 2 and self.opened and not self.commented:
            count = 1
        self.breaks = max(self.breaks, count)
        self.indent = indent

    def comment(self, comment: Comment, indent: int) -> None:
        """Write a comment, and break the line after it."""
        # A comment that follows a comment takes a line of its own: on one line, they would be one.
        if comment.own or self.commented or not self.out:
            self.line(indent, 2 if comment.blank else 1)
            self._break()
            self.out.append(comment.text)
            self.line(indent)
        else:
            self.out[-1] = self.out[-1].rstrip(" ")
            self.out.append("  " + comment.text)
            if not self.breaks:
                self.line(indent)
        self.commented = True

    def _break(self) -> None:
        if self.out:
            self.out[-1] = self.out[-1].rstrip(" ")
            self.out.append("\n" * self.breaks)
        self.out.append(" " * self.indent)
        self.column = self.indent
        self.breaks = 0


def render(docs: Iterable[Doc]) -> str:
    """Write documents in lines of WIDTH columns, as far as that can be; each but the first starts with a line.

    One is asked for when the one before is written, so that a long text is never held as a document.
    """
    page = _Page()
    for doc in docs:
        _write(doc, page)
    text = "".join(page.out)
    return text + "\n" if text else ""


def _write(doc: Doc, page: _Page) -> None:
    stack: list[tuple[int, Doc]] = [(0, doc)]
    while stack:
        indent, doc = stack.pop()
        if isinstance(doc, str):
            page.write(doc)
        elif isinstance(doc, Concat):
            stack.extend([(indent, part) for part in reversed(doc.parts)])
        elif isinstance(doc, Group):
            flat = doc.flat
            column = page.indent if page.breaks else page.column
            if flat is not None and column + len(flat) + _rest(stack, WIDTH - column - len(flat)) <= WIDTH:
                page.write(flat)
            else:
                stack.append((indent, doc.doc))
        elif isinstance(doc, Indent):
            stack.append((indent + doc.by, doc.doc))
        elif isinstance(doc, Line):
            page.line(indent)
        elif isinstance(doc, Comment):
            page.comment(doc, indent)
        elif isinstance(doc, Comma):
            page.write(",")
        elif page.breaks:
            page.line(page.indent, 2)


def _rest(stack: list[tuple[int, Doc]], limit: int) -> int:
    """Return how much text follows on the line in any case; more than `limit` may not be counted out."""
    width = 0
    for _, below in reversed(stack):
        todo = [below]
        while todo:
            doc = todo.pop()
            if isinstance(doc, str):
                width += len(doc)
                if width > limit:
                    return width
            elif isinstance(doc, Concat):
                todo.extend(reversed(doc.parts))
            elif isinstance(doc, (Group, Indent)):
                todo.append(doc.doc)
            elif isinstance(doc, Comma):
                width += 1
            elif not isinstance(doc, Blank):
                return width
    return width
