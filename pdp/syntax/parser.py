"""From text to syntax tree, and every syntax error on the way.

The parser is written by hand, for speed and for its messages; `grammar/pdp.lark` says what it accepts (ADR 0002).
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from pdp.errors import Diagnostic
from pdp.source import Source, Span
from pdp.syntax import hints, limits
from pdp.syntax.lexer import DECLARATION_START
from pdp.syntax.reports import Abandoned, Failure
from pdp.syntax.tests import Tests
from pdp.syntax.tree import (
    ActionDecl,
    ContextDecl,
    Decl,
    DefineDecl,
    EnumDecl,
    File,
    GroupDecl,
    Ident,
    Import,
    ImportName,
    ObligationDecl,
    Parameter,
    RoleDecl,
    SessionDecl,
    TypeDecl,
)
from pdp.syntax.words import CLAUSES, DECLARATIONS, KEYWORDS, NOT_ACTIONS, NOT_DECLARED


def parse(source: Source) -> tuple[File, list[Diagnostic]]:
    """Read a source; return what could be read of it, and every syntax error in the order of the text.

    It never raises for what the text holds. A file that comes with errors is not what its author meant: the tree then
    serves to find further errors, never to decide.

    >>> file, errors = parse(Source("a.pdp", "type User"))
    >>> file.declarations[0].name.text, errors
    ('User', [])
    """
    with _collector_paused():
        return Parser(source).file()


@contextmanager
def _collector_paused() -> Iterator[None]:
    # A tree holds no cycles, and looking for some while it grows takes as long as parsing.
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Parser(Tests):
    """Reads files and the declarations that are not rules, grants or tests."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.namespace: Ident | None = None
        self.imports: list[Import] = []
        self.declarations: list[Decl] = []
        # What the declaration read last went to: nothing for a namespace.
        self.grown: list[Import] | list[Decl] | None = None

    def file(self) -> tuple[File, list[Diagnostic]]:
        """Read the whole file."""
        try:
            if not self._is_too_large():
                self.check_characters()
                self._start()
        except Abandoned:
            pass
        span = Span(self.source, 0, len(self.content))
        file = File(
            span=span,
            source=self.source,
            namespace=self.namespace,
            imports=tuple(self.imports),
            declarations=tuple(self.declarations),
            comments=tuple(self.comments),
        )
        return file, sorted(self.diagnostics, key=_place)

    def _is_too_large(self) -> bool:
        size = len(self.content)
        if size * 4 > limits.MAX_FILE_BYTES and not self.content.isascii():
            size = len(self.content.encode("utf-8", "surrogatepass"))
        if size > limits.MAX_FILE_BYTES:
            message = f"the file is larger than {limits.MAX_FILE_BYTES} bytes"
            self.report("file_too_large", message, 0, 0, "split it into several files")
            return True
        return False

    # ------------------------------------------------------------------------------------------ declarations at all

    def _start(self) -> None:
        self.advance()
        while self.kind != "end":
            try:
                self._next()
            except Failure:
                self._recover()

    def _next(self) -> None:
        self.begun = self.resume = self.start
        docs = self._docs()
        if self.kind == "end":
            return
        self.begun = self.resume = self.start
        reader = _READERS.get(self.text)
        if reader is None and self.text not in ("namespace", "import"):
            raise self._bad_declaration()
        self.declared = self.start
        if reader is not None:
            self.declarations.append(reader(self, docs))
            self.grown = self.declarations
        elif self.text == "namespace":
            self._namespace()
        else:
            self._import()

    def _docs(self) -> tuple[str, ...]:
        if self.kind != "doc":
            return ()
        docs = []
        start = self.start
        while self.kind == "doc":
            docs.append(self.text[3:].rstrip())
            start = self.start
            self.advance()
        if self.text in DECLARATIONS:
            return tuple(docs)
        if self.kind != "word" or self.text in KEYWORDS:
            hint = hints.misplaced_doc(start)
            failure = self.failure(hint.code, hint.message, start, hint.end, hint.help)
            if self.text not in ("", "namespace", "import"):
                raise failure
        return ()

    def _bad_declaration(self) -> Failure:
        if self.text in _EFFECTS:
            message = f"this `{self.text}` belongs to no rule"
            return self.failure("unnamed_rule", message, self.start, self.end, "name the rule: `rule name:`")
        help_ = None
        if self.text in _FOREIGN_DECLARATIONS:
            help_ = f"write `{_FOREIGN_DECLARATIONS[self.text]}`"
        elif self.text in CLAUSES:
            help_ = "a clause belongs to a rule"
        expected = "a declaration"
        if self.operand_ended == self.ended:
            expected = "an operator or the next declaration"
        known = [*DECLARATIONS, "namespace", "import"]
        return self.fail(expected, code="expected_declaration", help=help_, known=known)

    def _recover(self) -> None:
        """Go to the next line that starts a declaration.

        A line that is indented deeper than the declaration in hand is taken for a part of it, and so is what may
        stand in a test block after a test; lines that can be nothing else are taken for what they are.
        """
        if self.resume < self.begun:
            # The declaration before took the start of this one for a part of itself.
            if self.grown:
                self.grown.pop()
            elif self.namespace is not None and self.namespace.span.end > self.resume:
                self.namespace = None
        column = self.column()
        in_test = self.content.startswith("test", self.begun)
        for match in DECLARATION_START.finditer(self.content, self.resume + 1):
            start = match.end(1)
            if self.content.startswith(_UNMISTAKABLE, start):
                break
            inside = in_test and self.content.startswith(("grant", "session"), start)
            if len(match[1]) <= column and not inside:
                break
        else:
            start = len(self.content)
        self.jump(start)

    # ------------------------------------------------------------------------------------------- the head of a file

    def _namespace(self) -> None:
        start, end = self.start, self.end
        if self.namespace is not None or self.imports or self.declarations:
            message = "a file has one `namespace`, before all else"
            self.report(
                "misplaced_namespace",
                message,
                start,
                end,
                "move it to the first line, or to a file of its own",
            )
        self.advance()
        name = self._dotted("the name of the namespace")
        self.namespace = self.namespace or name
        self.grown = None

    def _dotted(self, expected: str) -> Ident:
        start = self.start
        parts = [self.name(expected).text]
        while self.take("."):
            parts.append(self.name("a name after `.`").text)
        return Ident(span=self.span(start), text=".".join(parts))

    def _import(self) -> None:
        start, end = self.start, self.end
        if self.declarations:
            message = "imports stand before all declarations"
            self.report("misplaced_import", message, start, end, "move it to the top of the file")
        self.advance()
        namespace = self._dotted("the namespace to import from")
        self.expect(":", "and the names that are imported")
        names = [self._import_name("the name that is imported")]
        while self.take(","):
            names.append(self._import_name("a name after `,`"))
        self.imports.append(Import(span=self.span(start), namespace=namespace, names=tuple(names)))
        self.grown = self.imports

    def _import_name(self, expected: str) -> ImportName:
        start = self.start
        name = self.name(expected)
        alias = self.name("the new name after `as`") if self.take("as") else None
        return ImportName(span=self.span(start), name=name, alias=alias)

    # --------------------------------------------------------------------------------------------------- the schema

    def context(self, docs: tuple[str, ...]) -> ContextDecl:
        """Read `context { … }`."""
        start = self.start
        self.advance()
        fields = self.fields()
        return ContextDecl(span=self.span(start), docs=docs, fields=fields)

    def session(self, docs: tuple[str, ...]) -> SessionDecl:
        """Read `session { … }`."""
        start = self.start
        self.advance()
        fields = self.fields()
        return SessionDecl(span=self.span(start), docs=docs, fields=fields)

    def type(self, docs: tuple[str, ...]) -> TypeDecl:
        """Read `type Name [in Parent, …] [{ … }]`."""
        start = self.start
        self.advance()
        name = self.type_name("the name of the type")
        parents = self.types("the type of a parent after `in`") if self.take("in") else ()
        fields = self.fields() if self.text == "{" else ()
        return TypeDecl(span=self.span(start), docs=docs, name=name, parents=parents, fields=fields)

    def enum(self, docs: tuple[str, ...]) -> EnumDecl:
        """Read `enum Name { a, b }`."""
        start = self.start
        self.advance()
        name = self.type_name("the name of the enum")
        opened = self.start
        self.expect("{", "and the members of the enum")
        members = [self.name("a member of the enum")]
        while self.take(",") and self.text != "}":
            members.append(self.name("a member of the enum or `}`"))
        self.close("}", opened, "`,` or `}`")
        return EnumDecl(span=self.span(start), docs=docs, name=name, members=tuple(members))

    def action(self, docs: tuple[str, ...]) -> ActionDecl:
        """Read `action a, b [in group, …] on T, … [by T, …] [with { … }]`."""
        start = self.start
        self.advance()
        names = self.actions("the name of the action")
        groups = self.actions("an action group after `in`") if self.take("in") else ()
        self.expect("on", "and the types that the action is for")
        resources = self.types("a type after `on`")
        principals = self.types("a type after `by`") if self.take("by") else None
        fields = self.fields() if self.take("with") else ()
        return ActionDecl(
            span=self.span(start),
            docs=docs,
            names=names,
            groups=groups,
            resources=resources,
            principals=principals,
            fields=fields,
        )

    def actions_(self, docs: tuple[str, ...]) -> GroupDecl:
        """Read `actions name = a, b`."""
        start = self.start
        self.advance()
        name = self.name("the name of the group", NOT_ACTIONS, named="an action group")
        self.expect("=", "and the actions of the group")
        actions = self.actions("an action")
        return GroupDecl(span=self.span(start), docs=docs, name=name, actions=actions)

    def role(self, docs: tuple[str, ...]) -> RoleDecl:
        """Read `role name on T, …: action-or-role, …`."""
        start = self.start
        self.advance()
        name = self.name("the name of the role", NOT_ACTIONS, named="a role")
        self.expect("on", "and the types that the role is for")
        types = self.types("a type after `on`")
        self.expect(":", "and what the role allows")
        members = self.actions("an action or a role")
        return RoleDecl(span=self.span(start), docs=docs, name=name, types=types, members=members)

    def define(self, docs: tuple[str, ...]) -> DefineDecl:
        """Read `define name = expression` or `define name(parameter: Type, …) = expression`."""
        start = self.start
        self.advance()
        name = self.name("the name of the define", NOT_DECLARED, named="a define")
        parameters = self._parameters() if self.text == "(" else None
        self.expect("=", "and what the define stands for")
        body = self.expression()
        return DefineDecl(span=self.span(start), docs=docs, name=name, parameters=parameters, body=body)

    def _parameters(self) -> tuple[Parameter, ...]:
        opened = self.start
        self.advance()
        if self.text == ")":
            raise self.fail("the name of a parameter", help="without parameters, write `define name = …`")
        found = []
        while True:
            start = self.start
            name = self.name("the name of a parameter", NOT_DECLARED, named="a parameter")
            self.expect(":", "and the type of the parameter")
            type_ = self.type_expression()
            found.append(Parameter(span=self.span(start), name=name, type=type_))
            if not self.take(","):
                break
        self.close(")", opened, "`,` or `)`")
        return tuple(found)

    def obligation(self, docs: tuple[str, ...]) -> ObligationDecl:
        """Read `obligation name { … }`."""
        start = self.start
        self.advance()
        name = self.name("the name of the obligation")
        fields = self.fields()
        return ObligationDecl(span=self.span(start), docs=docs, name=name, fields=fields)


def _place(found: Diagnostic) -> tuple[bool, int]:
    return found.code == "too_many_errors", found.span.start if found.span is not None else 0


_READERS: Final[dict[str, Callable[[Parser, tuple[str, ...]], Decl]]] = {
    "context": Parser.context,
    "session": Parser.session,
    "type": Parser.type,
    "enum": Parser.enum,
    "action": Parser.action,
    "actions": Parser.actions_,
    "role": Parser.role,
    "grant": Parser.grant,
    "define": Parser.define,
    "obligation": Parser.obligation,
    "rule": Parser.rule,
    "test": Parser.test,
}

_EFFECTS: Final = frozenset({"permit", "forbid"})

# What other languages call a declaration.
_FOREIGN_DECLARATIONS: Final = {
    **dict.fromkeys(("allow", "deny", "policy"), "rule name: permit …"),
    **dict.fromkeys(("entity", "class", "struct"), "type"),
    **dict.fromkeys(("let", "const", "var", "def", "fn", "function"), "define"),
    **dict.fromkeys(("use", "include"), "import"),
    **dict.fromkeys(("package", "module"), "namespace"),
}

# What can be nothing but the start of a declaration, however deep it is indented.
_UNMISTAKABLE: Final = ("rule ", "test ")
