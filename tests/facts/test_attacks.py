"""What hostile or broken data could do to a reader, each with a bound on time and memory."""

import json
import time
import tracemalloc
import unicodedata
from contextlib import contextmanager

import pytest
from facts.worlds import KINDS, WORLD, codes_of, group, load_text, store_of, user

from pdp.conform import Mismatch, conform, conform_attributes, conform_entity
from pdp.entities import load
from pdp.model import Entity
from pdp.source import Source
from pdp.types import FieldType, Primitive, RecordType
from pdp.values import INT_MAX, INT_MIN, UNKNOWN, EntityRef, equal

MEGABYTE = 2**20
DEPTH = 10**5


@contextmanager
def within(seconds: float):
    start = time.process_time()
    yield
    spent = time.process_time() - start
    assert spent < seconds, f"took {spent:.2f} s"


def agents(count: int) -> list[dict[str, object]]:
    return [{"type": "Agent", "id": f"a{number}"} for number in range(count)]


# ----------------------------------------------------------------------------------------------------------------- text

SHAPES = {
    "lists": "[" * DEPTH,
    "closed_lists": "[" * DEPTH + "]" * DEPTH,
    "objects": '{"a":' * DEPTH,
    "deep_attribute": '{"entities": [{"type": "Thing", "id": "x", "attributes": {"strings": ' + "[" * DEPTH,
    "braces": "{" * DEPTH,
    "quotes": '"' * DEPTH,
    "backslashes": '"' + "\\" * DEPTH,
    "commas": "," * DEPTH,
    "minuses": "-" * DEPTH,
    "digits": "9" * DEPTH,
    "spaces": " " * DEPTH,
    "dashes": "- " * DEPTH,
    "question_marks": "? " * DEPTH,
    "colons": "a: " * DEPTH,
    "anchors": "&a " * DEPTH,
    "aliases": "[" + "*a," * DEPTH,
    "blocks": "|\n" * DEPTH,
    "string": '"' + "x" * 10 * MEGABYTE + '"',
    "escapes": '"' + "\\u0041" * MEGABYTE + '"',
    "half_open_cells": '"a""' * DEPTH,
}


@pytest.mark.parametrize("path", ["e.json", "e.yaml", "User.csv"])
@pytest.mark.parametrize("shape", SHAPES)
def test_no_shape_of_text_hangs_a_reader_or_exhausts_its_stack(path, shape):
    with within(10):
        store, found = load_text(path, SHAPES[shape])

    assert len(store) == 0
    assert 1 <= len(found) <= 101
    assert all(each.span is not None for each in found)


@pytest.mark.parametrize("path", ["e.json", "e.yaml"])
def test_nesting_beyond_the_bound_is_a_named_error(path):
    assert codes_of(path, SHAPES["lists"]) == ["data_too_deep"]


def test_a_reader_that_is_called_deep_in_the_stack_still_gives_a_named_error():
    def down(depth: int) -> list[str]:
        return codes_of("e.json", "[" * 500 + "]" * 500) if depth == 0 else down(depth - 1)

    codes = down(300)

    assert len(codes) == 1


def test_a_string_of_ten_megabytes_is_a_named_error():
    text = json.dumps({"entities": [{"type": "Thing", "id": "x", "attributes": {"string": "x" * 10 * MEGABYTE}}]})

    with within(2):
        codes = codes_of("e.json", text)

    assert codes == ["data_too_large"]


def test_a_file_beyond_the_bound_is_not_even_looked_at():
    text = "[" * (64 * MEGABYTE + 1)

    with within(1):
        codes = codes_of("e.json", text)

    assert codes == ["data_too_large"]


@pytest.mark.parametrize("path", ["e.json", "e.yaml", "e.csv"])
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'{"entities": [\xff]}', "data_not_utf8"),
        (b'{"entities": ["\xed\xa0\x80"]}', "data_not_utf8"),
        (b'{"entities": ["\xc0\xaf"]}', "data_not_utf8"),
        (b'{"entities": ["\x00"]}', "nul_character"),
        ('{"entities": []}'.encode("utf-16-le"), "nul_character"),
    ],
)
def test_bytes_that_are_no_text_are_named_where_they_stand(path, data, code):
    _, found = load_text(path, data.decode("utf-8", "surrogateescape"))

    assert [each.code for each in found] == [code]
    assert found[0].span is not None
    assert found[0].span.text in data.decode("utf-8", "surrogateescape")


def test_line_breaks_of_any_kind_leave_positions_right():
    text = '{\r\n"entities":\r\n[{"type": "Agent",\r\n"id": ""}]}'

    _, found = load_text("e.json", text)

    assert [(each.code, str(each.span)) for each in found] == [("invalid_id", "e.json:4:7")]


# -------------------------------------------------------------------------------------------------------------- unicode

BIDI = [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]


@pytest.mark.parametrize("char", BIDI, ids=lambda char: f"U+{ord(char):04X}")
def test_an_id_does_not_reorder_the_text_around_it(char):
    in_text = json.dumps({"entities": [{"type": "Agent", "id": f"a{char}b"}]}, ensure_ascii=False)
    in_escapes = json.dumps({"entities": [{"type": "Agent", "id": f"a{char}b"}]})
    in_reference = json.dumps({"entities": [{"type": "Group", "id": "x", "in": [f'Group "a{char}"']}]})

    assert [codes_of("e.json", text) for text in (in_text, in_escapes, in_reference)] == [["bidi_in_id"]] * 3
    with pytest.raises(Mismatch):
        conform_entity(Entity("Agent", f"a{char}b"), WORLD)


def test_nine_characters_reorder_text():
    assert len(BIDI) == 9
    assert {unicodedata.bidirectional(char) for char in BIDI} == {
        "LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("admin", "аdmin"),
        (unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")),
        ("admin", "Admin"),
        ("admin", "admin\u200b"),
        ("admin", " admin"),
        ("ß", "ss"),
        ("ﬁ", "fi"),
        ("K", "\u212a"),
    ],
)
@pytest.mark.parametrize("path", ["e.json", "e.yaml", "e.csv"])
def test_ids_that_look_alike_are_different_entities(path, one, other):
    texts = {
        "e.json": json.dumps({"entities": [{"type": "Agent", "id": id_} for id_ in (one, other)]}),
        "e.yaml": "entities:\n" + "".join(f'- {{type: Agent, id: "{id_}"}}\n' for id_ in (one, other)),
        "e.csv": f"type,id\nAgent,{one}\nAgent,{other}\n",
    }

    store = store_of(path, texts[path])

    assert {node.ref.id for node in store} == {one, other}


@pytest.mark.parametrize("kind", ["string", "boss", "env"])
def test_half_a_character_never_becomes_a_value(kind):
    text = json.dumps({"entities": [{"type": "Thing", "id": "x", "attributes": {kind: 'User "\ud800"'}}]})

    assert len(codes_of("e.json", text)) == 1


def test_every_message_can_be_written_as_utf_8():
    keys = {"\ud800": 1, "id": "\udfff", "type": "\ud800", "in": ["\udc00"], "attributes": {"\ud800": "\udc80"}}

    _, found = load_text("e.json", json.dumps({"entities": [keys, {**keys, "type": "User"}], "\ud800": 1}))

    assert found
    for each in found:
        (each.message + (each.help or "")).encode("utf-8")


# -------------------------------------------------------------------------------------------------------------- numbers

NUMBERS = [
    ("9223372036854775807", None),
    ("-9223372036854775808", None),
    ("9223372036854775808", "number_out_of_range"),
    ("-9223372036854775809", "number_out_of_range"),
    ("9007199254740993", None),
    ("9007199254740993.0", "float_value"),
    ("1" + "0" * 400, "number_out_of_range"),
    ("9" * 100_000, "number_out_of_range"),
    ("1e400", "float_value"),
    ("1.0", "float_value"),
    ("-0.0", "float_value"),
    ("-0", None),
    ("true", "wrong_type"),
    ('"1"', "wrong_type"),
]


@pytest.mark.parametrize(("number", "code"), NUMBERS, ids=lambda value: str(value)[:24])
@pytest.mark.parametrize("path", ["e.json", "e.yaml"])
def test_a_number_is_read_exactly_or_not_at_all(path, number, code):
    text = f'{{"entities": [{{"type": "Thing", "id": "x", "attributes": {{"int": {number}}}}}]}}'

    with within(1):
        store, found = load_text(path, text)

    # In YAML, `-0` and `true` are words: of an Int they mean what they do in JSON.
    assert [each.code for each in found] == ([] if code is None else [code])
    if code is None:
        node = store.node(EntityRef("Thing", "x"))
        assert node is not None
        assert equal(node.attributes["int"], int(number))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_no_value(number):
    text = f'{{"entities": [{{"type": "Thing", "id": "x", "attributes": {{"int": {number}}}}}]}}'

    assert codes_of("e.json", text) == ["not_finite"]
    assert codes_of("e.yaml", text.replace("Infinity", ".inf")) == ["not_finite"]


CONTEXT = RecordType({"n": FieldType(Primitive.INT), "b": FieldType(Primitive.BOOL), "s": FieldType(Primitive.STRING)})


@pytest.mark.parametrize(
    ("data", "kinds"),
    [
        (1, ["n"]),
        (True, ["b"]),
        ("1", ["s"]),
        *((data, []) for data in (1.0, -0.0, float("nan"), float("inf"), 2.0**53 + 1, None, [], b"1")),
        *((data, []) for data in (INT_MAX + 1, INT_MIN - 1, 10**400)),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_data_of_a_request_is_of_one_kind_at_the_most(data, kinds):
    found = conform_attributes({"n": data, "b": data, "s": data}, CONTEXT, WORLD)

    assert [name for name, value in found.items() if value is not UNKNOWN] == kinds


# ------------------------------------------------------------------------------------------------------------- entities


def chain(count: int, closed: bool) -> str:
    items = [{"type": "Group", "id": f"g{n}", "in": [f'Group "g{n + 1}"']} for n in range(count - 1)]
    last = {"type": "Group", "id": f"g{count - 1}", "in": ['Group "g0"'] if closed else []}
    return json.dumps({"entities": [*items, last]})


def test_a_chain_of_a_hundred_thousand_parents_is_read():
    with within(10):
        store = store_of("e.json", chain(DEPTH, closed=False))

    assert len(store) == DEPTH


def test_a_ring_of_a_hundred_thousand_parents_is_one_error():
    with within(15):
        codes = codes_of("e.json", chain(DEPTH, closed=True))

    assert codes == ["parent_cycle"]


def test_a_million_parents_of_one_entity_are_read():
    text = json.dumps({"entities": [{"type": "Group", "id": "top"},
                                    {"type": "User", "id": "ada", "in": ['Group "top"'] * 10**6,
                                     "attributes": {"email": "a"}}]})  # fmt: skip

    with within(15):
        store = store_of("e.json", text)

    node = store.node(user("ada"))
    assert node is not None
    assert len(node.parents) == 10**6


def test_a_hundred_thousand_parents_of_one_entity_that_are_not_there_are_a_hundred_errors():
    parents = [f'Group "g{n}"' for n in range(DEPTH)]
    text = json.dumps({"entities": [{"type": "User", "id": "a", "in": parents, "attributes": {"email": "a"}}]})

    with within(15):
        codes = codes_of("e.json", text)

    assert codes == ["dangling_parent"] * 100 + ["too_many_data_errors"]


def test_a_request_does_not_bring_parents_without_end():
    def endless():
        while True:
            yield group("x")

    with within(15), pytest.raises(Mismatch) as caught:
        conform_entity(Entity("User", "ada", parents=endless()), WORLD)

    assert caught.value.code == "data_too_large"


def test_an_entity_is_not_its_own_parent():
    text = '{"entities": [{"type": "Group", "id": "g", "in": ["Group \\"g\\" until 2026-01-01"]}]}'

    assert codes_of("e.json", text) == ["self_parent"]


def test_every_cycle_is_found():
    def item(id_: str, *parents: str) -> dict[str, object]:
        return {"type": "Group", "id": id_, "in": [f'Group "{parent}"' for parent in parents]}

    items = [item("a", "b"), item("b", "a"), item("c", "d", "a"), item("d", "e"), item("e", "c"), item("f", "c")]

    assert codes_of("e.json", json.dumps({"entities": items})) == ["parent_cycle"] * 2


def test_entities_that_are_all_in_one_another_are_few_errors_and_little_work():
    count = 20_000
    items = [
        {"type": "Group", "id": f"g{n}", "in": [f'Group "g{(n + 1) % count}"', 'Group "g0"']} for n in range(count)
    ]

    with within(15):
        codes = codes_of("e.json", json.dumps({"entities": items}))

    assert set(codes) == {"self_parent", "parent_cycle", "too_many_data_errors"}
    assert len(codes) == 101


def test_a_cycle_through_two_files_is_found():
    one = Source("a.yaml", "entities:\n- {type: Group, id: a, in: ['Group \"b\"']}\n")
    other = Source("b.yaml", "entities:\n- {type: Group, id: b, in: ['Group \"a\"']}\n")

    _, found = load([one, other], WORLD)

    assert [each.code for each in found] == ["parent_cycle"]


def test_a_duplicate_does_not_hide_a_cycle():
    items = [
        {"type": "Group", "id": "a", "in": ['Group "b"']},
        {"type": "Group", "id": "b", "in": ['Group "a"']},
        {"type": "Group", "id": "b"},
    ]

    assert codes_of("e.json", json.dumps({"entities": items})) == ["parent_cycle", "entity_twice"]


@pytest.mark.parametrize(
    ("child", "parent"),
    [("User", "User"), ("User", "Project"), ("Group", "User"), ("Agent", "Group"), ("Service", "Group")],
)
def test_a_parent_of_another_type_is_refused(child, parent):
    text = json.dumps({"entities": [{"type": child, "id": "c", "in": [f'{parent} "p"']}]})

    assert "parent_of_other_type" in codes_of("e.json", text)


def test_the_only_dangling_parents_allowed_are_those_with_nothing_to_know():
    text = json.dumps({"entities": [
        {"type": "Service", "id": "s", "in": ['Project "p"'], "attributes": {"env": "dev"}},
        {"type": "Group", "id": "g", "in": ['Group "h"']},
    ]})  # fmt: skip

    assert codes_of("e.json", text) == ["dangling_parent"]


# -------------------------------------------------------------------------------------------------------------- bounds


def test_a_hundred_thousand_entities_are_read_in_three_seconds():
    groups = [{"type": "Group", "id": f"g{n}"} for n in range(100)]
    things = [
        {"type": "Thing", "id": f"t{n}", "attributes": {"string": f"s{n}", "int": n, "bool": n % 2 == 0}}
        for n in range(DEPTH)
    ]
    text = json.dumps({"entities": groups + things})

    with within(3):
        store = store_of("e.json", text)

    assert len(store) == DEPTH + 100


def test_the_memory_of_a_load_is_bounded_by_its_text():
    text = json.dumps({"entities": agents(DEPTH)})
    tracemalloc.start()

    store = store_of("e.json", text)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(store) == DEPTH
    assert peak < 50 * len(text)


def test_many_errors_in_one_entity_are_few_errors_and_little_work():
    attributes = {f"int{n}": 1 for n in range(DEPTH)}
    parents = [{"type": f"Grop{n}", "id": "x"} for n in range(DEPTH)]
    item = {"type": "Thing", "id": "x", "attributes": attributes, "in": parents, **{f"typ{n}": 1 for n in range(DEPTH)}}

    with within(10):
        codes = codes_of("e.json", json.dumps({"entities": [item]}))

    assert len(codes) == 101


def test_a_header_of_a_hundred_thousand_unknown_columns_is_few_errors_and_little_work():
    with within(10):
        codes = codes_of("User.csv", "id," + ",".join(f"emial{n}" for n in range(DEPTH)))

    assert len(codes) == 101


@pytest.mark.parametrize("path", ["e.json", "e.yaml", "User.csv"])
def test_a_hundred_errors_at_the_end_of_a_large_file_are_placed_in_one_pass(path):
    good, bad = 20_000, 200
    texts = {
        "e.json": json.dumps({"entities": [*agents(good), *({"type": "Agent", "id": n} for n in range(bad))]}),
        "e.yaml": "entities:\n" + "- {type: Agent, id: %s}\n" * good % tuple(range(good)) + "- {type: Agent}\n" * bad,
        "User.csv": "id,email\n" + "".join(f"u{n},a\n" for n in range(good)) + "".join(f"v{n},\n" for n in range(bad)),
    }

    with within(10):
        codes = codes_of(path, texts[path])

    assert len(codes) == 101


def test_a_cell_of_a_megabyte_of_quotes_and_backslashes_takes_no_quadratic_time():
    for cell in (
        '"' + '\\""' * (MEGABYTE // 3) + '"',
        '"' + '""' * (MEGABYTE // 2) + '"',
        ";" * 100_000,
        "\\" * MEGABYTE,
    ):
        with within(5):
            codes = codes_of("Thing.csv", f"id,people\nx,{cell}\n")

        assert codes


def test_words_that_no_one_means_are_not_compared_with_all_that_are_known():
    item = {"type": "x" * MEGABYTE, "id": "y" * MEGABYTE, "in": ["z" * MEGABYTE], "w" * MEGABYTE: 1}

    with within(2):
        _, found = load_text("e.json", json.dumps({"entities": [item, {**item, "type": "Group"}]}))

    assert all(len(each.message) < 200 for each in found)


@pytest.mark.parametrize("kind", KINDS)
def test_text_of_ten_megabytes_is_no_value_of_any_kind_and_found_out_at_once(kind):
    for text in ("1" * 10 * MEGABYTE, "1w" * 5 * MEGABYTE, 'User "' + "\\" * 10 * MEGABYTE, "::" * 5 * MEGABYTE):
        with within(3), pytest.raises(Mismatch):
            conform(text, KINDS[kind], WORLD)
