"""The JSON form of a schema.

The data is read twice where it is read at all: the first time finds out which places in the text matter, and the
second time has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from pdp.cedar.schemas import words
from pdp.cedar.schemas.declarations import (
    ActionDecl,
    ActionName,
    AppliesTo,
    Attribute,
    Builtin,
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
from pdp.conform.mismatch import Mismatch, clip, misplaced
from pdp.entities import jsonfile
from pdp.entities.document import Path, Place
from pdp.entities.document import Report as Faults
from pdp.errors import suggest
from pdp.source import Source, Span
from pdp.syntax.characters import name_of
from pdp.syntax.limits import MAX_DEPTH
from pdp.types import Primitive

_ADVICE: Final = jsonfile.Advice(empty="write `{}` for a schema of nothing", comment="remove it, or use `@doc`")
_PRIMITIVES: Final = {"Long": Primitive.INT, "String": Primitive.STRING, "Boolean": Primitive.BOOL}
_NAMESPACE: Final = ("entityTypes", "actions", "commonTypes", "annotations")
_ENTITY: Final = ("memberOfTypes", "shape", "tags", "enum", "annotations")
_ACTION: Final = ("appliesTo", "memberOf", "annotations", "attributes")
_APPLIES: Final = ("principalTypes", "resourceTypes", "context")

# What stands beside `type`, the first of which has to.
_BESIDE: Final[Mapping[str, tuple[str, ...]]] = {
    "Record": ("attributes", "additionalAttributes"),
    "Set": ("element",),
    "Entity": ("name",),
    "EntityOrCommon": ("name",),
    "Extension": ("name",),
}


def read(source: Source, report: Report) -> list[Namespace]:
    """Return what a file declares, as far as it can be read."""
    if not check_text(source, report):
        return []
    faults = Faults()
    data = jsonfile.decode(source.text, faults, _ADVICE)
    for fault in faults.faults:
        # A file that cannot be decoded, or has a key twice, has its places already.
        assert not isinstance(fault.place, Place)
        notes: tuple[tuple[str, Span], ...] = ()
        if fault.note is not None and not isinstance(fault.note[2], Place):
            notes = ((fault.note[0], Span(source, *fault.note[2])),)
        report.error(fault.code, fault.message, Span(source, *fault.place), fault.help, notes)
    if faults.broken:
        return []
    wanted: dict[Place, None] = {}

    def note(place: Place) -> Span:
        wanted[place] = None
        return Span(source, 0, 0)

    _Reader(note, Report()).schema(data)
    ranges = jsonfile.locate(source.text, source, wanted)
    return _Reader(lambda place: _first_line(Span(source, *ranges[place])), report).schema(data)


def _first_line(span: Span) -> Span:
    end = span.source.text.find("\n", span.start, span.end)
    return span if end < 0 else Span(span.source, span.start, end)


class _Reader:
    """Reads one file; `span_of` tells where a value, or a key, stands."""

    def __init__(self, span_of: Callable[[Place], Span], report: Report) -> None:
        self.span_of = span_of
        self.report = report

    def schema(self, data: Any) -> list[Namespace]:
        return [
            self._namespace(path, value, (path,))
            for path, value in self._object(data, (), "an object of namespaces").items()
        ]

    def _namespace(self, path: str, value: Any, at: Path) -> Namespace:
        for part in path.split("::") if path else ():
            self._check_name(part, at, words.check_declared)
        found = self._fields(value, at, "a namespace", _NAMESPACE, ("entityTypes", "actions"))
        if not path and "annotations" in found:
            message, help_ = "declarations in no namespace have no annotations together", "annotate each of them"
            self._error("misplaced_annotation", message, (*at, "annotations"), help_, key=True)
        self._docs(found, at)
        return Namespace(path, tuple(self._declarations(found, at)))

    def _declarations(self, found: Mapping[str, Any], at: Path) -> Iterable[Declaration]:
        tables: tuple[tuple[str, Callable[[str, Any, Path], Declaration]], ...] = (
            ("entityTypes", self._entity),
            ("commonTypes", self._common),
            ("actions", self._action),
        )
        for key, declare in tables:
            for name, value in self._object(found.get(key, {}), (*at, key), "an object of declarations").items():
                yield declare(name, value, (*at, key, name))

    # ------------------------------------------------------------------------------------------------ declarations

    def _entity(self, name: str, value: Any, at: Path) -> EntityDecl:
        self._check_name(name, at, words.check_declared)
        found = self._fields(value, at, "an entity type", _ENTITY)
        declared = Name(name, self._key(at))
        docs = self._docs(found, at)
        if "enum" in found:
            for key in ("memberOfTypes", "shape", "tags"):
                if key in found:
                    message, help_ = f"an entity type with `enum` has no `{key}`", "remove one of them"
                    self._error("unknown_key", message, (*at, key), help_, key=True)
            ids = self._list(found["enum"], (*at, "enum"), "a list of ids")
            if found["enum"] == []:
                self._error("empty_list", "an enum has an id or more", (*at, "enum"), "name one")
            texts = frozenset(self._string(each, (*at, "enum", number)) for number, each in enumerate(ids))
            return EntityDecl(name=declared, ids=texts, docs=docs)
        return EntityDecl(
            name=declared,
            parents=self._entity_types(found.get("memberOfTypes", []), (*at, "memberOfTypes")),
            shape=self._type(found["shape"], (*at, "shape")) if "shape" in found else None,
            tags=self._type(found["tags"], (*at, "tags")) if "tags" in found else None,
            docs=docs,
        )

    def _common(self, name: str, value: Any, at: Path) -> TypeDecl:
        self._check_name(name, at, words.check_declared)
        if name in words.NOT_COMMON:
            message, help_ = f"`{name}` is a type of Cedar's own", "choose another name"
            self._error("reserved_name", message, at, help_, key=True)
        if isinstance(value, dict):
            self._docs(value, at)
        return TypeDecl(name=Name(name, self._key(at)), type=self._type(value, at, ("annotations",)))

    def _action(self, name: str, value: Any, at: Path) -> ActionDecl:
        found = self._fields(value, at, "an action", _ACTION)
        if found.get("attributes") is not None:
            message, help_ = "actions have no attributes", "remove them"
            self._error("unknown_key", message, (*at, "attributes"), help_, key=True)
        groups = found.get("memberOf")
        listed = () if groups is None else self._list(groups, (*at, "memberOf"), "a list of actions")
        applies = found.get("appliesTo")
        return ActionDecl(
            name=Name(self._string(name, at, key=True), self._key(at)),
            parents=tuple(self._group(each, (*at, "memberOf", number)) for number, each in enumerate(listed)),
            applies_to=None if applies is None else self._applies_to(applies, (*at, "appliesTo")),
            docs=self._docs(found, at),
        )

    def _group(self, value: Any, at: Path) -> ActionName:
        found = self._fields(value, at, "an action", ("id", "type"), ("id",))
        kind = found.get("type")
        if kind is not None:
            kind = self._path(kind, (*at, "type"))
        return ActionName(kind, self._string(found.get("id", ""), (*at, "id")), self.span_of(Place(at)))

    def _applies_to(self, value: Any, at: Path) -> AppliesTo:
        found = self._fields(value, at, "what the action applies to", _APPLIES, ("principalTypes", "resourceTypes"))
        return AppliesTo(
            self._entity_types(found.get("principalTypes", []), (*at, "principalTypes")),
            self._entity_types(found.get("resourceTypes", []), (*at, "resourceTypes")),
            self._type(found["context"], (*at, "context")) if "context" in found else None,
        )

    def _docs(self, found: Mapping[str, Any], at: Path) -> str:
        at = (*at, "annotations")
        given = self._object(found.get("annotations", {}), at, "an object of annotations")
        texts: dict[str, str] = {}
        for key, value in given.items():
            if not words.is_name(key):
                self._not_a_name(key, (*at, key), key=True)
            texts[key] = "" if value is None else self._string(value, (*at, key))
        return texts.get("doc", "")

    # ------------------------------------------------------------------------------------------------------- types

    def _entity_types(self, value: Any, at: Path) -> tuple[Named, ...]:
        listed = self._list(value, at, "a list of entity types")
        return tuple(self._named(each, Wanted.ENTITY, (*at, number)) for number, each in enumerate(listed))

    def _named(self, value: Any, wanted: Wanted, at: Path) -> Named:
        return Named(self._path(value, at), wanted, self.span_of(Place(at)))

    def _type(self, value: Any, at: Path, more: tuple[str, ...] = (), depth: int = 0) -> TypeExpr:
        span = self.span_of(Place(at))
        nothing = RecordOf((), span)
        if depth == MAX_DEPTH:
            self._error("nested_too_deep", f"types are nested at most {MAX_DEPTH} levels deep", at)
            return nothing
        if not isinstance(value, dict) or "type" not in value:
            self._fields(value, at, "a type", ("type",), ("type",), among=False)
            return nothing
        kind = self._string(value["type"], (*at, "type"))
        beside = _BESIDE.get(kind, ())
        found = self._fields(value, at, f"the type `{clip(kind)}`", ("type", *beside, *more), ("type", *beside[:1]))
        if beside and beside[0] not in found:
            return nothing
        match kind:
            case "Record":
                return self._record(found, at, depth)
            case "Set":
                return SetOf(self._type(found["element"], (*at, "element"), (), depth + 1), span)
            case "Entity" | "EntityOrCommon":
                wanted = Wanted.ENTITY if kind == "Entity" else Wanted.ANY
                return self._named(found["name"], wanted, (*at, "name"))
            case "Extension":
                return self._extension(found["name"], (*at, "name"))
            case "Long" | "String" | "Boolean":
                return Builtin(_PRIMITIVES[kind], span)
            case _:
                return self._named(value["type"], Wanted.COMMON, (*at, "type"))

    def _extension(self, value: Any, at: Path) -> TypeExpr:
        name = self._string(value, at)
        if name not in words.EXTENSIONS:
            help_ = (
                suggest(name, words.EXTENSIONS) or f"there are {', '.join(f'`{each}`' for each in words.EXTENSIONS)}"
            )
            self._error("unknown_extension", f"Cedar has no extension type `{clip(name)}`", at, help_)
            return RecordOf((), self.span_of(Place(at)))
        return Builtin(words.BUILTINS[name], self.span_of(Place(at)))

    def _record(self, found: Mapping[str, Any], at: Path, depth: int) -> RecordOf:
        more = found.get("additionalAttributes", False)
        if more is not False:
            place = (*at, "additionalAttributes")
            if more is True:
                message, help_ = "a record has no attributes but those declared", "declare them, and remove this"
                self._error("open_record", message, place, help_, key=True)
            else:
                self._misplaced("`false`", more, place)
        here = (*at, "attributes")
        attributes = self._object(found["attributes"], here, "an object of attributes")
        return RecordOf(
            tuple(self._attribute(name, value, (*here, name), depth) for name, value in attributes.items()),
            self.span_of(Place(at)),
        )

    def _attribute(self, name: str, value: Any, at: Path, depth: int) -> Attribute:
        self._string(name, at, key=True)
        kind = self._type(value, at, ("required", "annotations"), depth + 1)
        given = value if isinstance(value, dict) else {}
        required = given.get("required", True)
        if not isinstance(required, bool):
            self._misplaced("`true` or `false`", required, (*at, "required"))
        self._docs(given, at)
        return Attribute(name, kind, required is False)

    # ------------------------------------------------------------------------------------------------------ shapes

    def _key(self, at: Path) -> Span:
        return self.span_of(Place(at, key=True))

    def _error(self, code: str, message: str, at: Path, help: str | None = None, *, key: bool = False) -> None:
        self.report.error(code, message, self.span_of(Place(at, key=key)), help)

    def _misplaced(self, expected: str, value: Any, at: Path) -> None:
        wrong: Mismatch = misplaced(expected, value)
        self._error(wrong.code, wrong.message, at, wrong.help)

    def _object(self, value: Any, at: Path, what: str) -> Mapping[str, Any]:
        if isinstance(value, dict):
            return value
        self._misplaced(what, value, at)
        return {}

    def _list(self, value: Any, at: Path, what: str) -> list[Any]:
        if isinstance(value, list):
            return value
        self._misplaced(what, value, at)
        return []

    def _string(self, value: Any, at: Path, *, key: bool = False) -> str:
        if not isinstance(value, str):
            self._misplaced("a string", value, at)
            return ""
        if not value.isascii():
            for char in value:
                if "\ud800" <= char <= "\udfff":
                    self._error("half_character", f"{name_of(char)} is half a character", at, "write it whole", key=key)
                    break
        return value

    def _fields(
        self,
        value: Any,
        at: Path,
        what: str,
        known: tuple[str, ...],
        required: tuple[str, ...] = (),
        *,
        among: bool = True,
    ) -> Mapping[str, Any]:
        """Return an object with these keys; `among` says that no other may stand beside them."""
        found = self._object(value, at, f"an object for {what}")
        if not isinstance(value, dict):
            return found
        for name in found:
            if among and name not in known:
                help_ = suggest(name, known) or f"there are {', '.join(f'`{each}`' for each in known)}"
                self._error("unknown_key", f"{what} has no key `{clip(name)}`", (*at, name), help_, key=True)
        for name in required:
            if name not in found:
                self._error("missing_key", f"{what} lacks the key `{name}`", at, f"add `{name}`", key=bool(at))
        return found

    def _path(self, value: Any, at: Path) -> str:
        text = self._string(value, at)
        if isinstance(value, str):
            for part in text.split("::"):
                self._check_name(part, at, words.check_free, key=False)
        return text

    def _check_name(self, name: str, at: Path, check: Callable[[str, Span, Report], None], *, key: bool = True) -> None:
        if words.is_name(name):
            check(name, self.span_of(Place(at, key=key)), self.report)
        else:
            self._not_a_name(name, at, key=key)

    def _not_a_name(self, name: str, at: Path, *, key: bool) -> None:
        message, help_ = f"`{clip(name)}` is no name", "a name is letters, digits and `_`, and no digit first"
        self._error("expected_name", message, at, help_, key=key)
