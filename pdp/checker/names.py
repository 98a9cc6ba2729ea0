"""Names: what each file can see of its own namespace and of what it imports, and what everything is called outside."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from pdp.checker.expansion import Allowance
from pdp.checker.report import Report
from pdp.source import Span
from pdp.syntax import tree
from pdp.types import PRIMITIVES, WEEKDAY
from pdp.values import EnumMember


class Kind(StrEnum):
    """What a name can stand for. Names of one kind share one room; different kinds do not clash."""

    TYPE = "type"
    ACTION = "action"
    DEFINE = "define"
    OBLIGATION = "obligation"
    RULE = "rule"


Declared: TypeAlias = (
    tree.TypeDecl
    | tree.EnumDecl
    | tree.ActionDecl
    | tree.GroupDecl
    | tree.RoleDecl
    | tree.DefineDecl
    | tree.ObligationDecl
    | tree.RuleDecl
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Symbol:
    """A declared name. `name` is what it is called outside its namespace."""

    kind: Kind
    short: str
    namespace: str
    name: str
    decl: Declared
    file: tree.File
    span: Span


@dataclass(slots=True)
class Names:
    """What one file can name: by kind and by the word that it uses."""

    namespace: str
    tables: dict[Kind, dict[str, Symbol]] = field(default_factory=lambda: {kind: {} for kind in Kind})
    imported: dict[str, tree.ImportName] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    _members: dict[str, list[tuple[str, str]]] | None = None

    def find(self, kind: Kind, word: str) -> Symbol | None:
        """Return what a word stands for, or None."""
        self.used.add(word)
        return self.tables[kind].get(word)

    def words(self, kind: Kind) -> Iterable[str]:
        """Return every word of a kind."""
        return self.tables[kind]

    def members(self, word: str) -> list[EnumMember]:
        """Return the members of that name, of every enum in sight."""
        if self._members is None:
            self._members = {}
            for short, symbol in self.tables[Kind.TYPE].items():
                if isinstance(symbol.decl, tree.EnumDecl):
                    for name in dict.fromkeys(member.text for member in symbol.decl.members):
                        self._members.setdefault(name, []).append((short, symbol.name))
        found = self._members.get(word, [])
        self.used.update(short for short, _ in found)
        weekdays = [EnumMember(WEEKDAY.name, word)] if word in WEEKDAY.members else []
        return weekdays + [EnumMember(name, word) for _, name in found]

    def values(self) -> list[str]:
        """Return every word for a define, or for a member of an enum in sight."""
        self.members("")
        return [*self.tables[Kind.DEFINE], *(self._members or ())]

    def doable(self) -> list[str]:
        """Return every word for an action or a group of actions: a role is neither."""
        return [word for word, each in self.tables[Kind.ACTION].items() if not isinstance(each.decl, tree.RoleDecl)]


@dataclass(slots=True)
class World:
    """Every symbol of every namespace, and each file's view of them.

    `broken` are the defines that were reported and cannot be written out.
    """

    symbols: list[Symbol]
    views: Mapping[int, Names]
    contexts: Mapping[str, Sequence[tree.Field]]
    sessions: Mapping[str, Sequence[tree.Field]]
    allowance: Allowance
    looks: Allowance
    broken: set[Symbol] = field(default_factory=set)
    _by_file: dict[int, list[Symbol]] | None = None

    def names(self, file: tree.File) -> Names:
        """Return what a file can name."""
        return self.views[id(file)]

    def of(self, kind: Kind) -> list[Symbol]:
        """Return every symbol of a kind, over all namespaces."""
        return [symbol for symbol in self.symbols if symbol.kind is kind]

    def of_file(self, file: tree.File, kind: Kind) -> list[Symbol]:
        """Return every symbol of a kind that a file declares."""
        if self._by_file is None:
            self._by_file = defaultdict(list)
            for symbol in self.symbols:
                self._by_file[id(symbol.file)].append(symbol)
        return [symbol for symbol in self._by_file.get(id(file), ()) if symbol.kind is kind]


def namespace_of(file: tree.File) -> str:
    """Return a file's namespace; the empty string for none."""
    return "" if file.namespace is None else file.namespace.text


def collect(files: Sequence[tree.File], report: Report) -> World:
    """Find every declaration, and what every file can see."""
    drafts: list[tuple[Kind, tree.Ident, Declared, tree.File]] = []
    contexts: dict[str, list[tree.Field]] = defaultdict(list)
    sessions: dict[str, list[tree.Field]] = defaultdict(list)
    for file in files:
        for decl in file.declarations:
            if isinstance(decl, tree.ContextDecl):
                contexts[namespace_of(file)].extend(decl.fields)
            elif isinstance(decl, tree.SessionDecl):
                sessions[namespace_of(file)].extend(decl.fields)
            else:
                drafts += [(kind, name, declared, file) for kind, name, declared in _declared(decl)]
    symbols = _symbols(drafts, report)
    own: dict[str, dict[Kind, dict[str, Symbol]]] = {namespace_of(file): {kind: {} for kind in Kind} for file in files}
    for symbol in symbols:
        own[symbol.namespace][symbol.kind][symbol.short] = symbol
    views = {id(file): _view(file, own, report) for file in files}
    length = sum(len(file.source.text) for file in files)
    added, looks = Allowance.for_defines(length), Allowance.for_looks(length)
    return World(symbols, views, contexts, sessions, added, looks)


def _declared(decl: tree.Decl) -> list[tuple[Kind, tree.Ident, Declared]]:
    match decl:
        case tree.TypeDecl() | tree.EnumDecl():
            return [(Kind.TYPE, decl.name, decl)]
        case tree.ActionDecl():
            return [(Kind.ACTION, name, decl) for name in decl.names]
        case tree.GroupDecl() | tree.RoleDecl():
            return [(Kind.ACTION, decl.name, decl)]
        case tree.DefineDecl():
            return [(Kind.DEFINE, decl.name, decl)]
        case tree.ObligationDecl():
            return [(Kind.OBLIGATION, decl.name, decl)]
        case tree.RuleDecl():
            return [(Kind.RULE, decl.name, decl)]
        case _:
            return []


def _symbols(drafts: list[tuple[Kind, tree.Ident, Declared, tree.File]], report: Report) -> list[Symbol]:
    first: dict[tuple[Kind, str, str], tuple[tree.Ident, Declared, tree.File]] = {}
    for kind, ident, decl, file in drafts:
        key = kind, namespace_of(file), ident.text
        if kind is Kind.TYPE and (ident.text in PRIMITIVES or ident.text == WEEKDAY.name):
            report.error("builtin_name", f"`{ident.text}` is a type of the language", ident.span, "choose another name")
        elif key in first:
            report.error(
                "duplicate_declaration",
                f"{_word(decl)} `{ident.text}` is declared twice",
                ident.span,
                "remove one of them, or give it another name",
                (("the first is here", first[key][0].span),),
            )
        else:
            first[key] = ident, decl, file
    clashes = Counter((kind, short) for kind, _, short in first)
    return [
        Symbol(
            kind=kind,
            short=short,
            namespace=namespace,
            name=f"{namespace}.{short}" if namespace and clashes[kind, short] > 1 else short,
            decl=decl,
            file=file,
            span=ident.span,
        )
        for (kind, namespace, short), (ident, decl, file) in first.items()
    ]


def _word(decl: Declared) -> str:
    words = {
        tree.TypeDecl: "type",
        tree.EnumDecl: "enum",
        tree.ActionDecl: "action",
        tree.GroupDecl: "action group",
        tree.RoleDecl: "role",
        tree.DefineDecl: "define",
        tree.ObligationDecl: "obligation",
        tree.RuleDecl: "rule",
    }
    return words[type(decl)]


def _view(file: tree.File, own: Mapping[str, Mapping[Kind, dict[str, Symbol]]], report: Report) -> Names:
    here = namespace_of(file)
    # Rules are not imported, and there may be very many: their table is the same for all files of a namespace.
    view = Names(here, {kind: table if kind is Kind.RULE else dict(table) for kind, table in own[here].items()})
    for import_ in file.imports:
        there = own.get(import_.namespace.text)
        if there is None:
            report.unknown("unknown_namespace", "namespace", import_.namespace.text, import_.namespace.span, own)
            continue
        if import_.namespace.text == here:
            report.error(
                "self_import",
                f"the file is in the namespace `{here}` itself",
                import_.namespace.span,
                "remove the import: all files of a namespace share its names",
            )
            continue
        for wanted in import_.names:
            _bring_in(wanted, import_.namespace.text, there, view, report)
    return view


def _bring_in(
    wanted: tree.ImportName,
    namespace: str,
    there: Mapping[Kind, Mapping[str, Symbol]],
    view: Names,
    report: Report,
) -> None:
    word = (wanted.alias or wanted.name).text
    found = [
        (kind, table[wanted.name.text])
        for kind, table in there.items()
        if kind is not Kind.RULE and wanted.name.text in table
    ]
    if not found:
        known = [short for table in there.values() for short in table]
        report.error(
            "unknown_import",
            f"the namespace `{namespace}` does not declare `{wanted.name.text}`",
            wanted.name.span,
            report.suggest(wanted.name.text, known),
        )
    for kind, symbol in found:
        if word in view.tables[kind]:
            report.error(
                "import_clash",
                f"`{word}` is declared here already",
                wanted.span,
                f"bring it in under another name: `{wanted.name.text} as …`",
                (("the other one is here", view.tables[kind][word].span),),
            )
        else:
            view.tables[kind][word] = symbol
            view.imported[word] = wanted


def report_unused(world: World, files: Sequence[tree.File], report: Report) -> None:
    """Warn of imports that nothing in their file uses, and of defines that nothing uses at all."""
    used: set[Symbol] = set()
    for file in files:
        view = world.names(file)
        for word, wanted in view.imported.items():
            if word not in view.used:
                report.warn("unused_import", f"`{word}` is imported and not used", wanted.span, "remove it")
        defines = view.tables[Kind.DEFINE]
        used.update(defines[word] for word in defines.keys() & view.used)
    # Beside an error, what would use a define may not have been read so far.
    for symbol in () if report.failed else world.of(Kind.DEFINE):
        if symbol not in used:
            report.warn("unused_define", f"define `{symbol.short}` is not used", symbol.span, "remove it, or use it")
