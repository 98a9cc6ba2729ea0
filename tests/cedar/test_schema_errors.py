"""Every refusal of a schema says what is wrong, where, and what would help; Cedar refuses the same texts."""

from __future__ import annotations

import json

import pytest

from pdp.cedar.schemas import load_schema, load_schemas
from pdp.codes import CODES
from pdp.errors import Diagnostic
from pdp.source import Source

NAMES = "a name is letters, digits and `_`, and no digit first"
OTHER = "choose another name"

TEXTS: list[tuple[str, str, str, str, str | None]] = [
    # What cannot be read.
    ("entty A;", "unexpected_token", "expected `namespace`, `entity`, `action` or `type`, found `entty`", "entty",
     "did you mean `entity`?"),
    ("entity A", "unexpected_token", "expected `;`, found the end of the file", "", None),
    ("entity A;;", "unexpected_token", "expected `namespace`, `entity`, `action` or `type`, found `;`", ";", None),
    ("type T = {}; entity A = T;", "unexpected_token", "expected `{`, found `T`", "T",
     "the attributes of an entity type are written out: no type stands for them"),
    ("entity B; entity A in [B,];", "unexpected_token", "expected another element, found `]`", "]",
     "this list takes no comma after its last element"),
    ("entity A enum [];", "unexpected_token", "expected an element, found `]`", "]", "an enum has an id or more"),
    ("action a in [];", "unexpected_token", "expected an element, found `]`", "]", "leave it out where there is none"),
    ("entity A enum [a];", "unexpected_token", "expected the id of an entity, in quotes, found `a`", "a", None),
    ("action x in [M::y]; namespace M { action y; }", "unexpected_token", "expected `::`, found `]`", "]",
     'an action elsewhere is written `M::Action::"y"`'),
    ("action a attributes { x: y };", "unexpected_token", "expected `}`, found `x`", "x", "actions have no attributes"),
    ("namespace N { namespace M {} }", "unexpected_token", "expected `entity`, `action` or `type`, found `namespace`",
     "namespace", "namespaces are not nested: write `namespace A::B { … }` outside"),
    ("entity A; action a appliesTo { principals: A, resource: A };", "unexpected_token",
     "expected `principal`, `resource` or `context`, found `principals`", "principals", "did you mean `principal`?"),
    ("namespace N { entity A;", "unclosed_bracket", "this `{` is not closed", "{", "close it with `}`"),
    ("/* c */", "unexpected_character", "`/* c */` means nothing in a schema", "/* c */", "a comment starts with `//`"),
    ("entity А;", "unexpected_character", "`А` means nothing in a schema", "А", "did you mean `A`?"),
    ("entity A\x1c;", "unexpected_character", "`\\u{1c}` means nothing in a schema", "\x1c", None),
    ("entity A = {'};", "unexpected_character", "`'` means nothing in a schema", "'",
     'a string stands in double quotes: `"…"`'),
    ('action "a;', "unterminated_string", "this string has no closing quote", '"', 'close it with `"`'),
    (r'action "a\*";', "invalid_escape", r"there is no escape `\*`", r"\*",
     r"""there are `\n`, `\r`, `\t`, `\0`, `\\`, `\'`, `\"`, `\x41` and `\u{41}`"""),
    ('action "a\rb";', "invalid_escape", "a string cannot hold a carriage return", "\r",
     "write `\\r`, or end lines with a line feed alone"),
    ("@a @a entity A;", "duplicate_annotation", "the annotation `a` stands twice", "a", "keep one of them"),
    # Names that cannot be given.
    ("entity if;", "reserved_name", "`if` is a word of Cedar's own", "if", OTHER),
    ("entity __cedar;", "reserved_name", "`__cedar` is the namespace of Cedar's own types", "__cedar", OTHER),
    ("type Long = String;", "reserved_name", "`Long` is a type of Cedar's own", "Long", OTHER),
    ("namespace N { entity Action; }", "reserved_name", "`N::Action` is the type of actions", "Action",
     "choose another name: actions are declared alone"),
    # What cannot stand beside something else.
    ("entity A, A;", "duplicate_declaration", "entity type `A` is declared twice", "A", "remove one of them"),
    ("type A = Long; type A = Long;", "duplicate_declaration", "common type `A` is declared twice", "A",
     "remove one of them"),
    ('action a, "a";', "duplicate_declaration", "action `a` is declared twice", '"a"', "remove one of them"),
    ("namespace N {} namespace N {}", "duplicate_declaration", "namespace `N` stands twice in this file", "N",
     "put them together"),
    ("namespace N { type A = Long; } entity A;", "shadowed_declaration",
     "`N::A` hides `A`, which is in no namespace", "A", "rename one of them"),
    ("namespace N { action a; } action a;", "shadowed_declaration",
     '`N::Action::"a"` hides `Action::"a"`, which is in no namespace', "a", "rename one of them"),
    ("type A = Set<B>; type B = {x: A};", "cyclic_types", "common type `A` contains itself: `A` → `B` → `A`", "A",
     "only entity types can be about one another"),
    ("action a in b; action b in a;", "cyclic_actions",
     'action `Action::"a"` is in itself: `Action::"a"` → `Action::"b"` → `Action::"a"`', "a",
     "take one of them out of its group"),
    # Names that lead nowhere.
    ("entity User; entity A = {x: Usr};", "unknown_type", "type `Usr` is not declared", "Usr", "did you mean `User`?"),
    ("entity A = {x: Boolean};", "unknown_type", "type `Boolean` is not declared", "Boolean", "did you mean `Bool`?"),
    ("type Bx = Long; entity A in [Bx];", "unknown_type", "entity type `Bx` is not declared", "Bx",
     "`Bx` is no entity type"),
    ("action a; entity A in [Action];", "unknown_type", "`Action` is the type of actions", "Action",
     "name a declared entity type"),
    ("action read; action a in [raed];", "unknown_action", "action `raed` is not declared", "raed",
     "did you mean `read`?"),
    # What an action applies to.
    ("entity A; action a appliesTo { resource: A };", "missing_key",
     "it is not said which principal action `a` applies to", "{ resource: A }", "add `principal: …`"),
    ("entity A; action a appliesTo { principal: [], resource: A };", "empty_list",
     "action `a` applies to no principal", "[]", "name an entity type, or leave `appliesTo` out"),
    ("entity A; action a appliesTo { principal: A, resource: A, resource: A };", "duplicate_key",
     "`resource` stands twice for action `a`", "resource", "keep one of them"),
    ("entity A; type T = Long; action a appliesTo { principal: A, resource: A, context: T };", "not_a_record",
     "the context of action `a` is no record", "T", "write `{ … }` around attributes"),
]  # fmt: skip


def namespace(entities: object = None, actions: object = None, **more: object) -> dict[str, object]:
    return {"": {"entityTypes": entities or {}, "actions": actions or {}, **more}}


def attribute(kind: object) -> dict[str, object]:
    return namespace({"A": {"shape": {"type": "Record", "attributes": {"x": kind}}}})


TYPE_KEYS = "there are `type`, `required`, `annotations`"
DOCUMENTS: list[tuple[object, str, str, str, str | None]] = [
    ([], "wrong_type", "expected an object of namespaces, found a list", "[]", None),
    ({"": {"actions": {}}}, "missing_key", "a namespace lacks the key `entityTypes`", '""', "add `entityTypes`"),
    ({"N:: M": {"entityTypes": {}, "actions": {}}}, "expected_name", "` M` is no name", '"N:: M"', NAMES),
    (namespace(annotations={"doc": "x"}), "misplaced_annotation",
     "declarations in no namespace have no annotations together", '"annotations"', "annotate each of them"),
    (namespace({"A": {"shap": {}}}), "unknown_key", "an entity type has no key `shap`", '"shap"',
     "did you mean `shape`?"),
    (namespace({"A": None}), "null_value", "expected an object for an entity type, found null", "null", None),
    (namespace({"A": {"enum": ["a"], "tags": {"type": "Long"}}}), "unknown_key",
     "an entity type with `enum` has no `tags`", '"tags"', "remove one of them"),
    (namespace({"A": {"enum": []}}), "empty_list", "an enum has an id or more", "[]", "name one"),
    (namespace({"A": {"enum": ["\ud800"]}}), "half_character", "U+D800 is half a character", r'"\ud800"',
     "write it whole"),
    (namespace({"A": {"shape": {"type": "Long"}}}), "not_a_record", "the shape of entity type `A` is no record",
     '{"type": "Long"}', "write `{ … }` around attributes"),
    (attribute({"type": "Long", "name": "x"}), "unknown_key", "the type `Long` has no key `name`", '"name"', TYPE_KEYS),
    (attribute({}), "missing_key", "a type lacks the key `type`", '"x"', "add `type`"),
    (attribute({"type": "Long", "required": 1}), "wrong_type", "expected `true` or `false`, found the number `1`", "1",
     None),
    (attribute({"type": "A"}), "unknown_type", "common type `A` is not declared", '"A"', None),
    (attribute({"type": "Entity", "name": "Long"}), "unknown_type", "entity type `Long` is not declared", '"Long"',
     "`Long` is no entity type"),
    (attribute({"type": "Extension", "name": "ip"}), "unknown_extension", "Cedar has no extension type `ip`", '"ip"',
     "there are `datetime`, `decimal`, `duration`, `ipaddr`"),
    (attribute({"type": "Record", "attributes": {}, "additionalAttributes": True}), "open_record",
     "a record has no attributes but those declared", '"additionalAttributes"', "declare them, and remove this"),
    (namespace(commonTypes={"Long": {"type": "String"}}), "reserved_name", "`Long` is a type of Cedar's own", '"Long"',
     OTHER),
    (namespace(actions={"a": {"attributes": {}}}), "unknown_key", "actions have no attributes", '"attributes"',
     "remove them"),
    (namespace(actions={"a": {"memberOf": [{"id": "b"}]}}), "unknown_action", "action `b` is not declared",
     '{"id": "b"}', None),
]  # fmt: skip


def load(text: str, path: str) -> list[Diagnostic]:
    schema, found = load_schema(Source(path, text))
    assert schema is None
    return found


@pytest.mark.parametrize(("text", "code", "message", "underlined", "help_"), TEXTS)
def test_a_text_that_cedar_refuses_is_one_error(
    text: str, code: str, message: str, underlined: str, help_: str | None
) -> None:
    (told,) = load(text, "a.cedarschema")

    assert told.span is not None
    assert (told.code, told.message, told.span.text, told.help) == (code, message, underlined, help_)
    assert code in CODES


@pytest.mark.parametrize(("data", "code", "message", "underlined", "help_"), DOCUMENTS)
def test_a_document_that_cedar_refuses_is_one_error(
    data: object, code: str, message: str, underlined: str, help_: str | None
) -> None:
    (told,) = load(json.dumps(data), "a.json")

    assert told.span is not None
    assert (told.code, told.message, told.span.text, told.help) == (code, message, underlined, help_)
    assert code in CODES


@pytest.mark.parametrize(
    ("text", "code", "message", "underlined", "help_"),
    [
        ("", "invalid_json", "the file is empty", "", "write `{}` for a schema of nothing"),
        ("{} // x", "invalid_json", "there are no comments in JSON", "//", "remove it, or use `@doc`"),
        ('{"N": {}, "N": {}}', "duplicate_key", "the key `N` stands twice", '"N"', "keep one of them"),
    ],
)
def test_what_is_no_json_is_told_in_the_words_of_schemas(
    text: str, code: str, message: str, underlined: str, help_: str
) -> None:
    told = load(text, "a.json")[0]

    assert told.span is not None
    assert (told.code, told.message, told.span.text, told.help) == (code, message, underlined, help_)


def test_all_mistakes_of_a_text_are_told_at_once() -> None:
    text = "entity A = { x: };\nnamespace N {\n  entity B in [C;\n  action a appliesTo { principal: N::B };\n}\ntype;\n"

    told = [(each.span.line, each.code) for each in load(text, "a.cedarschema") if each.span is not None]

    assert told == [(1, "unexpected_token"), (3, "unexpected_token"), (4, "missing_key"), (6, "unexpected_token")]


def test_a_namespace_with_a_mistake_ends_where_the_next_starts() -> None:
    told = load("namespace N { entity A = { x: Set<Long };\nnamespace M { entity B in Bb; }\n", "a.cedarschema")

    assert [each.message for each in told] == ["expected `>`, found `}`"]


def test_a_name_that_leads_nowhere_is_not_told_where_its_declaration_may_be_lost() -> None:
    assert [each.code for each in load("entity A in B; entity B = {;", "a.cedarschema")] == ["unexpected_token"]


def test_an_attribute_declared_twice_is_warned_of_and_the_last_counts() -> None:
    schema, (told,) = load_schema(Source("a.cedarschema", "entity A = { x: Long, x?: String };"))

    assert schema is not None and str(schema.entities["A"].attributes) == "{ x?: String }"
    assert told.span is not None and told.span.start == 22
    assert (told.code, told.severity, told.message, told.span.text, told.help) == (
        "attribute_twice", "warning", "attribute `x` is declared twice, and the last counts", "x", "remove one of them",
    )  # fmt: skip


def test_a_character_that_changes_the_order_of_a_text_is_warned_of() -> None:
    schema, (told,) = load_schema(Source("a.cedarschema", "entity A; // \u202e"))

    assert schema is not None and (told.code, told.severity) == ("bidi_character", "warning")


def test_files_that_declare_the_same_are_told_with_both_places() -> None:
    sources = [Source(f"{name}.cedarschema", "namespace N { entity A; }") for name in "ab"]

    schema, (told,) = load_schemas(sources)

    assert schema is None and told.span is not None
    assert (told.message, told.span.source.path, told.notes[0][1].source.path) == (
        "entity type `N::A` is declared twice", "b.cedarschema", "a.cedarschema",
    )  # fmt: skip


def test_a_file_of_another_form_is_refused_by_its_name() -> None:
    (told,) = load("entity A;", "a.cedar")

    assert (told.code, told.message, told.help) == (
        "unknown_format", "this is no schema, by its name", "a schema ends in `.cedarschema` or `.json`",
    )  # fmt: skip
