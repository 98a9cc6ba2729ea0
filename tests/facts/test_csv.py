import csv
import io

import pytest
from facts.worlds import WORLD, codes_of, entity_type, group, load_text, schema_of, store_of, user
from hypothesis import given
from hypothesis import strategies as st

from pdp.entities import load
from pdp.entities.csvfile import BrokenError, split
from pdp.model import Membership, Node
from pdp.source import Source
from pdp.values import Datetime, Decimal, EntityRef, EnumMember, ValueSet

FULL = '''\
type,id,in,email,level
Group,engineers,,,
Group,sre,"Group ""engineers""",,
User,ada,"Group ""engineers""; Group ""sre"" until 2026-12-24",ada@x.io,3
User,"O""Brien, no",,no,
'''


def attributes_of(header: str, row: str):
    node = store_of("Thing.csv", f"id,{header}\nx,{row}\n").node(EntityRef("Thing", "x"))
    assert node is not None
    return node.attributes


def test_a_file_is_read():
    store = store_of("entities.csv", FULL)

    parents = (Membership(group("engineers")), Membership(group("sre"), Datetime.parse("2026-12-24")))
    assert store.node(user("ada")) == Node(user("ada"), {"email": "ada@x.io", "level": 3}, parents)
    assert store.node(user('O"Brien, no')) == Node(user('O"Brien, no'), {"email": "no"})
    assert len(store) == 4


@pytest.mark.parametrize("column", ["strings", "ints", "people"])
def test_a_semicolon_alone_is_the_empty_set_and_an_empty_cell_no_set_at_all(column):
    assert attributes_of(column, ";") == {column: ValueSet([])}
    assert attributes_of(column, " ; ") == {column: ValueSet([])}
    assert attributes_of(column, "") == {}


@pytest.mark.parametrize("cell", ["a;", ";a", "a;;b", ";;"])
def test_no_text_of_a_set_is_left_empty_by_a_semicolon_too_many(cell):
    store, found = load_text("Thing.csv", f"id,strings\nx,{cell}\n")

    assert len(store) == 0
    assert [(each.code, each.message, each.span.text, each.help) for each in found] == [
        (
            "unreadable_value",
            "an element of the set is empty",
            cell,
            "remove the `;` that is too many; `;` alone is the empty set",
        )
    ]


def test_quotation_marks_do_not_keep_a_text_of_a_set_together():
    store, found = load_text("Thing.csv", 'id,strings\nx,"""a;b"""\n')

    assert len(store) == 0
    assert [(each.code, each.message, each.help) for each in found] == [
        (
            "unreadable_value",
            'the element `"a` starts with a quotation mark, which does not keep a `;` together',
            "leave out the quotation marks, or write these entities in JSON or YAML",
        )
    ]


@pytest.mark.parametrize("path", ["User.csv", "entities/User.csv", "a/b/User.entities.csv"])
def test_without_a_column_of_types_the_name_of_the_file_is_the_type(path):
    store = store_of(path, "id,email\nada,ada@x.io\n")

    assert store.node(user("ada")) is not None


def test_the_name_of_the_file_may_be_the_full_name_of_a_type():
    store = store_of("checkout.Service.csv", "id,env\napi,prod\n")

    assert store.node(EntityRef("Service", "api")) is not None


@pytest.mark.parametrize("text", ["id\n", "id", '\ufeff"id"\r\n', "\n\nid\n\n"])
def test_a_file_may_hold_no_entity(text):
    assert len(store_of("Agent.csv", text)) == 0


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_rows_end_with_any_line_break_and_the_last_with_none(line_break):
    text = line_break.join(["id", "a", "", '"b', 'c"', "d"])

    store = store_of("Agent.csv", text)

    assert {node.ref.id for node in store} == {"a", f"b{line_break}c", "d"}


@pytest.mark.parametrize(
    ("header", "row", "attributes"),
    [
        ("bool,int,string", "true,-5,no", {"bool": True, "int": -5, "string": "no"}),
        ("bool,int,string", '"true","5","1"', {"bool": True, "int": 5, "string": "1"}),
        ("bool,string", ",", {}),
        ("string", '""', {}),
        ("string", " a ", {"string": " a "}),
        ("string", "null", {"string": "null"}),
        ("decimal,env", "10.50,prod", {"decimal": Decimal(105_000), "env": EnumMember("Env", "prod")}),
        ("boss", '"User ""a;b"""', {"boss": user("a;b")}),
        ("strings", "b; a ;b", {"strings": ValueSet(["a", "b"])}),
        ("ints", "1", {"ints": ValueSet([1])}),
        ("people", '"User ""a;b"";Group ""c\\"";d"""', {"people": ValueSet([user("a;b"), group('c";d')])}),
    ],
)
def test_a_cell_means_what_its_declared_type_makes_of_it(header, row, attributes):
    assert attributes_of(header, row) == attributes


@pytest.mark.parametrize(
    ("header", "row", "code", "underlined"),
    [
        ("bool", "True", "wrong_type", "True"),
        ("bool", "1", "wrong_type", "1"),
        ("int", "1.0", "float_value", "1.0"),
        ("int", " 1", "wrong_type", " 1"),
        ("int", '"x"', "wrong_type", '"x"'),
        ("int", "9" * 5000, "number_out_of_range", "9" * 5000),
        ("int", "NaN", "not_finite", "NaN"),
        ("ints", "1;;2", "wrong_type", "1;;2"),
        ("env", "Prod", "undeclared_member", "Prod"),
        ("people", '"User ""a"', "invalid_reference", '"User ""a"'),
        ("address", "Bonn", "nested_in_csv", "address"),
        ("addresses", "Bonn", "nested_in_csv", "addresses"),
        ("strings,color", "a,b", "unknown_column", "color"),
        ("int,int", "1,2", "duplicate_key", "int"),
        ("in", '"User ""a"""', "parent_of_other_type", '"User ""a"""'),
        ("in", "engineers", "invalid_reference", "engineers"),
    ],
)
def test_a_cell_of_another_kind_is_an_error(header, row, code, underlined):
    _, found = load_text("Thing.csv", f"id,{header}\nx,{row}\n")

    assert [(each.code, each.span.text) for each in found] == [(code, underlined)]


def test_a_column_may_be_an_attribute_of_some_of_the_types():
    text = "type,id,email,env\nUser,a,a@x.io,\nService,s,,dev\nService,t,t@x.io,dev\n"

    _, found = load_text("all.csv", text)

    assert [(each.code, each.span.text) for each in found] == [("undeclared_attribute", "t@x.io")]


def test_a_column_that_is_a_record_of_some_type_is_an_error_where_a_cell_is_one():
    world = schema_of(
        entity_type("Flat", home=WORLD.entities["User"].attributes.fields["email"]),
        entity_type("Deep", home=WORLD.entities["Thing"].attributes.fields["address"]),
    )

    _, found = load_text("all.csv", "type,id,home\nFlat,a,x\nDeep,b,x\nDeep,c,\n", world)

    assert [(each.code, str(each.span)) for each in found] == [("nested_in_csv", "all.csv:3:8")]


def test_a_misspelt_column_is_one_error_for_all_rows():
    _, found = load_text("User.csv", "id,emial\na,x\nb,y\n")

    assert [(each.code, each.help) for each in found] == [("unknown_column", "did you mean `email`?")]


def test_a_row_of_another_length_is_one_error():
    _, found = load_text("User.csv", "id,email\na\nb,x,y\nc,z\n")

    assert [(each.code, each.message, each.span.text) for each in found] == [
        ("invalid_csv", "this row has 1 cell, the header has 2", "a"),
        ("invalid_csv", "this row has 3 cells, the header has 2", "b,x,y"),
    ]


def test_rows_before_a_broken_one_are_checked():
    _, found = load_text("User.csv", 'id,level\na,x\nb,"1\n')

    assert [(each.code, str(each.span)) for each in found] == [
        ("missing_attribute", "User.csv:2:1"),
        ("wrong_type", "User.csv:2:3"),
        ("invalid_csv", "User.csv:3:3"),
    ]


def test_a_row_without_a_type_or_an_id_is_an_error():
    _, found = load_text("all.csv", "type,id\n,x\nAgent,\n")

    assert [(each.code, each.message) for each in found] == [
        ("missing_key", "an entity needs a `type`"),
        ("missing_key", "an entity needs an `id`"),
    ]


def test_errors_between_files_of_different_formats_stand_in_both():
    rows = Source("User.csv", 'id,email,in\nada,a,"Group ""sre"""\nbob,b,"Group ""ops"""\n')
    text = "entities:\n- type: Group\n  id: sre\n- type: User\n  id: ada\n  attributes: {email: x}\n"
    groups = Source("e.yaml", text)

    _, found = load([rows, groups], WORLD)

    assert [(each.code, str(each.span)) for each in found] == [
        ("dangling_parent", "User.csv:3:7"),
        ("entity_twice", "e.yaml:5:7"),
    ]
    assert [str(span) for _, span in found[1].notes] == ["User.csv:2:1"]


def test_the_codes_of_a_type_that_is_not_declared():
    assert codes_of("all.csv", "type,id\nUsr,x\n") == ["undeclared_type"]


cells = st.text(st.sampled_from('ab,;"\n\r é'), max_size=5)


@given(st.lists(st.lists(cells, min_size=1, max_size=4), max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_what_the_standard_library_writes_is_read_back(rows, line_break):
    file = io.StringIO()
    csv.writer(file, lineterminator=line_break, quoting=csv.QUOTE_ALL).writerows(rows)

    found = [[cell.text for cell in row] for row in split(file.getvalue())]

    assert found == rows


@given(st.text(st.sampled_from('a,"\n\r')))
def test_text_is_split_as_the_standard_library_does_in_its_strict_mode(text):
    try:
        expected = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
        sound = True
    except csv.Error:
        expected, sound = [], False

    try:
        found = [[cell.text for cell in row] for row in split(text)]
    except BrokenError:
        # A quote within a cell that starts without one is text to the standard library, and no CSV to RFC 4180.
        assert not sound or any('"' in cell for row in expected for cell in row)
    else:
        assert sound
        assert found == expected


@given(st.text())
def test_no_text_makes_the_reader_raise(text):
    load_text("User.csv", text)
    load_text("any.csv", "type,id,in,email\n" + text)


@given(st.lists(st.sampled_from([*',";\n', "type", "id", "in", "email", "User", 'Group ""x""', "x"])))
def test_no_text_that_is_nearly_csv_makes_the_reader_raise(parts):
    store, found = load_text("User.csv", "".join(parts))

    assert len(store) == 0 or not found
    assert all(each.span is not None and each.message for each in found)
