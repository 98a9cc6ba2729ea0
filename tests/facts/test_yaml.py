import json

import pytest
import yaml
from facts.worlds import KINDS, WORLD, codes_of, group, load_text, store_of, user
from hypothesis import given
from hypothesis import strategies as st

from pdp.conform import conform, plain
from pdp.entities.document import Place
from pdp.entities.yamlfile import locate
from pdp.model import Membership, Node
from pdp.source import Source
from pdp.values import Datetime, Decimal, EntityRef, EnumMember, ValueSet, equal

FULL = """\
# People and what they are in.
entities:
  - {type: Group, id: engineers}
  - type: Group
    id: sre
    in: ['Group "engineers"']
  - type: User
    id: ada
    in:
      - Group "engineers"
      - Group "sre" until 2026-12-24
      - {type: Group, id: sre, until: 2026-12-24T00:00:00Z}
    attributes:
      email: ada@x.io
      level: -3
"""


def thing(attributes: str) -> str:
    return f"entities:\n- type: Thing\n  id: x\n  attributes: {attributes}\n"


def attribute(name: str, word: str):
    node = store_of("e.yaml", thing(f"{{{name}: {word}}}")).node(EntityRef("Thing", "x"))
    assert node is not None
    return node.attributes[name]


@pytest.mark.parametrize("ending", ["yaml", "yml"])
def test_a_file_is_read(ending):
    store = store_of(f"entities.{ending}", FULL)

    end = Membership(group("sre"), Datetime.parse("2026-12-24"))
    assert store.node(user("ada")) == Node(
        user("ada"), {"email": "ada@x.io", "level": -3}, (Membership(group("engineers")), end, end)
    )
    assert len(store) == 3


def test_it_says_the_same_as_json():
    as_json = json.dumps(yaml.safe_load(FULL.replace("2026-12-24T00:00:00Z", "'2026-12-24T00:00:00Z'")))

    assert store_of("e.json", as_json).revision == store_of("e.yaml", FULL).revision


@pytest.mark.parametrize(
    "word",
    [
        *("no", "yes", "on", "off", "No", "y", "n", "true", "false", "1", "1.5", "1e3", "0x10", "010", "1_000"),
        *("12:30:45", "2026-11-23", "2026-11-23T09:00:00Z", ".inf", ".nan", "=", "null_", "Null0", "0", "-1"),
    ],
)
def test_a_string_is_the_word_that_stands_there(word):
    assert attribute("string", word) == word


@pytest.mark.parametrize(
    ("name", "word", "value"),
    [
        ("bool", "true", True),
        ("bool", "false", False),
        ("int", "0", 0),
        ("int", "-12", -12),
        ("decimal", "10.50", Decimal(105_000)),
        ("datetime", "2026-11-23", Datetime.parse("2026-11-23")),
        ("env", "prod", EnumMember("Env", "prod")),
        ("boss", 'User "no"', user("no")),
        ("boss", "{type: User, id: 42}", user("42")),
        ("strings", "[no, 1, 2026-11-23]", ValueSet(["no", "1", "2026-11-23"])),
        ("ints", "[1, 2]", ValueSet([1, 2])),
        ("string", "'null'", "null"),
        ("string", '""', ""),
        ("string", '"a\\nb\\u00e9"', "a\nbé"),
    ],
)
def test_a_word_means_what_its_declared_type_makes_of_it(name, word, value):
    assert equal(attribute(name, word), value)


@pytest.mark.parametrize(
    ("name", "word", "code"),
    [
        *(("bool", word, "wrong_type") for word in ("yes", "no", "on", "True", "TRUE", "1", "'true'", '"false"')),
        *(("int", word, "wrong_type") for word in ("+1", "01", "0x10", "0o7", "1_000", "12:30", "'1'", "true", "--1")),
        *(("int", word, "float_value") for word in ("1.5", "1e3", ".5", "1.", "-1.0E-3")),
        *(("int", word, "not_finite") for word in (".nan", ".inf", "-.inf", "NaN")),
        *(("string", word, "null_value") for word in ("~", "null", "Null", "NULL", "")),
        ("int", "9223372036854775808", "number_out_of_range"),
        ("int", "9" * 10_000, "number_out_of_range"),
        ("decimal", "10", "unreadable_value"),
        ("decimal", ".nan", "not_finite"),
        ("env", "no", "undeclared_member"),
        ("strings", "a", "wrong_type"),
        ("strings", "{a: b}", "wrong_type"),
        ("string", "[a]", "wrong_type"),
        ("address", "[a]", "wrong_type"),
    ],
)
def test_a_word_of_another_kind_is_an_error(name, word, code):
    _, found = load_text("e.yaml", thing(f"{{{name}: {word}}}"))

    assert [each.code for each in found] == [code]
    assert found[0].span is not None
    assert found[0].span.text == word[: len(found[0].span.text)]


def test_ids_and_types_are_words_too():
    text = "entities:\n- type: Agent\n  id: no\n- type: Agent\n  id: 010\n- type: Agent\n  id: 2026-11-23\n"

    store = store_of("e.yaml", text)

    assert {node.ref.id for node in store} == {"no", "010", "2026-11-23"}


@pytest.mark.parametrize(
    ("text", "underlined"),
    [
        ("entities:\n- &a {type: Agent, id: x}\n", "&a {"),
        ("entities:\n- type: &a Agent\n  id: x\n", "&a Agent"),
        ("entities: &a\n- type: Agent\n  id: x\n", "&a"),
        ("entities:\n- type: Agent\n  id: *x\n", "*x"),
        ("entities:\n- type: !!str Agent\n  id: x\n", "!!str Agent"),
        ("entities:\n- type: Agent\n  id: !x y\n", "!x y"),
        ("entities:\n- type: Agent\n  id: ! y\n", "! y"),
        ("entities: !!set {a}\n", "!!set {"),
        ("entities:\n- type: Agent\n  id: x\n  <<: {in: []}\n", "<<"),
        ("entities: []\n---\nentities: []\n", "---"),
        ("entities:\n- type: Agent\n  ? [id]\n  : x\n", "["),
        ("entities:\n- type: Agent\n  {a: b}: x\n", "{"),
    ],
)
def test_what_makes_yaml_surprising_is_an_error(text, underlined):
    _, found = load_text("e.yaml", text)

    assert {each.code for each in found} == {"yaml_feature"}
    assert found[0].span is not None
    assert found[0].span.text == underlined


def test_a_key_of_two_arrows_in_quotes_is_a_key_like_any_other():
    text = "entities:\n- type: Agent\n  id: x\n  '<<': 1\n"

    assert codes_of("e.yaml", text) == ["unknown_key"]


def test_aliases_that_would_grow_without_bound_are_not_followed():
    layers = "".join(f"  x{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))

    codes = codes_of("e.yaml", f"entities:\n  x0: &a0 [lol]\n{layers}")

    assert set(codes) == {"yaml_feature", "too_many_data_errors"}


def test_a_duplicate_key_is_an_error_that_points_at_the_first():
    _, found = load_text("e.yaml", "entities:\n- type: Agent\n  id: x\n  'id': y\n")

    assert [(each.code, str(each.span), each.span.text) for each in found] == [("duplicate_key", "e.yaml:4:3", "'id'")]
    assert [(str(span), span.text) for _, span in found[0].notes] == [("e.yaml:3:3", "id")]


def test_a_document_may_start_and_end_with_its_marks():
    assert len(store_of("e.yaml", "---\nentities:\n- {type: Agent, id: x}\n...\n")) == 1


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("", "the file is empty", "e.yaml:1:1"),
        ("# nothing\n", "the file is empty", "e.yaml:1:1"),
        ("entities: [a", "expected `,` or `]`", "e.yaml:1:13"),
        ("entities:\n\t- a\n", "a tab cannot stand here", "e.yaml:2:1"),
        ("a: b: c\n", "there cannot be a `:` here", "e.yaml:1:5"),
        ("entities:\n- 'x\n", "found unexpected end of stream", "e.yaml:3:1"),
        ("entities: \x07\n", "a YAML file cannot hold the character U+0007", "e.yaml:1:11"),
    ],
)
def test_broken_text_is_an_error_with_its_place(text, message, place):
    _, found = load_text("e.yaml", text)

    assert [(each.code, each.message, str(each.span)) for each in found] == [("invalid_yaml", message, place)]


@pytest.mark.parametrize("start", ["", "\ufeff", "# é 😀\r\n", "# \u2028 \x85 \n"])
def test_positions_count_characters(start):
    text = start + "entities:\r\n- type: Agent\r\n  id: 😀\r\n  é: 1\r\n"

    _, found = load_text("e.yaml", text)

    assert [(each.code, each.span.text) for each in found] == [("unknown_key", "é")]


def test_text_is_read_the_same_without_the_c_library(monkeypatch):
    faulty = FULL.replace("-3", "x").replace("type: User", "type: Usr")
    with_c = store_of("e.yaml", FULL).revision, load_text("e.yaml", faulty)[1]
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)

    without = store_of("e.yaml", FULL).revision, load_text("e.yaml", faulty)[1]

    assert [str(each) for each in with_c[1]] == [str(each) for each in without[1]]
    assert with_c[0] == without[0]


def test_a_byte_order_mark_is_passed_over():
    assert store_of("e.yaml", "\ufeff" + FULL).revision == store_of("e.yaml", FULL).revision


yaml_data = st.recursive(
    st.text("ab: -\n'\"#é", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abé", min_size=1), inner, max_size=3),
    max_leaves=8,
)


@given(yaml_data, st.sampled_from([True, False, None]))
def test_every_place_is_found_where_it_stands(data, flow):
    text = yaml.safe_dump(data, default_flow_style=flow, allow_unicode=True)
    places = {}
    work = [((), data)]
    while work:
        path, value = work.pop()
        places[Place(path)] = value
        steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        work.extend(((*path, step), inner) for step, inner in steps)

    ranges = locate(text, Source("e.yaml", text), list(places))

    for place, value in places.items():
        start, end = ranges[place]
        if isinstance(value, str):
            assert str(yaml.load(text[start:end] or "''", yaml.BaseLoader)).split() == value.split()


@given(st.text())
def test_no_text_makes_the_reader_raise(text):
    load_text("e.yaml", text)


PARTS = ["entities:", "\n", "\n  ", "\n- ", "- ", "type: User", "id: x", "in:", "attributes:", "{", "}", "[", "]", ": ",
         "&a ", "*a", "!t ", "<<: ", "~", "'", '"', "---", "...", "|", ">", "? ", "%", "#", "\t", "x"]  # fmt: skip


@given(st.lists(st.sampled_from(PARTS)))
def test_no_text_that_is_nearly_yaml_makes_the_reader_raise(parts):
    store, found = load_text("e.yaml", "".join(parts))

    assert len(store) == 0 or not found
    assert all(each.span is not None and each.message for each in found)


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_in_quotes_is_never_a_bool_or_an_int(kind):
    _, found = load_text("e.yaml", thing(f'{{{kind}: "true"}}')), load_text("e.yaml", thing(f'{{{kind}: "1"}}'))

    assert bool(found[1]) == (kind != "string")


def test_json_is_yaml_with_the_same_meaning():
    value = ValueSet([user("ada"), group("sre")])
    text = json.dumps(
        {"entities": [{"type": "Thing", "id": "x", "attributes": {"people": plain(value), "bool": True, "int": 5}}]}
    )

    node = store_of("e.yaml", text).node(EntityRef("Thing", "x"))

    assert node is not None
    assert node.attributes == {"people": conform(plain(value), KINDS["people"], WORLD), "bool": True, "int": 5}
