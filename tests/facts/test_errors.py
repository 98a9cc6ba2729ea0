"""Each error of an entity file: its message, the text it underlines and its help, as a person sees them together."""

import json
import re

import pytest
from facts.worlds import WORLD, load_text

from pdp.codes import CODES, FACTS
from pdp.entities import loading, reading


def entities(*items: str) -> str:
    return '{"entities": [' + ", ".join(items) + "]}"


def thing(attributes: str) -> str:
    return entities(f'{{"type": "Thing", "id": "x", "attributes": {{{attributes}}}}}')


def agent(id: str) -> str:
    return f'{{"type": "Agent", "id": {id}}}'


def group(id: str, *parents: str) -> str:
    return json.dumps({"type": "Group", "id": id, "in": parents})


LAYOUT = 'a file holds `{"entities": [{"type": …, "id": …, "in": […], "attributes": {…}}, …]}`'
ANY_ID = "an id is any text of 1 to 4096 characters"
AN_END = "an end is written `2026-12-24` or `2026-12-24T18:00:00Z`"
INT = "an Int is a whole number such as `42`, without quotes"
DECIMAL = 'a Decimal is text with one to four places, such as `"10.50"`'
DATETIME = 'a Datetime is text such as `"2026-11-23T09:00:00Z"`'

# The path, the text, then code, message, underlined text and help.
TABLE = [
    # What is not a file of the format.
    ("e.json", "", "invalid_json", "the file is empty", "", 'write `{"entities": []}` for no entities'),
    ("e.json", '{"entities": [', "invalid_json", "the file ends too early", "", "a bracket is not closed"),
    ("e.json", '{"entities": [],}', "invalid_json", "there is a comma before `}`", ",", "remove the comma"),
    ("e.json", '{"entities": [1, ]}', "invalid_json", "there is a comma before `]`", ",", "remove the comma"),
    ("e.json", "{'entities': []}", "invalid_json", "a string stands in double quotes", "'", "write `\"` for `'`"),
    ("e.json", '# all\n{"entities": []}', "invalid_json", "there are no comments in JSON", "#",
     "remove it, or use YAML"),
    ("e.json", '{"entities": [True]}', "invalid_json", "`True` is no JSON", "True", "write `true`"),
    ("e.json", '{"entities": [None]}', "invalid_json", "`None` is no JSON", "None", "write `null`"),
    ("e.json", '{"entities": ["a\nb"]}', "invalid_json", "a string ends on the line on which it starts", '"a',
     "write a line break as `\\n`"),
    ("e.json", '{"entities": ["a\tb"]}', "invalid_json", "a string cannot hold the character U+0009", "\t",
     "write `\\u0009`"),
    ("e.json", '{"entities": ["a\\q"]}', "invalid_json", "there is no escape `\\q`", "\\q",
     "a backslash itself is written `\\\\`"),
    ("e.json", '{"entities": ["\\u12"]}', "invalid_json", "`\\u` needs four hexadecimal digits", "\\u", None),
    ("e.json", '{"entities": ["a]}', "invalid_json", "this string has no closing quote", '"', None),
    ("e.json", '{"entities" []}', "invalid_json", "expected `:` after the key, found `[`", "[", None),
    ("e.json", '{"entities": [{} {}]}', "invalid_json", "expected `,` or a closing bracket, found `{`", "{", None),
    ("e.json", "{entities: []}", "invalid_json", "expected a key in double quotes, found `entities`", "entities", None),
    ("e.json", '{"entities": [engineers]}', "invalid_json", "expected a value, found `engineers`", "engineers", None),
    ("e.json", '{"entities": []} {}', "invalid_json", "there is something after the end", "{",
     "a file holds one object"),
    ("e.yaml", "", "invalid_yaml", "the file is empty", "", "write `entities: []` for no entities"),
    ("e.yaml", "entities: [a", "invalid_yaml", "expected `,` or `]`", "", None),
    ("e.yaml", "a: b: c", "invalid_yaml", "there cannot be a `:` here", ":", "put text that holds `: ` in quotes"),
    ("e.yaml", "entities:\n\t- a", "invalid_yaml", "a tab cannot stand here", "\t", "indent with spaces"),
    ("e.yaml", "a: \x01", "invalid_yaml", "a YAML file cannot hold the character U+0001", "\x01",
     "in double quotes, write `\\u0001`"),
    ("e.yaml", "entities: &a []", "yaml_feature", "anchors such as `&a` are not read", "&a [",
     "write the values out where they belong"),
    ("e.yaml", "entities: [*a]", "yaml_feature", "aliases such as `*a` are not read", "*a",
     "write the values out where they belong"),
    ("e.yaml", "entities: !x []", "yaml_feature", "tags such as `!x` are not read", "!x [",
     "remove the tag: the schema says of what type a value is"),
    ("e.yaml", "<<: {}", "yaml_feature", "merge keys (`<<`) are not read", "<<",
     "write the values out where they belong"),
    ("e.yaml", "? [a]\n: b", "yaml_feature", "a key is text, not a list or a mapping", "[", None),
    ("e.yaml", "entities: []\n---\n", "yaml_feature", "a file holds one document", "---",
     "put it into a file of its own"),
    ("e.csv", "", "invalid_csv", "the file is empty", "",
     "the first row names the columns: `id`, and as needed `type`, `in` and attributes"),
    ("Agent.csv", 'id\n"x', "invalid_csv", "this quote is not closed", '"',
     "a cell that starts with a quote ends with one"),
    ("Agent.csv", 'id\nx"y', "invalid_csv", "there is a quote within a cell that starts without one", '"',
     "put the whole cell in quotes, and write each quote in it twice"),
    ("Agent.csv", 'id\n"x"y', "invalid_csv", "there is text after the closing quote of a cell", "y",
     "a quote within a quoted cell is written twice"),
    ("Agent.csv", "id\nx,y", "invalid_csv", "this row has 2 cells, the header has 1", "x,y",
     "put a cell that holds a comma in quotes"),
    ("Agent.csv", "id,in\nx", "invalid_csv", "this row has 1 cell, the header has 2", "x",
     "an empty cell has its comma too"),
    ("Agent.csv", "Id\nx", "missing_column", "there is no column `id`", "Id", "write `id` for `Id`"),
    ("Usr.csv", "id\nx", "missing_column",
     "there is no column `type`, and `Usr`, the name of the file, is no declared type", "id", "did you mean `User`?"),
    ("people.csv", "id,Type\nx", "missing_column",
     "there is no column `type`, and `people`, the name of the file, is no declared type", "id,Type",
     "write `type` for `Type`"),
    ("xx.csv", "id\nx", "missing_column",
     "there is no column `type`, and `xx`, the name of the file, is no declared type", "id",
     "add the column, or name the file after a type, such as `User.csv`"),
    ("Service.csv", "id,env,environment\nx,dev,y", "unknown_column",
     "the column `environment` is no attribute that `Service` has", "environment",
     "declared are `env`, `id`, `in`, `type`"),
    ("e.csv", "type,id,emial", "unknown_column", "the column `emial` is no attribute that any type has", "emial",
     "did you mean `email`?"),
    ("Thing.csv", "id,address\n", "nested_in_csv", "the attribute `address` is a record, which no cell can hold",
     "address", "write these entities in JSON or YAML"),
    ("Thing.csv", "id,addresses\n", "nested_in_csv",
     "the attribute `addresses` is a set of sets or records, which no cell can hold", "addresses",
     "write these entities in JSON or YAML"),
    ("e.toml", "", "unknown_format", "this is no file of entities, by its name", "",
     "a file of entities ends in `.json`, `.yaml`, `.yml`, `.csv`"),
    # What is not text, or too much of it.
    ("e.json", "{\udcff\udcfe", "data_not_utf8", "this is not UTF-8: 0xff, 0xfe", "\udcff\udcfe",
     "save the file as UTF-8"),
    ("e.json", '{"\0', "nul_character", "a file of text cannot hold the character NUL", "\0",
     "is it UTF-16? save it as UTF-8"),
    ("e.json", entities(agent('"a\\u0000"')), "nul_character", "an id cannot hold the character NUL (U+0000)",
     '"a\\u0000"', "remove the character"),
    ("e.yaml", "\ud800", "half_character", "U+D800 is half of a surrogate pair, not a character", "\ud800",
     "save the file as UTF-8"),
    ("e.json", entities(agent('"\\udc00"')), "half_character", "U+DC00 is half of a surrogate pair, not a character",
     '"\\udc00"', "write the character itself, or both halves"),
    ("e.json", thing('"string": "\\ud83d"'), "half_character", "U+D83D is half of a surrogate pair, not a character",
     '"\\ud83d"', "write the character itself, or both halves"),
    ("e.json", "[" * 10_000, "data_too_deep", "data is nested at most 64 levels deep", "[", None),
    ("e.yaml", "entities: " + "[" * 10_000, "data_too_deep", "data is nested at most 64 levels deep", "[", None),
    ("e.json", thing('"ints": [' + "1," * 100_000 + "1]"), "data_too_large",
     "a set has at most 100000 elements, this one has 100001", "[" + "1," * 100_000 + "1]", None),
    ("e.csv", "type,id,string\nThing,x," + "a" * (2**20 + 1), "data_too_large",
     "a string has at most 1048576 characters, this one has 1048577", "a" * (2**20 + 1), None),
    # What is not of the layout.
    ("e.json", "[]", "wrong_type", "expected the key `entities`, found a list", "[]", LAYOUT),
    ("e.json", '{"entities": {}}', "wrong_type", "expected a list of entities, found a record", "{}", LAYOUT),
    ("e.yaml", "entities:", "null_value", "expected a list of entities, found null", "", LAYOUT),
    ("e.json", "{}", "missing_key", "there are no `entities`", "{}", LAYOUT),
    ("e.json", '{"entitys": []}', "unknown_key", "there is no `entitys` here", '"entitys"',
     "did you mean `entities`?"),
    ("e.json", '{"entities": [], "x": 1}', "unknown_key", "there is no `x` here", '"x"', LAYOUT),
    ("e.json", entities("7"), "wrong_type", "expected an entity, found the number `7`", "7", LAYOUT),
    ("e.json", entities('{"id": "x"}'), "missing_key", "an entity needs a `type`", '{"id": "x"}',
     "declared are `Agent`, `Group`, `Project`, `Service`, `Thing`, `User`"),
    ("e.json", entities('{"type": "Agent"}'), "missing_key", "an entity needs an `id`", '{"type": "Agent"}', ANY_ID),
    ("e.json", entities('{"type": "Agent", "id": "x", "parents": []}'), "unknown_key",
     "an entity has no `parents`", '"parents"', "it has `type`, `id`, `in` and `attributes`"),
    ("e.json", entities('{"type": "Agent", "id": "x", "attributes": []}'), "wrong_type",
     "expected the attributes by name, found a list", "[]", None),
    ("e.json", '{"entities": [],\n "entities": []}', "duplicate_key", "the key `entities` stands twice", '"entities"',
     "keep one of them"),
    ("Agent.csv", "id,id\n", "duplicate_key", "the key `id` stands twice", "id", "keep one of them"),
    ("e.json", entities(agent("7")), "wrong_type", "expected an id in quotes, found the number `7`", "7",
     'write `"7"`'),
    ("e.json", entities(agent('""')), "invalid_id", "the id is empty", '""', ANY_ID),
    ("e.json", entities(agent('"' + "x" * 5000 + '"')), "invalid_id",
     "an id has at most 4096 characters, this one has 5000", '"' + "x" * 5000 + '"', ANY_ID),
    ("e.json", entities(agent('"a\u2067b"')), "bidi_in_id",
     "an id cannot hold U+2067, which makes text appear in another order than it has", '"a\u2067b"',
     "remove the character"),
    ("e.json", entities('{"type": "Usr", "id": "x"}'), "undeclared_type", "there is no entity type `Usr`", '"Usr"',
     "did you mean `User`?"),
    ("e.json", entities('{"type": "Printer", "id": "x"}'), "undeclared_type", "there is no entity type `Printer`",
     '"Printer"', "declared are `Agent`, `Group`, `Project`, `Service`, `Thing`, `User`"),
    # What is not of the declared types.
    ("e.json", thing('"sting": "x"'), "undeclared_attribute", "there is no attribute `sting` on `Thing`", '"sting"',
     "did you mean `string`?"),
    ("e.json", entities('{"type": "Agent", "id": "x", "attributes": {"a": 1}}'), "undeclared_attribute",
     "there is no attribute `a` on `Agent`", '"a"', "none is declared"),
    ("e.json", thing('"address": {"city": "Bonn", "zap": "1"}'), "undeclared_attribute",
     "there is no attribute `zap` here", '"zap"', "did you mean `zip`?"),
    ("e.json", entities('{"type": "User", "id": "ada"}'), "missing_attribute", "the attribute `email` is missing",
     '"ada"', "it is a `String`; `email?` in its declaration makes it optional"),
    ("e.json", thing('"address": {}'), "missing_attribute", "the attribute `city` is missing", "{}",
     "it is a `String`; `city?` in its declaration makes it optional"),
    ("e.json", thing('"bool": "true"'), "wrong_type", 'expected `Bool`, found the string `"true"`', '"true"',
     "a Bool is `true` or `false`, without quotes"),
    ("e.yaml", "entities:\n- {type: Thing, id: x, attributes: {bool: yes}}", "wrong_type",
     'expected `Bool`, found the string `"yes"`', "yes", "a Bool is `true` or `false`, without quotes"),
    ("e.json", thing('"int": "3"'), "wrong_type", 'expected `Int`, found the string `"3"`', '"3"', INT),
    ("e.json", thing('"int": true'), "wrong_type", "expected `Int`, found `true`", "true", INT),
    ("e.json", thing('"string": 3'), "wrong_type", "expected `String`, found the number `3`", "3",
     "a String is text in quotes"),
    ("e.json", thing('"decimal": 10'), "wrong_type", "expected `Decimal`, found the number `10`", "10", DECIMAL),
    ("e.json", thing('"strings": "a"'), "wrong_type", 'expected `[String]`, found the string `"a"`', '"a"',
     "a set is written as a list"),
    ("e.json", thing('"address": "Bonn"'), "wrong_type",
     'expected `{ city: String, zip?: String }`, found the string `"Bonn"`', '"Bonn"',
     "a record holds its attributes by name"),
    ("e.json", thing('"boss": "Group \\"x\\""'), "wrong_type", 'expected `User`, found `Group "x"`',
     '"Group \\"x\\""', None),
    ("e.json", thing('"boss": 3'), "wrong_type", "expected `User`, found the number `3`", "3",
     'write `User "id"` as text, or `{"type": "User", "id": "id"}`'),
    ("e.json", thing('"boss": "bob"'), "invalid_reference", "`bob` names no entity", '"bob"', 'write `User "bob"`'),
    ("e.json", thing('"boss": "User:bob"'), "invalid_reference", "`User:bob` names no entity", '"User:bob"',
     'write `User "bob"`'),
    ("e.json", thing('"people": ["bob"]'), "invalid_reference", "`bob` names no entity", '"bob"',
     'write `Group "id"` as text, or `{"type": "Group", "id": "id"}`'),
    ("e.json", thing('"boss": "User \\"a\\\\q\\""'), "invalid_reference", "there is no escape `\\q`",
     '"User \\"a\\\\q\\""', 'the escapes are `\\"`, `\\\\`, `\\n`, `\\r`, `\\t` and `\\u{…}`'),
    ("e.json", thing('"boss": {"type": "User"}'), "missing_key", "an entity reference needs `id`",
     '{"type": "User"}', 'write `Type "id"` as text, or `{"type": "Type", "id": "id"}`'),
    ("e.json", thing('"boss": {"type": "User", "id": "x", "name": "y"}'), "unknown_key",
     "an entity reference has no `name`", '"name"', "it has `type` and `id`"),
    ("e.json", thing('"int": null'), "null_value", "null is not a value", "null", "leave it out instead"),
    ("e.yaml", "entities:\n- {type: Thing, id: x, attributes: {string: ~}}", "null_value", "null is not a value", "~",
     "leave it out instead"),
    ("e.json", thing('"int": 1.5'), "float_value", "a number with a fraction or an exponent is not a value", "1.5",
     INT),
    ("e.json", thing('"int": -0.0'), "float_value", "a number with a fraction or an exponent is not a value", "-0.0",
     INT),
    ("e.json", thing('"decimal": 10.5'), "float_value", "a number with a fraction or an exponent is not a value",
     "10.5", DECIMAL),
    ("e.json", thing('"string": 1e400'), "float_value", "a number with a fraction or an exponent is not a value",
     "1e400", "numbers are whole; a Decimal is text"),
    ("e.json", thing('"int": NaN'), "not_finite", "NaN and Infinity are not values", "NaN", "leave it out instead"),
    ("e.json", thing('"int": -Infinity'), "not_finite", "NaN and Infinity are not values", "-Infinity",
     "leave it out instead"),
    ("e.json", thing('"int": 9223372036854775808'), "number_out_of_range", "the number does not fit in 64 bits",
     "9223372036854775808", "an Int is from -9223372036854775808 to 9223372036854775807"),
    ("e.json", thing('"decimal": "10.12345"'), "unreadable_value", "`10.12345` is not a Decimal", '"10.12345"',
     DECIMAL),
    ("e.json", thing('"datetime": "2026-02-30"'), "unreadable_value",
     "`2026-02-30` is not a Datetime: day is out of range for month", '"2026-02-30"', DATETIME),
    ("e.json", thing('"datetime": "2026-11-23T09:00"'), "unreadable_value",
     "`2026-11-23T09:00` is not a Datetime: it has no time zone", '"2026-11-23T09:00"',
     "write `2026-11-23T09:00Z` where the time is UTC"),
    ("e.json", thing('"duration": "15 min"'), "unreadable_value", "`15 min` is not a Duration", '"15 min"',
     'a Duration is text such as `"15m"` or `"1h30m"`'),
    ("e.json", thing('"ip": "10.1.2.3/8"'), "unreadable_value",
     "`10.1.2.3/8` is not an Ip: the range has host bits set", '"10.1.2.3/8"',
     "write the range `10.0.0.0/8`, or the address `10.1.2.3`"),
    ("e.json", thing('"ip": "fe80::1%eth0"'), "unreadable_value",
     "`fe80::1%eth0` is not an Ip: it has a zone, which means something on one machine only", '"fe80::1%eth0"',
     "leave out `%` and what follows"),
    ("e.json", thing('"env": "prd"'), "undeclared_member", "`prd` is no member of the enum `Env`", '"prd"',
     "did you mean `prod`?"),
    ("e.json", thing('"env": "qa"'), "undeclared_member", "`qa` is no member of the enum `Env`", '"qa"',
     "declared are `dev`, `prod`, `staging`"),
    # What does not hold together.
    ("e.json", entities('{"type": "Group", "id": "x", "in": "Group \\"y\\""}'), "wrong_type",
     'expected a list of parents, found the string `"Group \\"y\\""`', '"Group \\"y\\""', "parents stand in a list"),
    ("e.json", entities(group("x", 'Agent "y"')), "parent_of_other_type",
     "entities of type `Group` cannot be in `Agent`", '"Agent \\"y\\""', "they can be in `Group`"),
    ("e.json", entities('{"type": "Agent", "id": "x", "in": ["Group \\"y\\""]}'), "parent_of_other_type",
     "entities of type `Agent` cannot be in `Group`", '"Group \\"y\\""', "`Agent` is declared without `in`"),
    ("e.json", entities(group("y"), group("x", 'Group "y" until soon')), "invalid_until",
     "`soon` is no end of a membership", '"Group \\"y\\" until soon"', AN_END),
    ("e.json", entities('{"type": "Group", "id": "x", "in": [{"type": "Group", "id": "x", "until": "2026-13-01"}]}'),
     "invalid_until", "`2026-13-01` is no end of a membership: month must be in 1..12", '"2026-13-01"', AN_END),
    ("e.json", entities(group("y"), group("x", 'Group "y" until 2026-12-24T18:00')), "invalid_until",
     "`2026-12-24T18:00` is no end of a membership: it has no time zone", '"Group \\"y\\" until 2026-12-24T18:00"',
     "write `2026-12-24T18:00Z` where the time is UTC"),
    ("e.json", entities(group("sre"), group("x", 'Group "sree"')), "dangling_parent",
     '`Group "x"` is in `Group "sree"`, which no file holds', '"Group \\"sree\\""', "did you mean `sre`?"),
    ("e.json", entities(group("x", 'Group "y"')), "dangling_parent",
     '`Group "x"` is in `Group "y"`, which no file holds', '"Group \\"y\\""', "add it, or remove this membership"),
    ("e.json", entities(agent('"x"'), agent('"x"')), "entity_twice", '`Agent "x"` is there twice', '"x"',
     "keep one of them"),
    ("e.json", entities(group("x", 'Group "x"')), "self_parent", '`Group "x"` cannot be in itself', '"Group \\"x\\""',
     "remove it"),
    ("e.json", entities(group("x", 'Group "y"'), group("y", 'Group "z"'), group("z", 'Group "x"')), "parent_cycle",
     '`Group "x"` is in itself: it is in `Group "y"`, which is in `Group "z"`, which is in `Group "x"`',
     '"Group \\"x\\""', "remove one of these memberships"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "text", "code", "message", "underlined", "help"), TABLE)
def test_an_error_says_what_is_wrong_where_and_what_would_help(path, text, code, message, underlined, help):
    _, found = load_text(path, text)

    assert [(each.code, each.message, each.span.text, each.help) for each in found] == [
        (code, message, underlined, help)
    ]


def test_a_message_reads_like_all_others():
    for _, _, _, message, _, help_ in TABLE:
        for text in (message, help_ or "x"):
            assert text.isprintable()
            assert not text.endswith(".")
            assert re.match(r"[`a-z]|U\+|NaN|Bool", text)
            assert not re.search(r"\b(str|int|bool|dict|NoneType|float\(|tuple)\b", text)


def test_a_long_word_is_cut_in_a_message():
    _, found = load_text("e.json", thing(f'"env": "{"x" * 1000}", "string": ["{"y" * 1000}"]'))

    assert all(len(each.message) < 150 for each in found)


def test_user_text_in_a_message_cannot_change_the_terminal():
    _, found = load_text("e.json", thing('"env": "\\u001b[31m\\u202e\\n"'))

    assert found[0].message == "`\\u{1b}[31m\\u{202e}\\u{a}` is no member of the enum `Env`"


def test_a_long_cycle_is_shown_by_its_ends():
    ring = [group(f"g{n}", f'Group "g{(n + 1) % 1000}"') for n in range(1000)]

    _, found = load_text("e.json", entities(*ring))

    assert [each.message for each in found] == [
        '`Group "g0"` is in itself: it is in `Group "g1"`, which is in `Group "g2"`, which is in … 994 more …, '
        'which is in `Group "g997"`, which is in `Group "g998"`, which is in `Group "g999"`, which is in `Group "g0"`'
    ]


def test_a_file_that_is_too_large_is_an_error(monkeypatch):
    monkeypatch.setattr(loading, "MAX_FILE", 10)

    _, found = load_text("e.json", '{"entities": []}')

    assert [(each.code, each.message, each.help) for each in found] == [
        ("data_too_large", "a file has at most 10 characters, this one has 16", "split it")
    ]


def test_more_entities_than_are_read_are_an_error(monkeypatch):
    monkeypatch.setattr(reading, "MAX_ENTITIES", 2)

    _, found = load_text("e.json", entities(agent('"a"'), agent('"b"'), agent('"c"'), agent('"d"')))

    assert [(each.code, each.message, each.span.text) for each in found] == [
        ("data_too_large", "there are more than 2 entities", '{"type": "Agent", "id": "c"}')
    ]


def test_each_code_is_shown_by_a_test_and_explained():
    # Those of a file of keys are shown in tests/approvals/test_keys.py.
    shown = {code for _, _, code, _, _, _ in TABLE} | {"too_many_data_errors", "invalid_key", "shared_key"}

    assert shown == set(FACTS)
    assert list(FACTS) == sorted(FACTS)
    assert FACTS.items() <= CODES.items()
    for code, sentence in FACTS.items():
        assert re.fullmatch(r"[a-z0-9_]+", code)
        assert sentence[0].isupper()
        assert sentence.endswith(".")


def test_the_world_of_these_tests_has_no_errors_of_its_own():
    assert WORLD.entities["Agent"].bare
