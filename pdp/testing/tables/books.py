"""A file of tables in YAML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pdp import terms
from pdp.classes import dataclass, field
from pdp.conform import Mismatch
from pdp.conform.mismatch import clip, near
from pdp.entities.document import Range
from pdp.entities.yamlfile import List, Map, Node, Text
from pdp.testing.runner import Unspecified
from pdp.testing.tables.cells import Cell, CellReader
from pdp.testing.tables.matrices import MAX_CASES, Area, Axes, Matrix, Step, inapplicable
from pdp.testing.tables.pickers import Picker
from pdp.testing.tables.sheets import Sheet, Spot
from pdp.testing.tables.words import Vocabulary
from pdp.testing.tables.worlds import GROUPS, SHARED, Holding, World, WorldReader
from pdp.values import EntityRef

FILE: Final = ("name", "fixtures", *SHARED, *GROUPS, "tests")
_TABLE: Final = ("name", *SHARED, *GROUPS, "actions", "expect", "rest", "then")
_STEP: Final = ("at", "revoke", *(key for key in SHARED if key not in ("world", "at", "revocations")), "expect", "rest")
_SAID: Final = ("expect", "rest")
_LIST: Final = "a list of names"


@dataclass(slots=True)
class Found:
    """What the files come to."""

    tests: list[terms.Test] = field(default_factory=list)
    unspecified: list[Unspecified] = field(default_factory=list)

    def add(self, matrix: Matrix) -> None:
        """Take a table."""
        test, unspecified = matrix.build()
        self.tests += [] if test is None else [test]
        self.unspecified += unspecified


class Counter:
    """Counts the requests that the tables of one file look at, and reports when there are too many."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._count = 0

    def __call__(self, more: int) -> bool:
        """Count more; tell whether there may be so many."""
        self._count += more
        if self._count > MAX_CASES:
            message = f"the tables of a file look at no more than {MAX_CASES} requests"
            self._sheet.wrong("table_too_large", message, (0, 0), "split it, or list fewer names together")
        return self._count <= MAX_CASES


class Book:
    """Reads the tables of one file, in a world that its fixtures give."""

    def __init__(self, sheet: Sheet, words: Vocabulary, holding: Holding, found: Found) -> None:
        self.sheet = sheet
        self.words = words
        self.worlds = WorldReader(sheet, words)
        self._cells = CellReader(sheet, words, self.worlds)
        self._holding = holding
        self._found = found
        self._count = Counter(sheet)
        self._named: dict[str, Range] = {}
        self._prefix = ""

    def read(self, fields: Mapping[str, Node], node: Node, world: World) -> None:
        """Read a whole file by its keys."""
        world = self.worlds.grouped(self.worlds.over(world, fields), fields)
        name = self.sheet.text(fields["name"], "a name") if "name" in fields else None
        self._prefix = "" if name is None else f"{name}: "
        if "tests" not in fields:
            self.sheet.lacks("tests", "a file of tests", node, "`tests` is a list of tables")
            return
        tables = self.sheet.items(fields["tests"], "a list of tables")
        if not tables and isinstance(fields["tests"], List):
            self.sheet.wrong("empty_table", "there are no tests", fields["tests"].range, "write one")
        for table in tables:
            if not self.sheet.report.full:
                self._table(table, world)
        self.worlds.check()

    def _table(self, node: Node, world: World) -> None:
        fields = self.sheet.fields(node, "a table", _TABLE)
        if not isinstance(node, Map):
            return
        name, at = self._name(fields, node)
        world = self.worlds.over(world, {key: inner for key, inner in fields.items() if key in SHARED})
        axes = self._axes(fields, world)
        picker = Picker(self.sheet, self.words, axes, world, self._cells)
        steps = [self._step(fields, picker, world, at)] if fields.keys() & set(_SAID) else []
        then = self.sheet.items(fields["then"], "a list of steps") if "then" in fields else []
        for each in then:
            world, step = self._then(each, axes, world)
            steps += [] if step is None else [step]
        if not steps:
            self.sheet.lacks("expect", "a table", node, "say what is expected, as in `expect: {User:ada: allow}`")
            return
        matrix = Matrix(self.sheet, self.words, self._holding, name, at, axes, steps, self._count)
        self._found.add(matrix)

    def _name(self, fields: Mapping[str, Node], node: Node) -> tuple[str, Range]:
        if "name" not in fields:
            self.sheet.lacks("name", "a table", node, "say in a few words what it shows")
            return "", node.range
        at = fields["name"].range
        name = self.sheet.text(fields["name"], "a name") or ""
        first = self._named.setdefault(name, at)
        if first is not at:
            note = ("first here", Spot(self.sheet, first))
            self.sheet.wrong("duplicate_table", f"two tables are called `{clip(name)}`", at, "rename one of them", note)
        return self._prefix + name, at

    # ----------------------------------------------------------------------------------------------------------- axes

    def _axes(self, fields: Mapping[str, Node], world: World) -> Axes:
        axes = Axes()
        if "actions" in fields:
            axes.actions = {}
            for word, each in self._words(fields["actions"]):
                found = self.words.actions(word)
                if not found:
                    help_ = near(word, self.words.action_words()) or "it is declared nowhere"
                    self.sheet.wrong("unknown_action", f"action `{clip(word)}` is not declared", each.range, help_)
                axes.actions |= dict.fromkeys(found, each.range)
        axes.principals = self._entities(fields.get("principals"), world.principals, "principals")
        axes.resources = self._entities(fields.get("resources"), world.resources, "resources")
        self._check(axes)
        return axes

    def _entities(
        self, node: Node | None, groups: Mapping[str, tuple[EntityRef, ...]], kind: str
    ) -> dict[EntityRef, Range] | None:
        if node is None:
            return None
        found: dict[EntityRef, Range] = {}
        for word, each in self._words(node):
            if ":" in word or '"' in word or word in groups:
                try:
                    refs = groups[word] if word in groups else (self.words.ref(word),)
                    found |= dict.fromkeys(refs, each.range)
                except Mismatch as odd:
                    self.sheet.odd(odd, each)
            else:
                help_ = near(word, groups) or f"write `Type:id`; `{kind}` of the file gives groups names"
                self.sheet.wrong("unknown_table_name", f"there is no group `{clip(word)}`", each.range, help_)
        return found

    def _words(self, node: Node) -> list[tuple[str, Node]]:
        items = [node] if isinstance(node, Text) else self.sheet.items(node, _LIST)
        if isinstance(node, List) and not items:
            self.sheet.wrong("empty_table", "the list names nothing", node.range, "name something, or leave it out")
        found = [(self.sheet.text(each, "a name"), each) for each in items]
        return [(word, each) for word, each in found if word is not None]

    def _check(self, axes: Axes) -> None:
        """Report what no request of the table can be about."""
        actions = axes.actions or ()
        for action, where in (axes.actions or {}).items():
            principals, resources = [*(axes.principals or ())], [*(axes.resources or ())]
            able = self.words.principals(action), self.words.resources(action)
            for refs, types in zip((principals, resources), able, strict=True):
                if refs and not any(ref.type in types for ref in refs):
                    self.sheet.wrong(
                        "action_does_not_apply", *inapplicable(action, principals, resources, where, self.words)
                    )
                    break
        for axis, types_of in ((axes.principals, self.words.principals), (axes.resources, self.words.resources)):
            for ref, where in (axis or {}).items():
                if actions and not any(ref.type in types_of(each) for each in actions):
                    first = next(iter(actions))
                    message, _, help_ = inapplicable(
                        first, *(([ref], []) if axis is axes.principals else ([], [ref])), where, self.words
                    )
                    self.sheet.wrong("action_does_not_apply", message, where, help_)

    # ---------------------------------------------------------------------------------------------------------- steps

    def _then(self, node: Node, axes: Axes, world: World) -> tuple[World, Step | None]:
        fields = self.sheet.fields(node, "a step", _STEP)
        if not isinstance(node, Map):
            return world, None
        changes = {key: inner for key, inner in fields.items() if key not in _SAID}
        if not changes:
            message, help_ = "a step says what happens", "add `at`, `revoke`, or facts such as `session` or `entities`"
            self.sheet.wrong("empty_step", message, node.range, help_)
        before = world.at or terms.TEST_START
        world = self.worlds.over(world, changes)
        if "at" in fields and (world.at or before) < before:
            message = f"the step is at {world.at}, which is before {before}"
            help_ = "a story goes on: put its steps in the order of time, or write another table"
            self.sheet.wrong("time_goes_back", message, fields["at"].range, help_)
        if not fields.keys() & set(_SAID):
            self.sheet.lacks("expect", "a step", node, "say what is expected from then on")
            return world, None
        return world, self._step(fields, Picker(self.sheet, self.words, axes, world, self._cells), world, node.range)

    def _step(self, fields: Mapping[str, Node], picker: Picker, world: World, at: Range) -> Step:
        leaves = [*picker.leaves(fields["expect"], Area(), at)] if "expect" in fields else []
        rest, skip = self._rest(fields.get("rest"), world)
        return Step(world=world, leaves=leaves, rest=rest, skip=skip, at=at)

    def _rest(self, node: Node | None, world: World) -> tuple[Cell | None, bool]:
        if isinstance(node, Text) and node.text == "skip":
            return None, True
        return (None if node is None else self._cells.cell(node, world)), False
