"""The text form of a schema, read by recursive descent; every mistake of a text is told at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from pdp.cedar.schemas import words
from pdp.cedar.schemas.cursor import Cursor, Mistake
from pdp.cedar.schemas.declarations import (
    ActionDecl,
    ActionName,
    AppliesTo,
    Attribute,
    Declaration,
    EntityDecl,
    Name,
    Named,
    Namespace,
    RecordOf,
    SetOf,
    TypeDecl,
    TypeExpr,
    Wanted,
)
from pdp.cedar.schemas.lexer import check_text
from pdp.checker.report import Report
from pdp.errors import suggest
from pdp.source import Source, Span
from pdp.syntax.characters import show
from pdp.syntax.limits import MAX_DEPTH

_T = TypeVar("_T")
_NO_COMMA: Final = "this list takes no comma after its last element"
_NOT_EMPTY: Final = "leave it out where there is none"


def parse(source: Source, report: Report) -> list[Namespace]:
    """Return what a text declares, as far as it can be read."""
    if not check_text(source, report):
        return []
    return _Parser(Cursor(source, report)).schema()


class _Parser:
    """One text. Each method reads one thing, and raises `Mistake` where that is not what stands there."""

    def __init__(self, at: Cursor) -> None:
        self.at = at
        self.report = at.report
        self._depth = 0

    def schema(self) -> list[Namespace]:
        bare: list[Declaration] = []
        found: list[Namespace] = []
        first: dict[str, Span] = {}
        while not self.at.ended:
            if self.report.failed and self.at.accept("}"):
                # What it closes was given up on.
                continue
            try:
                docs = self._annotations()
                if self.at.is_word("namespace"):
                    found.append(self._namespace(first))
                else:
                    bare += self._declaration(docs, "`namespace`, `entity`, `action` or `type`")
            except Mistake:
                self._skip(0)
        return [Namespace("", tuple(bare)), *found]

    def _skip(self, level: int) -> None:
        self._depth = 0
        self.at.recover(level)

    def _namespace(self, first: dict[str, Span]) -> Namespace:
        self.at.advance()
        path = self._path("the name of a namespace", words.check_declared)
        before = first.setdefault(path.text, path.span)
        if before is not path.span:
            message, help_ = f"namespace `{path.text}` stands twice in this file", "put them together"
            self.report.error("duplicate_declaration", message, path.span, help_, (("the first is here", before),))
        opened = self.at.expect("{")
        found: list[Declaration] = []
        lost = False
        while not self.at.is_sign("}"):
            if self.at.ended or (lost and self.at.is_word("namespace")):
                if not lost:
                    span = Span(self.at.source, opened.start, opened.end)
                    self.report.error("unclosed_bracket", "this `{` is not closed", span, "close it with `}`")
                break
            try:
                found += self._declaration(self._annotations(), "`entity`, `action` or `type`")
            except Mistake:
                lost = True
                self._skip(1)
        self.at.accept("}")
        return Namespace(path.text, tuple(found))

    def _annotations(self) -> str:
        """Read annotations, and return what the one that documents says."""
        found: dict[str, str] = {}
        while self.at.accept("@"):
            if self.at.here.kind != "name":
                self.at.fail("the name of an annotation")
            token = self.at.advance()
            value = ""
            if self.at.accept("("):
                value = self.at.string("a string").text
                self.at.expect(")")
            if token.text in found:
                span = Span(self.at.source, token.start, token.end)
                message = f"the annotation `{token.text}` stands twice"
                self.report.error("duplicate_annotation", message, span, "keep one of them")
            found[token.text] = value
        return found.get("doc", "")

    # ------------------------------------------------------------------------------------------------ declarations

    def _declaration(self, docs: str, expected: str) -> Sequence[Declaration]:
        here = self.at.here
        if self.at.accept_word("entity"):
            return self._entities(docs)
        if self.at.accept_word("action"):
            return self._actions(docs)
        if self.at.accept_word("type"):
            return [self._common_type()]
        if self.at.is_word("namespace"):
            self.at.fail(expected, "namespaces are not nested: write `namespace A::B { … }` outside")
        return self.at.fail(expected, suggest(here.text, ["namespace", "entity", "action", "type"]))

    def _common_type(self) -> TypeDecl:
        name = self.at.name("the name of a common type")
        words.check_declared(name.text, name.span, self.report)
        if name.text in words.NOT_COMMON:
            message = f"`{name.text}` is a type of Cedar's own"
            self.report.error("reserved_name", message, name.span, "choose another name")
        self.at.expect("=")
        found = self._type()
        self.at.expect(";")
        return TypeDecl(name=name, type=found)

    def _entities(self, docs: str) -> list[Declaration]:
        names = self._listed(lambda: self.at.name("the name of an entity type"))
        for name in names:
            words.check_declared(name.text, name.span, self.report)
        if self.at.accept_word("enum"):
            ids = frozenset(self._ids())
            self.at.expect(";")
            return [EntityDecl(name=name, ids=ids, docs=docs) for name in names]
        parents = self._entity_types() if self.at.accept_word("in") else ()
        shape: TypeExpr | None = None
        if self.at.accept("=") or self.at.is_sign("{"):
            if not self.at.is_sign("{"):
                self.at.fail("`{`", "the attributes of an entity type are written out: no type stands for them")
            shape = self._record()
        tags = self._type() if self.at.accept_word("tags") else None
        self.at.expect(";")
        return [EntityDecl(name=name, parents=parents, shape=shape, tags=tags, docs=docs) for name in names]

    def _ids(self) -> list[str]:
        self.at.expect("[")
        found = self._listed(lambda: self.at.string("the id of an entity, in quotes"), "]", "an enum has an id or more")
        return [each.text for each in found]

    def _actions(self, docs: str) -> list[Declaration]:
        names = self._listed(lambda: self._action_name("the name of an action"))
        parents = self._groups() if self.at.accept_word("in") else ()
        applies = self._applies_to(names[0]) if self.at.accept_word("appliesTo") else None
        if self.at.accept_word("attributes"):
            self.at.expect("{")
            self.at.expect("}", "actions have no attributes")
        self.at.expect(";")
        return [ActionDecl(name=name, parents=parents, applies_to=applies, docs=docs) for name in names]

    def _action_name(self, what: str) -> Name:
        return self.at.string(what) if self.at.here.kind == "string" else self.at.name(what)

    def _groups(self) -> tuple[ActionName, ...]:
        if self.at.accept("["):
            return tuple(self._listed(self._group, "]", _NOT_EMPTY))
        return (self._group(),)

    def _group(self) -> ActionName:
        if self.at.here.kind == "string":
            name = self.at.string("an action")
            return ActionName(None, name.text, name.span)
        start = self.at.here.start
        path = [self.at.name("an action").text]
        while self.at.accept("::"):
            if self.at.here.kind == "string":
                name = self.at.string("the id of an action")
                return ActionName("::".join(path), name.text, self.at.span(start))
            path.append(self.at.name("the id of an action, in quotes").text)
        if len(path) > 1:
            self.at.fail("`::`", f'an action elsewhere is written `{"::".join(path[:-1])}::Action::"{path[-1]}"`')
        return ActionName(None, path[0], self.at.span(start))

    # ------------------------------------------------------------------------------------------- what it applies to

    def _applies_to(self, action: Name) -> AppliesTo:
        opened = self.at.expect("{")
        types: dict[str, tuple[Named, ...]] = {}
        context: list[TypeExpr] = []
        while True:
            self._applies(action, types, context)
            if not self.at.accept(",") or self.at.is_sign("}"):
                break
        self.at.expect("}")
        for word in ("principal", "resource"):
            if word not in types:
                span = Span(self.at.source, opened.start, self.at.span(opened.start).end)
                message, help_ = (
                    f"it is not said which {word} action `{show(action.text)}` applies to",
                    f"add `{word}: …`",
                )
                self.report.error("missing_key", message, span, help_)
        return AppliesTo(types.get("principal", ()), types.get("resource", ()), context[0] if context else None)

    def _applies(self, action: Name, types: dict[str, tuple[Named, ...]], context: list[TypeExpr]) -> None:
        token = self.at.here
        if token.kind != "name" or token.text not in ("principal", "resource", "context"):
            help_ = suggest(token.text, ("principal", "resource", "context"))
            self.at.fail("`principal`, `resource` or `context`", help_)
        self.at.advance()
        span = Span(self.at.source, token.start, token.end)
        if token.text in types or (token.text == "context" and context):
            message = f"`{token.text}` stands twice for action `{show(action.text)}`"
            self.report.error("duplicate_key", message, span, "keep one of them")
        self.at.expect(":")
        if token.text == "context":
            context.append(self._record() if self.at.is_sign("{") else self._named(Wanted.ANY))
            return
        start = self.at.here.start
        types[token.text] = self._entity_types()
        if not types[token.text]:
            message = f"action `{show(action.text)}` applies to no {token.text}"
            help_ = "name an entity type, or leave `appliesTo` out"
            self.report.error("empty_list", message, self.at.span(start), help_)

    # ------------------------------------------------------------------------------------------------------- types

    def _entity_types(self) -> tuple[Named, ...]:
        if not self.at.accept("["):
            return (self._named(Wanted.ENTITY),)
        if self.at.accept("]"):
            return ()
        return tuple(self._listed(lambda: self._named(Wanted.ENTITY), "]"))

    def _listed(self, read: Callable[[], _T], closer: str = "", empty: str | None = None) -> list[_T]:
        """Read elements with commas between them, and the bracket that closes them."""
        if closer and empty is not None and self.at.is_sign(closer):
            self.at.fail("an element", empty)
        found = [read()]
        while self.at.accept(","):
            if self.at.here.kind == "sign":
                self.at.fail("another element", _NO_COMMA)
            found.append(read())
        if closer:
            self.at.expect(closer)
        return found

    def _named(self, wanted: Wanted) -> Named:
        what = "the name of an entity type" if wanted is Wanted.ENTITY else "a type"
        path = self._path(what, words.check_free)
        return Named(path.text, wanted, path.span)

    def _path(self, what: str, check: Callable[[str, Span, Report], None]) -> Name:
        parts = [self.at.name(what)]
        while self.at.accept("::"):
            parts.append(self.at.name("a name"))
        for part in parts:
            check(part.text, part.span, self.report)
        return Name("::".join(part.text for part in parts), parts[0].span.to(parts[-1].span))

    def _type(self) -> TypeExpr:
        if self.at.is_sign("{"):
            return self._record()
        if self.at.is_word("Set") and self.at.next.text == "<" and self.at.next.kind == "sign":
            start = self.at.advance().start
            self._deeper()
            self.at.advance()
            element = self._type()
            self.at.expect(">")
            self._depth -= 1
            return SetOf(element, self.at.span(start))
        return self._named(Wanted.ANY)

    def _record(self) -> RecordOf:
        start = self.at.here.start
        self._deeper()
        self.at.expect("{")
        found: list[Attribute] = []
        names: set[str] = set()
        while not self.at.is_sign("}"):
            found.append(self._attribute(names))
            if not self.at.accept(","):
                break
        self.at.expect("}")
        self._depth -= 1
        return RecordOf(tuple(found), self.at.span(start))

    def _attribute(self, names: set[str]) -> Attribute:
        self._annotations()
        name = self._action_name("the name of an attribute")
        if name.text in names:
            # Cedar takes the last one and says nothing: whoever reads the schema may go by the first.
            message, help_ = (
                f"attribute `{show(name.text)}` is declared twice, and the last counts",
                "remove one of them",
            )
            self.report.warn("attribute_twice", message, name.span, help_)
        names.add(name.text)
        optional = self.at.accept("?")
        self.at.expect(":")
        return Attribute(name.text, self._type(), optional)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            token = self.at.here
            message = f"types are nested at most {MAX_DEPTH} levels deep"
            self.report.error("nested_too_deep", message, Span(self.at.source, token.start, token.end))
            raise Mistake
