"""A file of tables in CSV: a row a request, and what is expected of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pdp.classes import dataclass, field, replace
from pdp.conform import Mismatch
from pdp.conform.mismatch import clip, near
from pdp.entities.csvfile import BrokenError, Cell, pieces, split
from pdp.entities.document import Range, doubled_key
from pdp.entities.loading import body
from pdp.entities.yamlfile import List, Map, Node, Text
from pdp.testing.tables.books import Counter, Found
from pdp.testing.tables.cells import Cell as Expected
from pdp.testing.tables.cells import CellReader
from pdp.testing.tables.given import Given
from pdp.testing.tables.matrices import Area, Axes, Leaf, Matrix, Step
from pdp.testing.tables.sheets import Sheet
from pdp.testing.tables.words import Vocabulary
from pdp.testing.tables.worlds import Holding, World, WorldReader
from pdp.types import RecordType, SetType
from pdp.values import EntityRef

_NEEDED: Final = ("principal", "action", "resource", "decision")
_LISTS: Final = ("by", "errs", "needs", "oblige")
_COLUMNS: Final = (*_NEEDED, *_LISTS, "until", "standing", "at", "session", "test")
_RECORDS: Final = ("context", "session")
_REST: Final = "rest"
_NAMES: Final = "there are " + ", ".join((*_COLUMNS, "context.NAME", "session.NAME"))


@dataclass(slots=True)
class _Group:
    """The rows of one test."""

    at: Range
    leaves: list[Leaf] = field(default_factory=list)
    named: dict[EntityRef, Range] = field(default_factory=dict)
    rest: Expected | None = None
    skip: bool = False


class Rows:
    """Reads one file, in a world that its fixtures give."""

    def __init__(self, sheet: Sheet, words: Vocabulary, holding: Holding, found: Found, world: World) -> None:
        self.sheet = sheet
        self.words = words
        self.worlds = WorldReader(sheet, words)
        self._cells = CellReader(sheet, words, self.worlds)
        self._holding = holding
        self._found = found
        self._world = world
        self._groups: dict[str, _Group] = {}
        self._columns: list[str | None] = []
        self._heads: dict[str, Range] = {}
        self._shared: dict[tuple[object, ...], Given] = {}

    def read(self, stem: str) -> None:
        """Read the rows; `stem` is the name of a test where no column gives one."""
        try:
            self._all(stem)
        except BrokenError as broken:
            self.sheet.report.add(broken.fault)
        count = Counter(self.sheet)
        for name, group in self._groups.items():
            step = Step(world=self._world, leaves=group.leaves, rest=group.rest, skip=group.skip, at=group.at)
            axes = Axes(named=group.named)
            self._found.add(Matrix(self.sheet, self.words, self._holding, name, group.at, axes, [step], count))
        self.worlds.check()

    def _all(self, stem: str) -> None:
        rows = split(body(self.sheet.source))
        header = next(rows, None)
        if header is None:
            message, help_ = "the file is empty", f"the first row names the columns: {', '.join(_NEEDED)}"
            self.sheet.wrong("invalid_csv", message, (0, 0), help_)
            return
        if not self._header(header):
            return
        empty = True
        for row in rows:
            empty = False
            self._row(row, stem)
            if self.sheet.report.full:
                return
        if empty:
            self.sheet.wrong("empty_table", "there are no rows", (header[0].start, header[-1].end), "write one")

    def _header(self, row: list[Cell]) -> bool:
        for cell in row:
            known = cell.text in _COLUMNS or self._attribute(cell.text) is not None
            if cell.text in self._heads:
                self.sheet.report.add(doubled_key(cell.text, self._heads[cell.text], cell.range))
                known = False
            elif not known:
                help_ = near(cell.text, _COLUMNS) or _NAMES
                message = f"there is no column `{clip(cell.text)}`"
                self.sheet.wrong("unknown_column", message, cell.range, help_)
            self._heads.setdefault(cell.text, cell.range)
            self._columns.append(cell.text if known else None)
        whole = True
        for name in _NEEDED:
            if name not in self._heads:
                whole = False
                if not any(near(other, [name]) for other in self._heads if other not in _COLUMNS):
                    where = (row[0].start, row[-1].end)
                    self.sheet.wrong("missing_column", f"there is no column `{name}`", where, "add it")
        return whole

    @staticmethod
    def _attribute(name: str) -> tuple[str, str] | None:
        record, dot, attribute = name.partition(".")
        return (record, attribute) if dot and attribute and record in _RECORDS else None

    # ----------------------------------------------------------------------------------------------------------- rows

    def _row(self, row: list[Cell], stem: str) -> None:
        where = (row[0].start, row[-1].end)
        if len(row) != len(self._columns):
            message = f"this row has {len(row)} cells, the header has {len(self._columns)}"
            help_ = "put a cell that holds a comma in quotes; an empty cell has its comma too"
            self.sheet.wrong("invalid_csv", message, where, help_)
            return
        cells = {name: cell for name, cell in zip(self._columns, row, strict=True) if name is not None and cell.text}
        name = cells["test"].text if "test" in cells else stem
        group = self._groups.setdefault(name, _Group(where))
        if "principal" in cells and cells["principal"].text == _REST:
            self._rest(cells, where, group)
            return
        asked = self._asked(cells, where)
        if asked is None:
            return
        principal, action, resource = asked
        expected = self._cells.of_fields(self._fields(cells), Map(where), self._world)
        if expected is not None:
            expected = self._with_records(expected, cells, action)
            group.named.setdefault(principal, cells["principal"].range)
            group.named.setdefault(resource, cells["resource"].range)
            group.leaves.append(Leaf(Area((principal,), (resource,), (action,)), [expected], where))

    def _rest(self, cells: Mapping[str, Cell], where: Range, group: _Group) -> None:
        for name in ("action", "resource"):
            if name in cells:
                message, help_ = "a row for the rest names no action and no resource", "leave the cell empty"
                self.sheet.wrong("unreadable_value", message, cells[name].range, help_)
        if group.rest is not None or group.skip:
            self.sheet.wrong("cell_twice", "there are two rows for the rest", where, "keep one of them")
        if "decision" in cells and cells["decision"].text == "skip":
            group.skip = True
        else:
            group.rest = self._cells.of_fields(self._fields(cells), Map(where), self._world)

    def _asked(self, cells: Mapping[str, Cell], where: Range) -> tuple[EntityRef, str, EntityRef] | None:
        for name in _NEEDED:
            if name not in cells:
                self.sheet.wrong("missing_key", f"the row has no {name}", where, "fill the cell, or remove the row")
                return None
        principal, resource = self._ref(cells["principal"]), self._ref(cells["resource"])
        word = cells["action"]
        actions = self.words.actions(word.text)
        if len(actions) != 1 or self.words.schema.resolve_action(word.text) in self.words.schema.groups:
            help_ = (
                "write a row for each" if actions else near(word.text, self.words.schema.actions) or "name an action"
            )
            what = "stands for several actions" if actions else "is no declared action"
            self.sheet.wrong("unknown_action", f"`{clip(word.text)}` {what}", word.range, help_)
            return None
        return None if principal is None or resource is None else (principal, actions[0], resource)

    def _ref(self, cell: Cell) -> EntityRef | None:
        try:
            return self.words.ref(cell.text)
        except Mismatch as odd:
            self.sheet.wrong(odd.code, odd.message, cell.range, odd.help)
            return None

    # ---------------------------------------------------------------------------------------------------------- cells

    def _fields(self, cells: Mapping[str, Cell]) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for name in ("decision", "until", "standing", "at", "session"):
            if name in cells:
                found[name] = Text(cells[name].range, cells[name].text, True)
        for name in _LISTS:
            if name in cells:
                found[name] = _listed(cells[name])
        return found

    def _with_records(self, expected: Expected, cells: Mapping[str, Cell], action: str) -> Expected:
        declared = self.words.schema.actions[action]
        context = self._record("context", cells, declared.context)
        session = self._record("session", cells, declared.session)
        if context is not None:
            expected = replace(expected, context=context)
        if session is not None:
            base = None if expected.alone else expected.session or self._world.session
            key = ("over", id(base), id(session))
            if key not in self._shared:
                self._shared[key] = session if base is None else base.with_others(session)
            expected = replace(expected, session=self._shared[key], alone=False)
        return expected

    def _record(self, name: str, cells: Mapping[str, Cell], record: RecordType) -> Given | None:
        """Return the attributes of a row, the same for rows in which they are the same."""
        written = tuple((each, cells[each].text) for each in self._of(name) if each in cells)
        if not written:
            return None
        key = (name, id(record), written)
        if key not in self._shared:
            items = {
                each.partition(".")[2]: (self._heads[each], self._value(each.partition(".")[2], cells[each], record))
                for each, _ in written
            }
            self._shared[key] = self.worlds.given(Map((0, 0), items), f"the {name}")
        return self._shared[key]

    def _of(self, record: str) -> Iterator[str]:
        for name in self._columns:
            found = None if name is None else self._attribute(name)
            if name is not None and found is not None and found[0] == record:
                yield name

    def _value(self, name: str, cell: Cell, record: RecordType) -> Node:
        declared = record.fields.get(name)
        kind = None if declared is None else declared.type
        if isinstance(kind, RecordType):
            message = f"the attribute `{clip(name)}` is a record, which no cell can hold"
            self.sheet.wrong("nested_in_csv", message, cell.range, "give it a name under `contexts`, or write YAML")
        if not isinstance(kind, SetType):
            return Text(cell.range, cell.text, True)
        words = pieces(cell.text)
        return List(cell.range, [] if words == ["", ""] else [Text(cell.range, word, True) for word in words])


def _listed(cell: Cell) -> Node:
    """Return the texts of a cell, with `;` between them; one that holds a `;` stands in quotes."""
    texts = [
        Text(cell.range, piece[1:-1], False)
        if len(piece) > 1 and piece[0] == piece[-1] == '"'
        else Text(cell.range, piece, True)
        for piece in pieces(cell.text)
    ]
    return texts[0] if len(texts) == 1 and texts[0].plain else List(cell.range, [*texts])
