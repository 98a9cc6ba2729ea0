import datetime
import decimal
import enum
import ipaddress
import json
from collections import UserDict
from collections.abc import Iterator, Mapping

import pytest
from facts.worlds import ADDRESS, ENV, KINDS, PEOPLE, USER, WORLD, group, user
from hypothesis import given
from hypothesis import strategies as st

from pdp.conform import Mismatch, conform, conform_attributes, conform_entity, mismatches, plain, read_ref
from pdp.model import Entity, Membership, Node
from pdp.types import WRONG, FieldType, Primitive, RecordType, SetType, Type
from pdp.values import (
    DATETIME_MAX,
    DATETIME_MIN,
    INT_MAX,
    INT_MIN,
    UNKNOWN,
    Datetime,
    Decimal,
    Duration,
    EntityRef,
    EnumMember,
    Ip,
    Record,
    ValueSet,
    equal,
)

BERLIN = datetime.timezone(datetime.timedelta(hours=1))


class Name(str):
    """Text that is more than text to Python."""


class Level(enum.IntEnum):
    HIGH = 3


class Stage(enum.StrEnum):
    PROD = "prod"


CONFORMING = [
    (True, Primitive.BOOL, True),
    (0, Primitive.INT, 0),
    (INT_MIN, Primitive.INT, INT_MIN),
    (INT_MAX, Primitive.INT, INT_MAX),
    (Level.HIGH, Primitive.INT, 3),
    ("", Primitive.STRING, ""),
    ("no", Primitive.STRING, "no"),
    ("a\0b", Primitive.STRING, "a\0b"),
    ("x" * 2**20, Primitive.STRING, "x" * 2**20),
    (Name("ada"), Primitive.STRING, "ada"),
    ("10.50", Primitive.DECIMAL, Decimal(105_000)),
    ("-922337203685477.5808", Primitive.DECIMAL, Decimal(INT_MIN)),
    (decimal.Decimal("10.5"), Primitive.DECIMAL, Decimal(105_000)),
    (decimal.Decimal("-0"), Primitive.DECIMAL, Decimal(0)),
    (decimal.Decimal("1E+3"), Primitive.DECIMAL, Decimal(10_000_000)),
    (decimal.Decimal("1.000000"), Primitive.DECIMAL, Decimal(10_000)),
    (decimal.Decimal("0E-1000000"), Primitive.DECIMAL, Decimal(0)),
    (decimal.Decimal("0E+1000000"), Primitive.DECIMAL, Decimal(0)),
    (decimal.Decimal("922337203685477.5807"), Primitive.DECIMAL, Decimal(INT_MAX)),
    (Decimal(1), Primitive.DECIMAL, Decimal(1)),
    ("2026-11-23", Primitive.DATETIME, Datetime.parse("2026-11-23T00:00:00Z")),
    ("2026-11-23T09:00:00+01:00", Primitive.DATETIME, Datetime.parse("2026-11-23T08:00:00Z")),
    (datetime.datetime(2026, 11, 23, 9, tzinfo=BERLIN), Primitive.DATETIME, Datetime.parse("2026-11-23T08:00:00Z")),
    (Datetime(5), Primitive.DATETIME, Datetime(5)),
    ("15m", Primitive.DURATION, Duration(900_000_000)),
    ("-1m5us", Primitive.DURATION, Duration(-60_000_005)),
    ("7us", Primitive.DURATION, Duration(7)),
    (datetime.timedelta(minutes=15), Primitive.DURATION, Duration(900_000_000)),
    (Duration(INT_MIN), Primitive.DURATION, Duration(INT_MIN)),
    (str(Duration(INT_MIN)), Primitive.DURATION, Duration(INT_MIN)),
    ("10.0.0.0/8", Primitive.IP, Ip.parse("10.0.0.0/8")),
    ("::ffff:10.0.0.1", Primitive.IP, Ip.parse("10.0.0.1")),
    (ipaddress.ip_address("10.0.0.1"), Primitive.IP, Ip.parse("10.0.0.1")),
    (ipaddress.ip_network("fd00::/8"), Primitive.IP, Ip.parse("fd00::/8")),
    (ipaddress.ip_address("::ffff:10.0.0.1"), Primitive.IP, Ip.parse("10.0.0.1")),
    (Ip.parse("::1"), Primitive.IP, Ip.parse("::1")),
    ("prod", ENV, EnumMember("Env", "prod")),
    (Stage.PROD, ENV, EnumMember("Env", "prod")),
    (EnumMember("Env", "dev"), ENV, EnumMember("Env", "dev")),
    (user("ada"), USER, user("ada")),
    (Entity("User", "ada"), USER, user("ada")),
    ({"type": "User", "id": "ada"}, USER, user("ada")),
    ('User "ada"', USER, user("ada")),
    ('User "a\\u{e9}\\"\\\\\\n"', USER, user('aé"\\\n')),
    ([], SetType(None), ValueSet([])),
    (["a", "a"], SetType(Primitive.STRING), ValueSet(["a"])),
    (("a",), SetType(Primitive.STRING), ValueSet(["a"])),
    ({"a"}, SetType(Primitive.STRING), ValueSet(["a"])),
    (frozenset({1}), SetType(Primitive.INT), ValueSet([1])),
    (ValueSet([1]), SetType(Primitive.INT), ValueSet([1])),
    ([["a"], []], SetType(SetType(Primitive.STRING)), ValueSet([ValueSet(["a"]), ValueSet([])])),
    ({"city": "Bonn"}, ADDRESS, Record({"city": "Bonn"})),
    (Record({"city": "Bonn", "zip": "1"}), ADDRESS, Record({"city": "Bonn", "zip": "1"})),
    (UserDict({"city": "Bonn"}), ADDRESS, Record({"city": "Bonn"})),
]


@pytest.mark.parametrize(("data", "kind", "value"), CONFORMING)
def test_data_becomes_the_value_that_it_states(data, kind, value):
    found = conform(data, kind, WORLD)

    assert equal(found, value)
    assert type(found) is type(value)


def test_a_reference_by_another_name_of_its_type_comes_back_under_the_one_used_everywhere():
    kind = KINDS["boss"].__class__(frozenset({"Service"}))

    found = conform({"type": "checkout.Service", "id": "api"}, kind, WORLD)

    assert found == EntityRef("Service", "api")


DEEP: Type = Primitive.STRING
for _ in range(70):
    DEEP = SetType(DEEP)
DEEP_DATA: object = "x"
for _ in range(70):
    DEEP_DATA = [DEEP_DATA]

NOT_CONFORMING = [
    (1, Primitive.BOOL, "wrong_type", ()),
    (0, Primitive.BOOL, "wrong_type", ()),
    ("true", Primitive.BOOL, "wrong_type", ()),
    (None, Primitive.BOOL, "null_value", ()),
    (1.0, Primitive.BOOL, "float_value", ()),
    (True, Primitive.INT, "wrong_type", ()),
    ("1", Primitive.INT, "wrong_type", ()),
    (1.0, Primitive.INT, "float_value", ()),
    (-0.0, Primitive.INT, "float_value", ()),
    (float("nan"), Primitive.INT, "not_finite", ()),
    (float("inf"), Primitive.DECIMAL, "not_finite", ()),
    (INT_MAX + 1, Primitive.INT, "number_out_of_range", ()),
    (INT_MIN - 1, Primitive.INT, "number_out_of_range", ()),
    (10**400, Primitive.INT, "number_out_of_range", ()),
    (2.0**53 + 1, Primitive.INT, "float_value", ()),
    (b"a", Primitive.STRING, "wrong_type", ()),
    (1, Primitive.STRING, "wrong_type", ()),
    ("\ud800", Primitive.STRING, "half_character", ()),
    ("x" * (2**20 + 1), Primitive.STRING, "data_too_large", ()),
    (10, Primitive.DECIMAL, "wrong_type", ()),
    (10.5, Primitive.DECIMAL, "float_value", ()),
    ("10", Primitive.DECIMAL, "unreadable_value", ()),
    ("1.00000", Primitive.DECIMAL, "unreadable_value", ()),
    ("٣.٣", Primitive.DECIMAL, "unreadable_value", ()),
    ("9" * 70 + ".0", Primitive.DECIMAL, "unreadable_value", ()),
    (decimal.Decimal("0.00001"), Primitive.DECIMAL, "unreadable_value", ()),
    (decimal.Decimal("1E-1000000"), Primitive.DECIMAL, "unreadable_value", ()),
    (decimal.Decimal("1E+1000000"), Primitive.DECIMAL, "number_out_of_range", ()),
    (decimal.Decimal("922337203685477.5808"), Primitive.DECIMAL, "number_out_of_range", ()),
    (decimal.Decimal("NaN"), Primitive.DECIMAL, "not_finite", ()),
    (decimal.Decimal("-Infinity"), Primitive.DECIMAL, "not_finite", ()),
    (Decimal(INT_MAX + 1), Primitive.DECIMAL, "number_out_of_range", ()),
    ("2026-11-23T09:00:00", Primitive.DATETIME, "unreadable_value", ()),
    ("2026-02-30", Primitive.DATETIME, "unreadable_value", ()),
    ("0001-01-01T00:00:00+10:00", Primitive.DATETIME, "unreadable_value", ()),
    (datetime.datetime(2026, 11, 23), Primitive.DATETIME, "unreadable_value", ()),
    (datetime.date(2026, 11, 23), Primitive.DATETIME, "wrong_type", ()),
    (1_700_000_000, Primitive.DATETIME, "wrong_type", ()),
    (
        datetime.datetime.max.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=-1))),
        Primitive.DATETIME,
        "unreadable_value",
        (),
    ),
    (Datetime(DATETIME_MAX + 1), Primitive.DATETIME, "unreadable_value", ()),
    ("", Primitive.DURATION, "unreadable_value", ()),
    ("-", Primitive.DURATION, "unreadable_value", ()),
    ("15 m", Primitive.DURATION, "unreadable_value", ()),
    ("9223372036854775808us", Primitive.DURATION, "unreadable_value", ()),
    (datetime.timedelta.max, Primitive.DURATION, "number_out_of_range", ()),
    (Duration(INT_MIN - 1), Primitive.DURATION, "number_out_of_range", ()),
    ("10.1.2.3/8", Primitive.IP, "unreadable_value", ()),
    ("fe80::1%eth0", Primitive.IP, "unreadable_value", ()),
    (ipaddress.ip_address("fe80::1%eth0"), Primitive.IP, "unreadable_value", ()),
    (ipaddress.ip_interface("10.0.0.0/8"), Primitive.IP, "wrong_type", ()),
    ("010.0.0.1", Primitive.IP, "unreadable_value", ()),
    (167772161, Primitive.IP, "wrong_type", ()),
    ("Prod", ENV, "undeclared_member", ()),
    ("", ENV, "undeclared_member", ()),
    (2, ENV, "wrong_type", ()),
    (EnumMember("Other", "prod"), ENV, "wrong_type", ()),
    (EnumMember("Env", "Prod"), ENV, "undeclared_member", ()),
    (group("x"), USER, "wrong_type", ()),
    (EntityRef("Usr", "x"), USER, "undeclared_type", ("type",)),
    (EntityRef("User", ""), USER, "invalid_id", ("id",)),
    (EntityRef("User", "x" * 4097), USER, "invalid_id", ("id",)),
    (EntityRef("User", 7), USER, "wrong_type", ("id",)),
    (EntityRef(["User"], "x"), USER, "wrong_type", ("type",)),
    (EntityRef("User", "a\u202eb"), USER, "bidi_in_id", ("id",)),
    (EntityRef("User", "a\0b"), USER, "nul_character", ("id",)),
    (EntityRef("User", "\udfff"), USER, "half_character", ("id",)),
    ("ada", USER, "invalid_reference", ()),
    ("User:ada", USER, "invalid_reference", ()),
    ('User "ada" ', USER, "invalid_reference", ()),
    ('User "a\nb"', USER, "invalid_reference", ()),
    ('User "a\\qb"', USER, "invalid_reference", ()),
    ('User "\\u{d800}"', USER, "invalid_reference", ()),
    ('User "\\u{110000}"', USER, "invalid_reference", ()),
    ('User "\\u{202e}"', USER, "bidi_in_id", ()),
    ({"type": "User"}, USER, "missing_key", ()),
    ({"type": "User", "id": "ada", "name": "x"}, USER, "unknown_key", ("name",)),
    ({"type": "User", "id": None}, USER, "null_value", ("id",)),
    (7, USER, "wrong_type", ()),
    ("a", SetType(Primitive.STRING), "wrong_type", ()),
    ({"a": 1}, SetType(Primitive.STRING), "wrong_type", ()),
    (iter(["a"]), SetType(Primitive.STRING), "wrong_type", ()),
    (["a", 1], SetType(Primitive.STRING), "wrong_type", (1,)),
    ([["a", None]], SetType(SetType(Primitive.STRING)), "null_value", (0, 1)),
    ([1], SetType(None), "wrong_type", ()),
    (list(range(100_001)), SetType(Primitive.INT), "data_too_large", ()),
    ([], ADDRESS, "wrong_type", ()),
    ({}, ADDRESS, "missing_attribute", ()),
    ({"city": 1}, ADDRESS, "wrong_type", ("city",)),
    ({"city": "Bonn", "zap": 1}, ADDRESS, "undeclared_attribute", ("zap",)),
    ({"city": "Bonn", 1: 1}, ADDRESS, "wrong_type", ()),
    ({"city": "Bonn", "zip": None}, ADDRESS, "null_value", ("zip",)),
    (DEEP_DATA, DEEP, "data_too_deep", (0,) * 64),
    ("x", WRONG, "wrong_type", ()),
]


@pytest.mark.parametrize(("data", "kind", "code", "path"), NOT_CONFORMING)
def test_data_of_another_kind_is_a_mismatch_that_says_where(data, kind, code, path):
    with pytest.raises(Mismatch) as caught:
        conform(data, kind, WORLD)

    assert (caught.value.code, caught.value.path) == (code, path)
    assert caught.value.message
    assert str(caught.value).isprintable()


def test_a_mismatch_reads_as_a_sentence_with_its_place():
    kind = RecordType({"homes": FieldType(SetType(ADDRESS))})

    with pytest.raises(Mismatch) as caught:
        conform({"homes": [{"city": "Bonn"}, {"city": 1}]}, kind, WORLD)

    assert str(caught.value) == (
        "`homes[1].city`: expected `String`, found the number `1` (help: a String is text in quotes)"
    )


# Only `conform` counts levels.
SHALLOW = [case for case in NOT_CONFORMING if case[2] != "data_too_deep"]


@pytest.mark.parametrize(("data", "kind", "code", "path"), SHALLOW)
def test_all_mismatches_hold_the_one_that_is_found_first(data, kind, code, path):
    found = {(each.code, each.path) for each in mismatches(data, kind, WORLD)}

    assert (code, path) in found


def test_all_mismatches_are_found_at_once():
    kind = RecordType({"a": FieldType(SetType(Primitive.INT)), "b": FieldType(ADDRESS)})

    found = list(mismatches({"a": [1, "2", None], "b": {"town": "x"}, "c": 1}, kind, WORLD))

    assert [(each.code, each.path) for each in found] == [
        ("wrong_type", ("a", 1)),
        ("null_value", ("a", 2)),
        ("undeclared_attribute", ("b", "town")),
        ("missing_attribute", ("b",)),
        ("undeclared_attribute", ("c",)),
    ]


def test_a_misspelt_attribute_is_one_mismatch_and_not_also_a_missing_one():
    found = list(mismatches({"citty": "Bonn"}, ADDRESS, WORLD))

    assert [(each.code, each.help) for each in found] == [("undeclared_attribute", "did you mean `city`?")]


# ------------------------------------------------------------------------------------------------ round trip and fuzz

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
ids = names.filter(lambda text: not set(text) & set("\0\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))
i64 = st.integers(INT_MIN, INT_MAX)


@st.composite
def ips(draw):
    version = draw(st.sampled_from([4, 6]))
    width = 32 if version == 4 else 128
    size = draw(st.integers(0, width))
    first = draw(st.integers(0, 2**width - 1)) >> size << size
    return Ip.parse(str(Ip(version, first, first + 2**size - 1)))


VALUES = {
    "bool": st.booleans(),
    "int": i64,
    "string": st.text(st.characters(exclude_categories=["Cs"])),
    "decimal": i64.map(Decimal),
    "datetime": st.integers(DATETIME_MIN, DATETIME_MAX).map(Datetime),
    "duration": i64.map(Duration),
    "ip": ips(),
    "env": st.sampled_from(ENV.members).map(lambda name: EnumMember("Env", name)),
    "boss": ids.map(user),
    "strings": st.lists(st.text(st.characters(exclude_categories=["Cs"]))).map(ValueSet),
    "ints": st.lists(i64).map(ValueSet),
    "people": st.lists(ids.map(user) | ids.map(group)).map(ValueSet),
    "address": names.map(lambda city: Record({"city": city})),
    "addresses": st.lists(names.map(lambda city: Record({"city": city, "zip": city}))).map(ValueSet),
}


@pytest.mark.parametrize("kind", VALUES)
def test_plain_data_of_a_value_conforms_to_it_again_through_json(kind):
    @given(VALUES[kind])
    def check(value):
        data = json.loads(json.dumps(plain(value)))

        assert equal(conform(data, KINDS[kind], WORLD), value)
        assert equal(conform(value, KINDS[kind], WORLD), value)

    check()


def test_plain_data_of_a_set_is_in_a_fixed_order():
    assert plain(ValueSet([3, 1, 2])) == plain(ValueSet([2, 3, 1])) == [1, 2, 3]


data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=3),
    max_leaves=8,
)


@given(data, st.sampled_from(list(KINDS.values())))
def test_any_data_conforms_or_is_a_mismatch_and_the_same_to_both_readers(given_data, kind):
    try:
        conform(given_data, kind, WORLD)
        first = None
    except Mismatch as wrong:
        first = wrong

    every = list(mismatches(given_data, kind, WORLD))

    assert bool(every) == (first is not None)


# ------------------------------------------------------------------------------------------------ what requests bring

CONTEXT = RecordType({"change": FieldType(Primitive.STRING), "ip": FieldType(Primitive.IP), "at": FieldType(ADDRESS)})


def test_each_attribute_of_a_request_is_read_on_its_own():
    found = conform_attributes({"change": "c1", "ip": "nowhere", "at": {"city": "Bonn"}}, CONTEXT, WORLD)

    assert found == {"change": "c1", "ip": UNKNOWN, "at": Record({"city": "Bonn"})}


def test_what_is_wrong_within_an_attribute_makes_all_of_it_unknown():
    found = conform_attributes({"at": {"city": "Bonn", "zip": 1}}, CONTEXT, WORLD)

    assert found == {"at": UNKNOWN}


def test_an_undeclared_attribute_of_a_request_is_left_out():
    found = conform_attributes({"change": "c1", "color": "red", 1: 2}, CONTEXT, WORLD)

    assert found == {"change": "c1"}


def test_null_in_a_request_is_unknown_and_not_absent():
    found = conform_attributes({"change": None}, CONTEXT, WORLD)

    assert found == {"change": UNKNOWN}


def test_what_the_caller_changes_later_changes_nothing():
    tags = ["a"]
    given_data = {"tags": tags, "at": {"city": "Bonn"}}
    kind = RecordType({"tags": FieldType(SetType(Primitive.STRING)), "at": FieldType(ADDRESS)})

    found = conform_attributes(given_data, kind, WORLD)
    tags.append("b")
    given_data["at"]["city"] = "Rome"
    del given_data["tags"]

    assert found == {"tags": ValueSet(["a"]), "at": Record({"city": "Bonn"})}


class Lazy(Mapping[str, object]):
    """A mapping whose source is gone."""

    def __getitem__(self, name: str) -> object:
        raise OSError("gone")

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        raise OSError("gone")

    def __len__(self) -> int:
        return 1


def test_a_mapping_that_fails_makes_its_attributes_unknown():
    found = conform_attributes(Lazy(), CONTEXT, WORLD)

    assert found == {"change": UNKNOWN, "ip": UNKNOWN, "at": UNKNOWN}


@pytest.mark.parametrize("given_data", [None, [], "x", [("change", "c1")]])
def test_attributes_that_are_no_mapping_are_a_mismatch(given_data):
    with pytest.raises(Mismatch):
        conform_attributes(given_data, CONTEXT, WORLD)


def test_an_entity_of_a_request_becomes_a_node():
    until = datetime.datetime(2026, 12, 24, tzinfo=BERLIN)
    parents = (parent for parent in [group("sre"), Membership(group("dev"), until), group("sre")])

    node = conform_entity(Entity("User", "ada", {"email": "ada@x.io", "level": "high"}, parents), WORLD)

    memberships = (Membership(group("sre")), Membership(group("dev"), Datetime.parse("2026-12-23T23:00:00Z")))
    assert node == Node(user("ada"), {"email": "ada@x.io", "level": UNKNOWN}, memberships)


def test_an_entity_of_a_request_may_lack_what_is_required():
    node = conform_entity(Entity("User", "ada"), WORLD)

    assert node == Node(user("ada"), {})


@pytest.mark.parametrize(
    ("entity", "code", "path"),
    [
        (Entity("Usr", "ada"), "undeclared_type", ("type",)),
        (Entity("User", ""), "invalid_id", ("id",)),
        (Entity("User", 5), "wrong_type", ("id",)),
        (Entity("User", "a", None), "null_value", ("attributes",)),
        (Entity("User", "a", parents=[EntityRef("Project", "x")]), "parent_of_other_type", ("parents", 0)),
        (Entity("User", "a", parents=[group("x"), user("b")]), "parent_of_other_type", ("parents", 1)),
        (Entity("Agent", "a", parents=[group("x")]), "parent_of_other_type", ("parents", 0)),
        (Entity("User", "a", parents=["x"]), "wrong_type", ("parents", 0)),
        (Entity("User", "a", parents='Group "x"'), "wrong_type", ("parents",)),
        (Entity("User", "a", parents=None), "null_value", ("parents",)),
        (Entity("User", "a", parents=[Membership("x")]), "wrong_type", ("parents", 0)),
        (Entity("User", "a", parents=[Membership(group("x"), "2026-01-01")]), "wrong_type", ("parents", 0)),
        (
            Entity("User", "a", parents=[Membership(group("x"), datetime.datetime(2026, 1, 1))]),
            "unreadable_value",
            ("parents", 0),
        ),
    ],
)
def test_an_entity_that_cannot_be_in_the_declared_world_is_a_mismatch(entity, code, path):
    with pytest.raises(Mismatch) as caught:
        conform_entity(entity, WORLD)

    assert (caught.value.code, caught.value.path) == (code, path)


# -------------------------------------------------------------------------------------------------------- references


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("User:ada", user("ada")),
        ("User:a:b", user("a:b")),
        ("User: ada", user(" ada")),
        ('User "ada"', user("ada")),
        ('User"ada"', user("ada")),
        ('User:"ada"', user('"ada"')),
        ('User "\\u{e9}\\t"', user("é\t")),
        ("checkout.Service:api", EntityRef("checkout.Service", "api")),
        ('checkout.Service "api"', EntityRef("checkout.Service", "api")),
        ("User:line\nbreak", user("line\nbreak")),
    ],
)
def test_a_reference_is_read_in_both_spellings(text, ref):
    assert read_ref(text) == ref


def test_a_reference_is_read_back_as_it_is_written():
    @given(ids)
    def check(id_):
        assert read_ref(str(user(id_))) == user(id_)
        assert read_ref(f"User:{id_}") == user(id_)

    check()


def test_a_reference_read_with_a_schema_has_the_name_used_everywhere():
    assert read_ref("checkout.Service:api", WORLD) == EntityRef("Service", "api")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ada", '`ada` names no entity: write `Type "id"` or `Type:id`'),
        ("", '`` names no entity: write `Type "id"` or `Type:id`'),
        ("User:", "`User:`: the id is empty (help: an id is any text of 1 to 4096 characters)"),
        ("9:x", '`9:x` names no entity: write `Type "id"` or `Type:id`'),
        ("Usr:ada", "`Usr:ada`: there is no entity type `Usr` (help: did you mean `User`?)"),
        ('User "\\x"', '`User "\\x"`: there is no escape `\\x` (help: the escapes are '),
        ("User:a\u202eb", "`User:a\\u{202e}b`: an id cannot hold U+202E, "),
    ],
)
def test_what_names_no_entity_says_how_to_write_one(text, said):
    with pytest.raises(ValueError) as caught:
        read_ref(text, WORLD)

    assert str(caught.value).startswith(said)


def test_the_kinds_of_this_test_are_all_there_are():
    covered = {type(kind) for kind in KINDS.values()} | {type(WRONG)}

    assert covered == set(Type.__args__)
    assert set(VALUES) == set(KINDS)
    assert {kind for kind in KINDS.values() if isinstance(kind, Primitive)} == set(Primitive)
    assert PEOPLE.names > USER.names
