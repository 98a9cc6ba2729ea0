"""Entity files in YAML, without the surprises of YAML.

The parser's events are put together here, so that no word turns into a date or a Bool by itself, no alias is followed,
and nesting is bounded before anything recurses.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, TypeAlias

from pdp import patterns
from pdp.classes import dataclass, field
from pdp.conform.mismatch import clip
from pdp.conform.reading import MAX_DEPTH, too_deep
from pdp.entities.document import Fault, Place, Range, Ranges, Report, Wanted, doubled_key
from pdp.entities.words import read_word
from pdp.schema import Schema
from pdp.source import Source
from pdp.types import RecordType, SetType, Type

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_EXPECTED: Final = patterns.compile(r"(?:did|could) not find expected ")
_NOT_YAML: Final = patterns.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(slots=True)
class Text:
    """A text; `plain` is one without quotes."""

    range: Range
    text: str
    plain: bool


@dataclass(slots=True)
class List:
    """A list."""

    range: Range
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Map:
    """A mapping: for each key, where it stands, and what it leads to."""

    range: Range
    items: dict[str, tuple[Range, Node]] = field(default_factory=dict)
    key: tuple[Range, str] | None = None


Node: TypeAlias = Text | List | Map


def read(text: str, source: Source, schema: Schema, report: Report) -> Any:
    """Return what the file says as plain data, words read by the types that the schema declares; None for no YAML."""
    before = len(report.faults)
    root = compose(text, report)
    if any(fault.code != "duplicate_key" for fault in report.faults[before:]):
        report.broken = True
        return None
    if root is None:
        report.add(Fault(code="invalid_yaml", message="the file is empty", place=(0, 0), help=_EMPTY))
        report.broken = True
        return None
    return _document(root, schema)


_EMPTY: Final = "write `entities: []` for no entities"


def locate(text: str, source: Source, places: Collection[Place]) -> Ranges:
    """Find places in a file that is YAML."""
    root = Wanted.of(places)
    work: list[tuple[Node | None, Wanted]] = [(compose(text, Report()), root)]
    while work:
        node, wanted = work.pop()
        if node is not None:
            wanted.value = node.range
        for step, inner in wanted.steps.items():
            if isinstance(node, Map) and isinstance(step, str) and step in node.items:
                inner.key, child = node.items[step]
                work.append((child, inner))
            elif isinstance(node, List) and isinstance(step, int) and step < len(node.items):
                work.append((node.items[step], inner))
    return root.ranges(places)


# --------------------------------------------------------------------------------------------------- from text to nodes


class _Composer:
    """Puts events together; `root` is the document once it is complete."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.root: Node | None = None
        self.stack: list[List | Map] = []
        self.documents = 0

    def fault(self, code: str, message: str, place: Range, help: str | None = None) -> None:
        self.report.add(Fault(code=code, message=message, place=place, help=help))

    def take(self, event: Any) -> bool:
        """Take an event; return whether to go on."""
        where = (event.start_mark.index, event.end_mark.index)
        match type(event).__name__:
            case "DocumentStartEvent":
                self.documents += 1
                if self.documents > 1:
                    self.fault("yaml_feature", "a file holds one document", where, "put it into a file of its own")
                    return False
            case "AliasEvent":
                self.fault("yaml_feature", f"aliases such as `*{clip(event.anchor)}` are not read", where, _WRITE)
                self.put(Text(where, "", False))
            case "ScalarEvent":
                self.properties(event, where)
                self.put(Text(where, event.value, event.style is None or event.style == ""))
            case "SequenceStartEvent" | "MappingStartEvent" as name:
                self.properties(event, where)
                return self.open(List(where) if name.startswith("Seq") else Map(where))
            case "SequenceEndEvent" | "MappingEndEvent":
                done = self.stack.pop()
                done.range = (done.range[0], where[1])
        return not self.report.full

    def properties(self, event: Any, where: Range) -> None:
        if event.anchor is not None:
            message = f"anchors such as `&{clip(event.anchor)}` are not read"
            self.fault("yaml_feature", message, where, _WRITE)
        if event.tag is not None:
            message = f"tags such as `{clip(event.tag)}` are not read"
            self.fault("yaml_feature", message, where, "remove the tag: the schema says of what type a value is")

    def open(self, node: List | Map) -> bool:
        if len(self.stack) >= MAX_DEPTH:
            self.fault("data_too_deep", too_deep().message, (node.range[0], node.range[0] + 1))
            return False
        self.put(node)
        self.stack.append(node)
        return True

    def put(self, node: Node) -> None:
        match self.stack[-1] if self.stack else None:
            case None:
                self.root = node
            case List() as parent:
                parent.items.append(node)
            case Map() as parent if parent.key is None:
                parent.key = self.name(node)
            case Map() as parent:
                assert parent.key is not None
                place, name = parent.key
                if name in parent.items:
                    self.report.add(doubled_key(name, parent.items[name][0], place))
                parent.items[name], parent.key = (place, node), None

    def name(self, node: Node) -> tuple[Range, str]:
        if not isinstance(node, Text):
            self.fault("yaml_feature", "a key is text, not a list or a mapping", node.range)
            return node.range, ""
        if node.plain and node.text == "<<":
            self.fault("yaml_feature", "merge keys (`<<`) are not read", node.range, _WRITE)
        return node.range, node.text


_WRITE: Final = "write the values out where they belong"


def compose(text: str, report: Report) -> Node | None:
    """Return what a text says, with places, as far as it is YAML; report what is not."""
    # A process that reads no YAML need not pay for the import.
    import yaml

    odd = _NOT_YAML.search(text)
    if odd is not None:
        message = f"a YAML file cannot hold the character U+{ord(odd[0]):04X}"
        help_ = f"in double quotes, write `\\u{ord(odd[0]):04x}`"
        report.add(Fault(code="invalid_yaml", message=message, place=odd.span(), help=help_))
        return None
    composer = _Composer(report)
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if not composer.take(event):
                break
    except yaml.MarkedYAMLError as error:
        report.add(_syntax(error, text))
    except (yaml.YAMLError, RecursionError) as error:
        report.add(Fault(code="invalid_yaml", message=f"the file is no YAML: {error}", place=(0, 0)))
    return composer.root


def _syntax(error: Any, text: str) -> Fault:
    mark = error.problem_mark or error.context_mark
    at = min(mark.index, len(text)) if mark is not None else 0
    said = " ".join((error.problem or error.context or "this is no YAML").split())
    if "nesting depth" in said:
        # The library reads ahead, and may meet a bound of its own before an event shows how deep the data is.
        return Fault(code="data_too_deep", message=too_deep().message, place=(at, min(at + 1, len(text))))
    said = _EXPECTED.sub("expected ", said).replace("'", "`")
    help_ = None
    if text[at : at + 1] == "\t" or "`\\t`" in said:
        said, help_ = "a tab cannot stand here", "indent with spaces"
    elif "mapping values" in said:
        said, help_ = "there cannot be a `:` here", "put text that holds `: ` in quotes"
    return Fault(code="invalid_yaml", message=said, place=(at, min(at + 1, len(text))), help=help_)


# --------------------------------------------------------------------------------------------------- from nodes to data


def _document(root: Node, schema: Schema) -> Any:
    if not isinstance(root, Map):
        return data(root, None)
    found = {name: data(node, None) for name, (_, node) in root.items.items() if name != "entities"}
    if "entities" in root.items:
        listed = root.items["entities"][1]
        found["entities"] = (
            [entity(node, schema) for node in listed.items] if isinstance(listed, List) else data(listed, None)
        )
    return found


def entity(node: Node, schema: Schema) -> Any:
    """Return an entity as plain data, its attributes read by the type that it states."""
    if not isinstance(node, Map):
        return data(node, None)
    stated = node.items.get("type")
    name = stated[1].text if stated is not None and isinstance(stated[1], Text) else ""
    declared = schema.entities.get(schema.resolve(name))
    kinds: dict[str, Type] = {} if declared is None else {"attributes": declared.attributes}
    return {key: data(value, kinds.get(key)) for key, (_, value) in node.items.items()}


def data(node: Node, kind: Type | None) -> Any:
    """Return a node as plain data, words read by the type that is asked for."""
    match node:
        case Text():
            if not node.plain:
                return node.text
            return None if node.text in _NULLS else read_word(node.text, kind)
        case List():
            element = kind.element if isinstance(kind, SetType) else None
            return [data(item, element) for item in node.items]
        case Map():
            return {name: data(inner, _field(kind, name)) for name, (_, inner) in node.items.items()}


def _field(kind: Type | None, name: str) -> Type | None:
    declared = kind.fields.get(name) if isinstance(kind, RecordType) else None
    return None if declared is None else declared.type
