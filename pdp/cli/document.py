"""JSON that comes with a command: read strictly, with the place of everything that is wrong."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any, Final, NoReturn

from pdp import patterns
from pdp.cli.endings import Refusal
from pdp.conform.mismatch import Mismatch, mismatch
from pdp.conform.reading import MAX_DEPTH, too_deep
from pdp.conform.scalars import integer, string
from pdp.entities import jsonfile
from pdp.entities.document import Fault, Place, Range, Ranges, Report
from pdp.errors import Diagnostic
from pdp.schema import Schema
from pdp.source import Source, Span
from pdp.types import Primitive

MAX_BYTES: Final = 4 * 2**20

_SHOWN: Final = 10
"""How many errors of one text are told."""

_BRACKETS: Final = patterns.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)
_NULLS: Final = frozenset({("session",)})


class Document:
    """A JSON text, and what it says: plain data of the kinds that have values, which is to say no null and no float.

    `name` is the option that it came with.
    """

    def __init__(self, name: str, given: str, schema: Schema, *, whole: bool = False) -> None:
        """Read a text, `@` and the path of a file, or `-` for standard input; raise Refusal for what is not JSON.

        A `whole` request may say that there is no session.
        """
        self.source = _source(name, given)
        self._schema = schema
        _check_depth(self.source)
        report = Report()
        self.data = jsonfile.read(self.source.text, self.source, schema, report)
        if not report.faults:
            allowed = _NULLS if whole else frozenset()
            for path, wrong in _no_values(self.data, ()):
                if not (wrong.code == "null_value" and path in allowed):
                    report.wrong(wrong, path)
                if report.full:
                    break
        self._refuse(report)

    def refuse(self, wrong: Mismatch, *path: str | int) -> NoReturn:
        """Raise Refusal for a part that is not as it should be."""
        report = Report()
        report.wrong(wrong, path)
        self._refuse(report)
        raise AssertionError

    def _refuse(self, report: Report) -> None:
        if not report.faults:
            return
        faults = report.faults[:_SHOWN]
        notes = [fault.note for fault in faults if fault.note is not None]
        given = [*(fault.place for fault in faults), *(note[2] for note in notes)]
        places = [place for place in given if isinstance(place, Place)]
        # All in one go: to find a place is to read the text from its start. What is no JSON has ranges already.
        ranges = jsonfile.locate(self.source.text, self.source, places) if places else {}
        raise unreadable(*(self._diagnostic(fault, ranges) for fault in faults))

    def _diagnostic(self, fault: Fault, ranges: Ranges) -> Diagnostic:
        def span(place: Place | Range) -> Span:
            start, end = ranges[place] if isinstance(place, Place) else place
            line_end = self.source.text.find("\n", start)
            last = len(self.source.text) if line_end < 0 else line_end
            return Span(self.source, start, max(start, min(end, last)))

        notes = () if fault.note is None else ((fault.note[0], span(fault.note[2])),)
        # The reader speaks of files, and knows of entities alone.
        message = fault.message.replace("the file", "the JSON")
        help_ = None if fault.help is None or "entities" in fault.help else fault.help
        if help_ is not None:
            help_ = help_.replace("a file holds", "it holds").removesuffix(", or use YAML")
        return Diagnostic(code=fault.code, message=message, span=span(fault.place), help=help_, notes=notes)


def unreadable(*diagnostics: Diagnostic) -> Refusal:
    """Return the end of a command whose request cannot be read."""
    return Refusal("invalid_request", "the request cannot be read", diagnostics=diagnostics)


def _no_values(data: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Mismatch]]:
    """Yield every part that no value can be; its depth is checked before."""
    if isinstance(data, dict):
        for name, inner in data.items():
            yield from _no_values(inner, (*path, name))
    elif isinstance(data, list):
        for index, inner in enumerate(data):
            yield from _no_values(inner, (*path, index))
    else:
        try:
            if isinstance(data, str):
                string(data)
            elif data is None or isinstance(data, float):
                raise mismatch(Primitive.INT, data)
            elif not isinstance(data, bool):
                integer(data)
        except Mismatch as wrong:
            yield path, wrong


def _check_depth(source: Source) -> None:
    depth = 0
    for token in _BRACKETS.finditer(source.text):
        depth += (token[0] in "[{") - (token[0] in "]}")
        if depth > MAX_DEPTH:
            where = Span(source, token.start(), token.end())
            found = Diagnostic(code="data_too_deep", message=too_deep().message, span=where)
            raise unreadable(found)


# ---------------------------------------------------------------------------------------------- where it comes from


def _source(name: str, given: str) -> Source:
    if given == "-":
        return _decoded(f"{name} (standard input)", _bytes(name, None))
    if given.startswith("@"):
        return _decoded(given[1:], _bytes(name, given[1:] or "."))
    if len(given) > MAX_BYTES:
        raise _too_large(name)
    if not given.strip():
        raise Refusal(
            "invalid_request", f"`{name}` holds no JSON", help="write `{}`, `@file`, or `-` for standard input"
        )
    # A character of the command line that is no UTF-8 comes as half of one.
    return _decoded(name, given.encode("utf-8", "surrogateescape"))


def _bytes(name: str, path: str | None) -> bytes:
    try:
        if path is None:
            data = sys.stdin.buffer.read(MAX_BYTES + 1) if sys.stdin is not None else b""
        else:
            with open(path, "rb") as file:  # noqa: PTH123  # `pathlib` is not imported for it
                data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)
        place = "standard input" if path is None else path
        raise Refusal("unreadable_file", f"`{name}`: `{place}` cannot be read: {reason}") from None
    if len(data) > MAX_BYTES:
        raise _too_large(name)
    return data


def _too_large(name: str) -> Refusal:
    return Refusal("data_too_large", f"`{name}` holds more than {MAX_BYTES} bytes")


def _decoded(shown: str, data: bytes) -> Source:
    try:
        return Source(shown, data.decode("utf-8").removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        source = Source(shown, data.decode("utf-8", "replace"))
        at = len(data[: error.start].decode("utf-8"))
        message = f"this is not UTF-8: 0x{data[error.start]:02x}"
        found = Diagnostic(code="data_not_utf8", message=message, span=Span(source, at, at + 1))
        raise unreadable(found) from None
