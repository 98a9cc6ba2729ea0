"""Entity files in CSV (RFC 4180): a row an entity, a column an attribute.

The `csv` module gives no positions, and its limit on the size of a cell is one for the whole process, so the rows are
split here; they come out as in its strict mode.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from pdp import patterns
from pdp.classes import dataclass
from pdp.conform.mismatch import clip, listed, meant, near
from pdp.entities.document import REPORTED, Fault, Place, Range, Ranges, Report, Wanted, doubled_key
from pdp.entities.files import ending
from pdp.entities.words import read_word
from pdp.schema import EntityType, Schema
from pdp.source import Source
from pdp.types import EntityTypes, Primitive, RecordType, SetType, Type

_CELL: Final = patterns.compile(r'"((?:[^"]++|"")*+)"|([^",\r\n]*+)')
_END: Final = patterns.compile(r"\r\n|[\r\n]")
_PIECE: Final = patterns.compile(r'((?:[^;"]++|"(?:[^"\\]++|\\.?)*+(?:"|\Z))*+)(;|\Z)', re.DOTALL)
_FIXED: Final = ("type", "id", "in")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell, and where it stands."""

    text: str
    start: int
    end: int

    @property
    def range(self) -> Range:
        """Where it stands."""
        return self.start, self.end


class BrokenError(Exception):
    """The text is no CSV from here on."""

    def __init__(self, message: str, place: Range, help: str) -> None:
        super().__init__(message)
        self.fault = Fault(code="invalid_csv", message=message, place=place, help=help)


def split(text: str) -> Iterator[list[Cell]]:
    """Yield the rows, without those that are empty; raise BrokenError where the text is no CSV."""
    row: list[Cell] = []
    at = 0
    while at < len(text):
        match = _CELL.match(text, at)
        assert match is not None
        quoted, bare = match.groups()
        row.append(Cell(bare if quoted is None else quoted.replace('""', '"'), at, match.end()))
        at = match.end()
        if text.startswith(",", at):
            at += 1
            if at < len(text):
                continue
            row.append(Cell("", at, at))
        elif end := _END.match(text, at):
            at = end.end()
        elif at < len(text):
            raise _stray(text, row[-1], quoted is not None)
        if len(row) > 1 or row[0].start < row[0].end:
            yield row
        row = []


def _stray(text: str, cell: Cell, quoted: bool) -> BrokenError:
    if quoted:
        help_ = "a quote within a quoted cell is written twice"
        return BrokenError("there is text after the closing quote of a cell", (cell.end, cell.end + 1), help_)
    if cell.start == cell.end:
        help_ = "a cell that starts with a quote ends with one"
        return BrokenError("this quote is not closed", (cell.end, cell.end + 1), help_)
    help_ = "put the whole cell in quotes, and write each quote in it twice"
    return BrokenError("there is a quote within a cell that starts without one", (cell.end, cell.end + 1), help_)


def read(text: str, source: Source, schema: Schema, report: Report) -> Any:
    """Return what the file says as plain data, words read by the types that the schema declares; None for no CSV."""
    entities: list[Any] = []
    table: _Table | None = None
    try:
        for row in split(text):
            if table is None:
                table = _header(row, source, schema, report)
                if table is None:
                    break
            else:
                entities.append(table.entity(row, report))
            if report.full:
                break
    except BrokenError as broken:
        report.add(broken.fault)
        report.broken = True
    if table is None:
        if not report.faults:
            help_ = "the first row names the columns: `id`, and as needed `type`, `in` and attributes"
            report.add(Fault(code="invalid_csv", message="the file is empty", place=(0, 0), help=help_))
        report.broken = True
        return None
    return {"entities": entities}


def locate(text: str, source: Source, places: Collection[Place]) -> Ranges:
    """Find places in a file whose rows can be read."""
    root = Wanted.of(places)
    entities = root.steps.get("entities", Wanted())
    names: list[str] = []
    try:
        for number, row in enumerate(split(text), start=-1):
            if number < 0:
                names = [cell.text for cell in row]
                root.value = entities.value = (row[0].start, row[-1].end)
            elif (wanted := entities.steps.get(number)) is not None:
                _locate_row(wanted, names, row)
    except BrokenError:
        # What comes before the broken row has been found.
        pass
    return root.ranges(places)


def _locate_row(wanted: Wanted, names: list[str], row: list[Cell]) -> None:
    wanted.value = (row[0].start, row[-1].end)
    cells = dict(zip(names, row, strict=False))
    for step, inner in wanted.steps.items():
        if step == "attributes":
            inner.value = wanted.value
            for name, attribute in inner.steps.items():
                if (cell := cells.get(str(name))) is not None:
                    attribute.value = cell.range
        elif (cell := cells.get(str(step))) is not None:
            inner.value = cell.range


# ------------------------------------------------------------------------------------------------------------- header


@dataclass(frozen=True, slots=True)
class _Table:
    """The columns of a file: their names, None for one that is reported.

    `reported` are the attributes that columns which are reported most likely mean.
    """

    columns: tuple[str | None, ...]
    reported: frozenset[str]
    schema: Schema
    type: str | None

    def entity(self, row: list[Cell], report: Report) -> Any:
        """Return the entity of a row, as JSON would state it."""
        if len(row) != len(self.columns):
            message = f"this row has {_count(len(row))}, the header has {len(self.columns)}"
            place = (row[0].start, row[-1].end)
            more = len(row) > len(self.columns)
            help_ = "put a cell that holds a comma in quotes" if more else "an empty cell has its comma too"
            report.add(Fault(code="invalid_csv", message=message, place=place, help=help_))
            return REPORTED
        cells = {name: cell for name, cell in zip(self.columns, row, strict=False) if name is not None}
        found: dict[str, Any] = {} if self.type is None else {"type": self.type}
        found |= {name: cells[name].text for name in ("type", "id") if name in cells and cells[name].text}
        if "in" in cells and cells["in"].text:
            found["in"] = pieces(cells["in"].text)
        declared = self.schema.entities.get(self.schema.resolve(found.get("type", "")))
        found["attributes"] = {
            name: _data(cell, name, declared, report)
            for name, cell in cells.items()
            if cell.text and name not in _FIXED
        }
        known = () if declared is None else declared.attributes.fields
        found["attributes"] |= {name: REPORTED for name in self.reported if name in known}
        return found


def _count(cells: int) -> str:
    return "1 cell" if cells == 1 else f"{cells} cells"


def _header(row: list[Cell], source: Source, schema: Schema, report: Report) -> _Table | None:
    names = {cell.text for cell in row}
    default = None if "type" in names else _type_of(source, schema)
    if "type" not in names and default is None:
        _no_type(row, source, schema, report)
        return None
    if "id" not in names:
        message = "there is no column `id`"
        help_ = _near_case("id", names) or "the first row names the columns, with commas between them"
        place = (row[0].start, row[-1].end)
        report.add(Fault(code="missing_column", message=message, place=place, help=help_))
        return None
    types = schema.entities.values() if default is None else [schema.entities[default]]
    first: dict[str, Cell] = {}
    columns = tuple(_column(cell, first, types, report) for cell in row)
    known = {name for kind in types for name in kind.attributes.fields}
    lost = {name if name in known else meant(name, known) for name in first if name not in columns}
    return _Table(columns, frozenset(name for name in lost if name is not None), schema, default)


def _near_case(wanted: str, names: Collection[str]) -> str | None:
    """Return help where a column is there, but for its case or the space around it."""
    for name in sorted(names):
        if name.strip().lower() == wanted:
            return f"write `{wanted}` for `{clip(name)}`"
    return None


def _type_of(source: Source, schema: Schema) -> str | None:
    name = schema.resolve(_stem(source))
    return name if name in schema.entities else None


def _stem(source: Source) -> str:
    name = source.path.rpartition("/")[2]
    return name.removesuffix(ending(name)).removesuffix(".entities")


def _no_type(row: list[Cell], source: Source, schema: Schema, report: Report) -> None:
    stem = _stem(source)
    message = f"there is no column `type`, and `{clip(stem)}`, the name of the file, is no declared type"
    near_by = near(stem, schema.entities) or _near_case("type", {cell.text for cell in row})
    help_ = near_by or "add the column, or name the file after a type, such as `User.csv`"
    place = (row[0].start, row[-1].end)
    report.add(Fault(code="missing_column", message=message, place=place, help=help_))


def _column(cell: Cell, first: dict[str, Cell], types: Collection[EntityType], report: Report) -> str | None:
    name = cell.text
    if report.full:
        return None
    if name in first:
        report.add(doubled_key(name, first[name].range, cell.range))
        return None
    first[name] = cell
    if name in _FIXED:
        return name
    kinds = [kind.attributes.fields[name].type for kind in types if name in kind.attributes.fields]
    if not kinds:
        known = {*_FIXED, *(each for kind in types for each in kind.attributes.fields)}
        owner = f"`{next(iter(types)).name}` has" if len(types) == 1 else "any type has"
        message = f"the column `{clip(name)}` is no attribute that {owner}"
        help_ = near(name, known) or listed(known)
        report.add(Fault(code="unknown_column", message=message, place=cell.range, help=help_))
        return None
    if not any(_fits(kind) for kind in kinds):
        report.add(_nested(name, kinds[0], cell))
        return None
    return name


def _nested(name: str, kind: Type, cell: Cell) -> Fault:
    what = "a record" if isinstance(kind, RecordType) else "a set of sets or records"
    message = f"the attribute `{clip(name)}` is {what}, which no cell can hold"
    return Fault(code="nested_in_csv", message=message, place=cell.range, help="write these entities in JSON or YAML")


def _fits(kind: Type) -> bool:
    inner = kind.element if isinstance(kind, SetType) else kind
    return not isinstance(inner, SetType | RecordType)


# -------------------------------------------------------------------------------------------------------------- cells


def _data(cell: Cell, name: str, declared: EntityType | None, report: Report) -> Any:
    kinds: Mapping[str, Any] = {} if declared is None else declared.attributes.fields
    kind = kinds[name].type if name in kinds else None
    if kind is None or _fits(kind):
        if not isinstance(kind, SetType):
            return read_word(cell.text, kind)
        quoted = isinstance(kind.element, EntityTypes)
        words = pieces(cell.text) if quoted else [word.strip(" \t") for word in cell.text.split(";")]
        if words == ["", ""]:
            # An empty cell is an absent attribute, so an empty set needs a sign of its own.
            return []
        if kind.element is Primitive.STRING:
            for word in words:
                if word[:1] in ("", '"'):
                    report.add(_unclear(word, cell))
                    return REPORTED
        return [read_word(word, kind.element) for word in words]
    report.add(_nested(name, kind, cell))
    return REPORTED


def _unclear(word: str, cell: Cell) -> Fault:
    """Say that an element may not be what was meant: what is left by a `;` too many, or a part of a quoted text."""
    help_ = "remove the `;` that is too many; `;` alone is the empty set"
    message = "an element of the set is empty"
    if word:
        message = f"the element `{clip(word)}` starts with a quotation mark, which does not keep a `;` together"
        help_ = "leave out the quotation marks, or write these entities in JSON or YAML"
    return Fault(code="unreadable_value", message=message, place=cell.range, help=help_)


def pieces(text: str) -> list[str]:
    """Split at each `;` that does not stand in quotes."""
    found = []
    for match in _PIECE.finditer(text):
        found.append(match[1].strip(" \t"))
        if not match[2]:
            break
    return found
