import json
import unicodedata

import pytest
from facts.worlds import WORLD, codes_of, entity_type, group, load_text, schema_of, store_of, user
from hypothesis import given
from hypothesis import strategies as st

from pdp.conform import conform
from pdp.entities import load
from pdp.entities.document import Place
from pdp.entities.jsonfile import locate
from pdp.model import Membership, Node
from pdp.source import Source
from pdp.types import FieldType, Primitive, SetType
from pdp.values import (
    INT_MAX,
    INT_MIN,
    Datetime,
    Decimal,
    Duration,
    EntityRef,
    EnumMember,
    Ip,
    Record,
    ValueSet,
)

FULL = """{
  "entities": [
    { "type": "Group", "id": "engineers" },
    { "type": "Group", "id": "sre", "in": ["Group \\"engineers\\""] },
    { "type": "User", "id": "ada",
      "in": ["Group \\"engineers\\"", "Group \\"sre\\" until 2026-12-24",
             { "type": "Group", "id": "sre", "until": "2026-12-24T00:00:00+01:00" }],
      "attributes": { "email": "ada@x.io", "level": 3 } },
    { "type": "Thing", "id": "all",
      "attributes": {
        "bool": true, "int": -9223372036854775808, "string": "no", "decimal": "10.50", "datetime": "2026-11-23",
        "duration": "15m", "ip": "10.0.0.0/8", "env": "prod", "boss": "User \\"nobody\\"",
        "strings": ["b", "a", "b"], "ints": [], "people": [{ "type": "User", "id": "ada" }, "Group \\"sre\\""],
        "address": { "city": "Bonn" }, "addresses": [{ "city": "Bonn", "zip": "1" }] } }
  ]
}
"""


def test_a_file_of_every_kind_of_value_is_read():
    store = store_of("entities.json", FULL)

    end = Datetime.parse("2026-12-24")
    assert store.node(user("ada")) == Node(
        user("ada"),
        {"email": "ada@x.io", "level": 3},
        (
            Membership(group("engineers")),
            Membership(group("sre"), end),
            Membership(group("sre"), Datetime(end.micros - 3_600_000_000)),
        ),
    )
    node = store.node(EntityRef("Thing", "all"))
    assert node is not None
    assert node.attributes == {
        "bool": True,
        "int": INT_MIN,
        "string": "no",
        "decimal": Decimal(105_000),
        "datetime": Datetime.parse("2026-11-23"),
        "duration": Duration.parse("15m"),
        "ip": Ip.parse("10.0.0.0/8"),
        "env": EnumMember("Env", "prod"),
        "boss": user("nobody"),
        "strings": ValueSet(["a", "b"]),
        "ints": ValueSet([]),
        "people": ValueSet([user("ada"), group("sre")]),
        "address": Record({"city": "Bonn"}),
        "addresses": ValueSet([Record({"city": "Bonn", "zip": "1"})]),
    }
    assert len(store) == 4


@pytest.mark.parametrize("text", ['{"entities": []}', ' \r\n{"entities":[]}\n\n', '\ufeff{"entities": []}'])
def test_a_file_without_entities_is_read(text):
    assert len(store_of("entities.json", text)) == 0


def test_a_type_by_its_other_name_is_the_same_type():
    text = '{"entities": [{"type": "checkout.Service", "id": "api", "attributes": {"env": "dev"}}]}'

    store = store_of("entities.json", text)

    assert store.node(EntityRef("Service", "api")) is not None


def test_a_parent_of_a_bare_type_need_not_be_listed():
    world = schema_of(entity_type("Realm"), entity_type("Site", ("Realm",)))

    store = store_of("e.json", '{"entities": [{"type": "Site", "id": "x", "in": ["Realm \\"r\\""]}]}', world)

    assert store.node(EntityRef("Site", "x")) is not None
    assert store.node(EntityRef("Realm", "r")) is None


def test_an_entity_of_a_bare_type_may_be_listed():
    store = store_of("e.json", '{"entities": [{"type": "Agent", "id": "builder"}]}')

    assert store.node(EntityRef("Agent", "builder")) == Node(EntityRef("Agent", "builder"), {})


def test_a_parent_may_stand_in_another_file():
    child = Source("a.json", '{"entities": [{"type": "Group", "id": "a", "in": ["Group \\"b\\""]}]}')
    parent = Source("b.json", '{"entities": [{"type": "Group", "id": "b"}]}')

    store, diagnostics = load([child, parent], WORLD)

    assert diagnostics == []
    assert len(store) == 2


def test_a_reference_in_an_attribute_may_dangle():
    text = '{"entities": [{"type": "Thing", "id": "x", "attributes": {"boss": "User \\"nobody\\""}}]}'

    assert codes_of("e.json", text) == []


def test_ids_are_compared_exactly():
    composed, decomposed = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    ids = [composed, decomposed, "a", "A", "а", " a", "a\u200b"]
    text = json.dumps({"entities": [{"type": "Agent", "id": each} for each in ids]})

    store = store_of("e.json", text)

    assert len(store) == len(ids)


def test_the_same_id_of_another_type_is_another_entity():
    text = '{"entities": [{"type": "Agent", "id": "x"}, {"type": "Group", "id": "x"}]}'

    assert len(store_of("e.json", text)) == 2


@pytest.mark.parametrize("number", [INT_MIN, INT_MAX, 0])
def test_the_ends_of_64_bits_are_read(number):
    text = f'{{"entities": [{{"type": "Thing", "id": "x", "attributes": {{"int": {number}}}}}]}}'

    node = store_of("e.json", text).node(EntityRef("Thing", "x"))

    assert node is not None
    assert node.attributes == {"int": number}


def test_all_errors_of_all_files_are_reported_at_once_in_the_order_of_files_and_positions():
    first = '{"entities": [{"type": "Usr", "id": "x"},\n {"type": "User", "id": 1, "attributes": {"level": "x"}}]}'
    second = '{"entities": [{"type": "User", "id": "b", "attributes": {"email": null, "level": 1.5}}]}'
    third = "{"

    store, found = load([Source("a.json", first), Source("b.json", second), Source("c.json", third)], WORLD)

    assert len(store) == 0
    assert [(str(each.span), each.code) for each in found] == [
        ("a.json:1:24", "undeclared_type"),
        ("a.json:2:25", "wrong_type"),
        ("a.json:2:25", "missing_attribute"),
        ("a.json:2:52", "wrong_type"),
        ("b.json:1:67", "null_value"),
        ("b.json:1:82", "float_value"),
        ("c.json:1:2", "invalid_json"),
    ]


def test_an_error_in_the_fields_of_a_record_stands_where_the_field_does():
    attributes = '{"addresses": [{"city": "a"},\n{"city": "b", "zip": 7},\n{"zip": "1"}]}'
    text = f'{{"entities": [{{"type": "Thing", "id": "x", "attributes": {attributes}}}]}}'

    _, found = load_text("e.json", text)

    assert [(each.code, each.span.line, each.span.text) for each in found] == [
        ("wrong_type", 2, "7"),
        ("missing_attribute", 3, '{"zip": "1"}'),
    ]


def test_positions_count_after_escapes_wide_characters_and_a_byte_order_mark():
    text = '\ufeff{"entities": [\r\n{"\\u0069d": "😀\\"", "type": "Agent", "x\\n": 1}]}'

    _, found = load_text("e.json", text)

    assert [(each.code, each.span.text, str(each.span)) for each in found] == [("unknown_key", '"x\\n"', "e.json:2:37")]


def test_what_an_error_underlines_ends_with_its_line():
    text = '{"entities": [[\n1,\n2]]}'

    _, found = load_text("e.json", text)

    assert [each.span.text for each in found] == ["["]


def test_a_misspelt_key_is_one_error():
    text = '{"entities": [{"typ": "Agent", "id": "x"}]}'

    _, found = load_text("e.json", text)

    assert [(each.code, each.help) for each in found] == [("unknown_key", "did you mean `type`?")]


def test_a_parent_in_a_file_that_cannot_be_read_is_not_said_to_be_missing():
    child = Source("a.json", '{"entities": [{"type": "Group", "id": "a", "in": ["Group \\"b\\""]}]}')

    _, found = load([child, Source("b.json", "{")], WORLD)

    assert [each.code for each in found] == ["invalid_json"]


def test_an_entity_with_a_wrong_attribute_still_counts_as_a_parent():
    text = """{"entities": [{"type": "Group", "id": "a", "in": ["Group \\"b\\""]},
                            {"type": "Group", "id": "b", "attributes": {"x": 1}}]}"""

    assert codes_of("e.json", text) == ["undeclared_attribute"]


def test_the_same_entity_in_two_files_is_an_error_that_points_at_the_first():
    text = '{"entities": [{"type": "Agent", "id": "x"}]}'

    _, found = load([Source("a.json", text), Source("b.json", text)], WORLD)

    assert [(each.code, str(each.span)) for each in found] == [("entity_twice", "b.json:1:39")]
    assert [(message, str(span), span.text) for message, span in found[0].notes] == [
        ("first here", "a.json:1:39", '"x"')
    ]


def test_duplicate_keys_are_found_at_every_depth():
    first = '[{"type": "Agent", "id": "x", "attributes": {}, "attributes": {}}]'
    text = f'{{"entities": {first}, "entities": [{{"a":1,"\\u0061":2}}]}}'

    _, found = load_text("e.json", text)

    assert [(each.span.text, str(each.span)) for each in found if each.code == "duplicate_key"] == [
        ('"attributes"', "e.json:1:62"),
        ('"entities"', "e.json:1:82"),
        ('"\\u0061"', "e.json:1:102"),
    ]


def test_no_more_errors_are_shown_of_a_file_than_a_person_reads():
    entities = [{"type": "Thing", "id": f"x{number}", "attributes": {"int": "1"}} for number in range(200)]

    _, found = load_text("e.json", json.dumps({"entities": entities}))

    assert [each.code for each in found] == ["wrong_type"] * 100 + ["too_many_data_errors"]
    assert (found[-1].message, found[-1].span.text, found[-1].help) == (
        "there are more errors in this file than these 100",
        '"1"',
        "mend these first",
    )


def test_no_more_errors_are_shown_of_one_attribute_than_a_person_reads():
    entities = [{"type": "Thing", "id": "x", "attributes": {"ints": ["1"] * 100_000}}]

    _, found = load_text("e.json", json.dumps({"entities": entities}))

    assert len(found) == 101


def test_a_type_that_is_nested_deeper_than_is_read_gives_an_error_and_no_silence():
    kind = Primitive.STRING
    value = "x"
    for _ in range(70):
        kind, value = SetType(kind), [value]
    world = schema_of(entity_type("Deep", value=FieldType(kind)))
    text = json.dumps({"entities": [{"type": "Deep", "id": "x", "attributes": {"value": value}}]})

    assert codes_of("e.json", text, world) == ["data_too_deep"]


# --------------------------------------------------------------------------------------------------------- the scanner

json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(json_data, st.sampled_from([None, 1]), st.booleans())
def test_every_place_is_found_where_it_stands(data, indent, ascii_only):
    text = json.dumps(data, indent=indent, ensure_ascii=ascii_only)
    places = {}
    work = [((), data)]
    while work:
        path, value = work.pop()
        places[Place(path)] = value
        steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for step, inner in steps:
            work.append(((*path, step), inner))
            if isinstance(step, str):
                places[Place((*path, step), key=True)] = step

    ranges = locate(text, Source("e.json", text), list(places))

    for place, value in places.items():
        start, end = ranges[place]
        assert json.loads(text[start:end]) == value


@given(st.text())
def test_no_text_makes_the_reader_raise(text):
    load_text("e.json", text)


@given(st.lists(st.sampled_from([*'{}[],:" \n', '"entities"', '"type"', '"id"', '"in"', '"User"', "1", "null", "\\u"])))
def test_no_text_that_is_nearly_json_makes_the_reader_raise(parts):
    text = "".join(parts)

    store, found = load_text("e.json", text)

    assert len(store) == 0 or not found
    assert all(each.span is not None and each.message for each in found)


@given(st.dictionaries(st.sampled_from(["type", "id", "in", "attributes", "x"]), json_data))
def test_no_entity_makes_the_reader_raise(entity):
    text = json.dumps({"entities": [entity]})

    store, found = load_text("e.json", text)

    assert bool(found) != (len(store) == 1)


@given(json_data)
def test_what_a_file_states_is_what_conforms(value):
    text = json.dumps({"entities": [{"type": "Thing", "id": "x", "attributes": {"strings": value}}]})

    store, found = load_text("e.json", text)

    if not found:
        node = store.node(EntityRef("Thing", "x"))
        assert node is not None
        assert node.attributes["strings"] == conform(value, SetType(Primitive.STRING), WORLD)
