"""Entity files into one store, or all that is wrong with them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

from pdp import patterns
from pdp.entities import graph
from pdp.entities.document import MAX_FAULTS, Fault, Place, Range, Ranges, Report
from pdp.entities.files import ENDINGS, MAX_FILE, ending
from pdp.entities.reading import Loaded
from pdp.entities.store import Store
from pdp.errors import Diagnostic
from pdp.schema import Schema
from pdp.source import Source, Span


class _Format(Protocol):
    """What a module that reads one format offers."""

    def read(self, text: str, source: Source, schema: Schema, report: Report) -> Any:
        """Read a text into plain data."""

    def locate(self, text: str, source: Source, places: Collection[Place]) -> Ranges:
        """Find where parts of the data stand in the text."""


def _format(path: str) -> _Format | None:
    """Import what reads a file; None where nothing does."""
    match ending(path):
        case ".json":
            from pdp.entities import jsonfile

            return jsonfile
        case ".yaml" | ".yml":
            from pdp.entities import yamlfile

            return yamlfile
        case ".csv":
            from pdp.entities import csvfile

            return csvfile
        case _:
            return None


_NO_TEXT: Final = patterns.compile("\x00+|[\udc80-\udcff]+|[\ud800-\udfff]")


def load(sources: Sequence[Source], schema: Schema) -> tuple[Store, list[Diagnostic]]:
    """Read entity files, by the ending of their paths; with anything wrong, the store is empty.

    The text of a file that may not be UTF-8 is to be decoded with `errors="surrogateescape"`: what is left of its
    odd bytes is then reported where it stands.
    """
    with collector_paused():
        return _load(sources, schema)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep Python from looking for garbage while something is loaded."""
    # A load makes very many objects and hardly any garbage: looking for it again and again takes most of the time.
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _load(sources: Sequence[Source], schema: Schema) -> tuple[Store, list[Diagnostic]]:
    loaded = Loaded(schema)
    reports = [Report() for _ in sources]
    for number, (source, report) in enumerate(zip(sources, reports, strict=True)):
        data = _read(source, schema, report)
        if not report.broken or data is not None:
            loaded.read(data, number, report)
    graph.check(loaded, reports)
    if any(report.faults for report in reports):
        return Store.empty(), list(diagnostics(sources, reports, _located))
    return Store.of(loaded.nodes), []


def _read(source: Source, schema: Schema, report: Report) -> Any:
    report.broken = True
    format_ = _format(source.path)
    if format_ is None:
        help_ = f"a file of entities ends in {', '.join(f'`{each}`' for each in ENDINGS)}"
        message = "this is no file of entities, by its name"
        report.add(Fault(code="unknown_format", message=message, place=(0, 0), help=help_))
    elif check_text(source, report):
        report.broken = False
        return format_.read(body(source), source, schema, report)
    return None


def check_text(source: Source, report: Report) -> bool:
    """Tell whether a file is text of a size that is read; report what is not."""
    if len(source.text) > MAX_FILE:
        message = f"a file has at most {MAX_FILE} characters, this one has {len(source.text)}"
        report.add(Fault(code="data_too_large", message=message, place=(0, 0), help="split it"))
        return False
    return _is_text(source.text, report)


def body(source: Source) -> str:
    """Return the text of a file without the mark that may stand before it."""
    # Some editors and spreadsheets put a byte order mark before everything; it says nothing.
    return source.text.removeprefix("\ufeff")


def _is_text(text: str, report: Report) -> bool:
    if text.isascii() and "\0" not in text:
        return True
    start = int(text.startswith("\ufeff"))
    for found in _NO_TEXT.finditer(text):
        place = (found.start() - start, found.end() - start)
        char = found[0][0]
        if char == "\0":
            message, help_ = "a file of text cannot hold the character NUL", "is it UTF-16? save it as UTF-8"
            report.add(Fault(code="nul_character", message=message, place=place, help=help_))
            break
        if "\udc80" <= char <= "\udcff":
            bytes_ = ", ".join(f"0x{ord(each) & 0xFF:02x}" for each in found[0][:4])
            message, help_ = f"this is not UTF-8: {bytes_}", "save the file as UTF-8"
            report.add(Fault(code="data_not_utf8", message=message, place=place, help=help_))
        else:
            message = f"U+{ord(char):04X} is half of a surrogate pair, not a character"
            report.add(Fault(code="half_character", message=message, place=place, help="save the file as UTF-8"))
    return not report.faults


# --------------------------------------------------------------------------------------------- from faults to positions


def diagnostics(
    sources: Sequence[Source], reports: Sequence[Report], locate: Callable[[Source, Collection[Place]], Ranges]
) -> Iterator[Diagnostic]:
    """Yield what was reported of each file, each with where it stands, which `locate` finds."""
    ranges = [locate(sources[number], places) if places else {} for number, places in enumerate(_places(reports))]

    def span(number: int, place: Place | Range) -> Span:
        source = sources[number]
        start, end = ranges[number][place] if isinstance(place, Place) else place
        shift = int(source.text.startswith("\ufeff"))
        line_end = source.text.find("\n", start + shift)
        last = len(source.text) if line_end < 0 else line_end
        return Span(source, start + shift, max(start + shift, min(end + shift, last)))

    for number, report in enumerate(reports):
        found = []
        for fault in report.faults:
            notes: tuple[tuple[str, Span], ...] = ()
            if fault.note is not None:
                text, file, place = fault.note
                notes = ((text, span(number if file is None else file, place)),)
            where = span(number, fault.place)
            found.append(Diagnostic(code=fault.code, message=fault.message, span=where, help=fault.help, notes=notes))
        yield from _cut(found)


def _cut(found: list[Diagnostic]) -> list[Diagnostic]:
    if len(found) > MAX_FAULTS:
        last = found.pop()
        message = f"there are more errors in this file than these {MAX_FAULTS}"
        found.append(Diagnostic(code="too_many_data_errors", message=message, span=last.span, help="mend these first"))
    return sorted(found, key=lambda each: (each.code == "too_many_data_errors", each.span.start if each.span else 0))


def _places(reports: Sequence[Report]) -> list[list[Place]]:
    """Return what is to be found in each file."""
    places: list[list[Place]] = [[] for _ in reports]
    for number, report in enumerate(reports):
        for fault in report.faults:
            if isinstance(fault.place, Place):
                places[number].append(fault.place)
            if fault.note is not None and isinstance(fault.note[2], Place):
                places[number if fault.note[1] is None else fault.note[1]].append(fault.note[2])
    return places


def _located(source: Source, places: Collection[Place]) -> Ranges:
    format_ = _format(source.path)
    return {} if format_ is None else format_.locate(body(source), source, places)
