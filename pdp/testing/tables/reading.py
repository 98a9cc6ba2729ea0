"""Tables of tests from the files of a policy folder."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Final

from pdp import terms
from pdp.classes import dataclass, replace
from pdp.conform.mismatch import clip, near
from pdp.entities import Store
from pdp.entities.document import Range
from pdp.entities.files import FIXTURES, MAX_FILE, is_fixtures_file, is_table_file
from pdp.entities.loading import body, check_text, collector_paused, diagnostics
from pdp.entities.yamlfile import Node, compose
from pdp.errors import Diagnostic
from pdp.folder import walk
from pdp.loaded import digest
from pdp.source import Source, Span
from pdp.syntax.reader import read_source
from pdp.testing.runner import Unspecified
from pdp.testing.tables.books import FILE, Book, Found
from pdp.testing.tables.rows import Rows
from pdp.testing.tables.sheets import Sheet
from pdp.testing.tables.words import Vocabulary
from pdp.testing.tables.worlds import GROUPS, SHARED, Holding, World, WorldReader

_YAML: Final = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The tables of a folder. There are neither tests nor what they leave open where anything is wrong.

    `digest` is that of the texts, fixtures too, where they are from a folder.
    """

    tests: tuple[terms.Test, ...] = ()
    unspecified: tuple[Unspecified, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    digest: str = ""


def read_tables(path: str | os.PathLike[str], policy: terms.Policy, store: Store) -> Tables:
    """Read the tables of a policy folder; `store` has its entities. A single file of policies has none."""
    root = os.fspath(path).rstrip(os.sep) or os.sep
    problems: list[Diagnostic] = []
    files = {shown: file for file, shown in walk(root, problems)} if Path(root).is_dir() else {}
    for shown in files:
        meant = _meant(shown)
        if meant is not None and not is_table_file(shown):
            # Tests that are passed over pass.
            message = "the name is almost that of a file of tests, and the file would be passed over"
            problems.append(_problem("misnamed_policy", Source(shown, ""), message, f"call it `{meant}`"))

    sources: list[Source] = []

    def opened(shown: str) -> Source | Diagnostic:
        if Path(files[shown]).is_symlink():
            return _problem("unreadable_file", Source(shown, ""), "the file is a link", "links are not followed")
        source = read_source(files[shown], shown, limit=MAX_FILE)
        sources.extend([source] if isinstance(source, Source) else [])
        return source

    found = _read(files, opened, policy, store)
    if problems:
        return Tables(diagnostics=(*problems, *found.diagnostics))
    return replace(found, digest=digest(sources))


_ALMOST: Final = re.compile(r"(?<=[^/])(?:[._-]tests?)\.(yaml|yml|csv|json)$", re.IGNORECASE)


def _meant(shown: str) -> str | None:
    """Return what a file has to be called to be one of tests, where its name looks like that of one.

    >>> [_meant(path) for path in ("a/wiki_test.yaml", "Wiki.Test.YAML", "wiki.tests.json", "latest.csv", "test.csv")]
    ['a/wiki.test.yaml', 'Wiki.test.yaml', 'wiki.test.yaml', None, None]
    """
    found = _ALMOST.search(shown)
    if found is None:
        return None
    last = found[1].lower()
    return f"{shown[: found.start()]}.test.{'yaml' if last == 'json' else last}"


def read_sources(sources: Iterable[Source], policy: terms.Policy, store: Store | None = None) -> Tables:
    """Read tables from texts that belong together, fixtures among them; each is told by its path.

    >>> from pdp.folder import load_sources
    >>> text = '''
    ... type User
    ... type Page
    ... action read on Page by User
    ... rule everybody: permit User to read on Page
    ... '''
    >>> policy = load_sources([Source("wiki.pdp", text)]).policy
    >>> table = "tests: [{name: reading, expect: {User:ada: {read: {Page:home: {allow: everybody}}}}}]"
    >>> found = read_sources([Source("wiki.test.yaml", table)], policy)
    >>> [(test.name, test.stages[0].expectations[0].allow) for test in found.tests]
    [('reading', True)]
    """
    files = {source.path: source for source in sources}
    return _read(files, lambda shown: files[shown], policy, Store.empty() if store is None else store)


def _read(
    files: Mapping[str, object],
    opened: Callable[[str], Source | Diagnostic],
    policy: terms.Policy,
    store: Store,
) -> Tables:
    with collector_paused():
        shelf = _Shelf(files, opened, Vocabulary(policy, store))
        for shown in sorted(files):
            if is_table_file(shown):
                shelf.read(shown)
        return shelf.tables()


class _Shelf:
    """The files, each opened once; fixtures are read for each file of tables that they are for."""

    def __init__(
        self, files: Mapping[str, object], opened: Callable[[str], Source | Diagnostic], words: Vocabulary
    ) -> None:
        self._files = files
        self._opened = opened
        self._words = words
        self._holding = Holding(words)
        self._found = Found()
        self._sheets: dict[str, Sheet] = {}
        self._problems: dict[str, Diagnostic] = {}
        self._nodes: dict[str, Node | None] = {}
        self._readers: dict[str, WorldReader] = {}
        self._lost = False
        self._worlds: dict[tuple[str, ...], World] = {}

    def tables(self) -> Tables:
        """Return what all files come to, or all that is wrong with them."""
        for reader in self._readers.values():
            reader.check()
        sheets = [*self._sheets.values()]
        wrong = [
            *self._problems.values(),
            *diagnostics([sheet.source for sheet in sheets], [sheet.report for sheet in sheets], lambda *_: {}),
        ]
        if wrong:
            return Tables(diagnostics=tuple(wrong))
        return Tables(tests=tuple(self._found.tests), unspecified=tuple(self._found.unspecified))

    def read(self, shown: str) -> None:
        """Read a file of tables."""
        sheet = self._sheet(shown)
        if sheet is None:
            return
        stem = shown.rpartition("/")[2].rpartition(".test.")[0]
        if shown.endswith(".csv"):
            world = self._fixed(self._beside(shown, stem))
            Rows(sheet, self._words, self._holding, self._found, world).read(stem)
            return
        node = self._node(shown)
        if node is None:
            return
        fields = sheet.fields(node, "a file of tests", FILE)
        self._lost = False
        paths = self._named(sheet, fields["fixtures"]) if "fixtures" in fields else self._beside(shown, stem)
        # What fixtures would have held cannot be missed.
        world = replace(self._fixed(paths), broken=True) if self._lost else self._fixed(paths)
        Book(sheet, self._words, self._holding, self._found).read(fields, node, world)

    # -------------------------------------------------------------------------------------------------------- fixtures

    def _beside(self, shown: str, stem: str) -> tuple[str, ...]:
        folder = dirname(shown)
        for name in (f"{stem}.{FIXTURES}", FIXTURES):
            path = join(folder, name)
            if path in self._files:
                return (path,)
        return ()

    def _named(self, sheet: Sheet, node: Node) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for each in sheet.items(node, "a list of paths", "write `fixtures: [shared/fixtures.yaml]`"):
            path = sheet.text(each, "the path of a file")
            if path is None:
                self._lost = True
                continue
            whole = normpath(join(dirname(sheet.source.path), path))
            self._lost = self._lost or whole not in self._files or not whole.endswith(_YAML)
            if whole not in self._files:
                known = [name for name in self._files if is_fixtures_file(name)]
                help_ = near(whole, known) or "name a file of this policy folder, by its path from here"
                sheet.wrong("no_fixtures", f"there is no file `{clip(path)}`", each.range, help_)
            elif not whole.endswith(_YAML):
                help_ = "write them in YAML: `entities`, `grants`, `sessions` and so on"
                sheet.wrong("no_fixtures", f"`{clip(path)}` is no file of fixtures", each.range, help_)
            else:
                found[whole] = None
        return tuple(found)

    def _fixed(self, paths: tuple[str, ...]) -> World:
        """Return the world that fixtures give, one over the other."""
        known = self._worlds.get(paths)
        if known is not None:
            return known
        world = World()
        for path in paths:
            world = self._laid(path, world)
        self._worlds[paths] = world
        return world

    def _laid(self, path: str, world: World) -> World:
        sheet, node = self._sheet(path), self._node(path)
        if sheet is None or node is None:
            return replace(world, broken=True)
        reader = self._readers.setdefault(path, WorldReader(sheet, self._words))
        fields = sheet.fields(node, "a file of fixtures", (*SHARED, *GROUPS))
        found = reader.grouped(reader.over(world, fields), fields)
        for ref, placed in found.placed.items():
            before = world.placed.get(ref)
            if before is not None and before is not placed:
                note = ("first here", before.spot)
                message = f"two files of fixtures hold `{ref}`"
                sheet.wrong("entity_twice", message, placed.spot.range, "keep one of them", note)
        return found

    # ----------------------------------------------------------------------------------------------------------- files

    def _sheet(self, shown: str) -> Sheet | None:
        if shown in self._problems:
            return None
        if shown not in self._sheets:
            source = self._opened(shown)
            if isinstance(source, Diagnostic):
                self._problems[shown] = source
                return None
            self._sheets[shown] = Sheet(source, len(self._sheets))
            if not check_text(source, self._sheets[shown].report):
                self._nodes[shown] = None
        return self._sheets[shown] if self._nodes.get(shown, ...) is not None else None

    def _node(self, shown: str) -> Node | None:
        sheet = self._sheet(shown)
        if sheet is None:
            return None
        if shown not in self._nodes:
            self._nodes[shown] = _composed(sheet)
        return self._nodes[shown]


def _composed(sheet: Sheet) -> Node | None:
    """Return what a file says, where it is YAML."""
    node = compose(body(sheet.source), sheet.report)
    if any(fault.code != "duplicate_key" for fault in sheet.report.faults):
        return None
    if node is None:
        nowhere: Range = (0, 0)
        sheet.wrong("invalid_yaml", "the file is empty", nowhere, "`tests` is a list of tables")
    return node


def _problem(code: str, source: Source, message: str, help_: str) -> Diagnostic:
    return Diagnostic(code=code, message=message, span=Span(source, 0, 0), help=help_)
