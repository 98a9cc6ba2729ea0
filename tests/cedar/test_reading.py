"""Plain data in Cedar's JSON into values: the tables say what Cedar's own engine does, or that they do not."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum, StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdp.cedar.reading import context_reader, read_context, read_value
from pdp.cedar.spelling import spelled
from pdp.cedar.untyped import MAX_VALUES
from pdp.conform import Mismatch
from pdp.extensions import parse_datetime, parse_decimal, parse_duration, parse_ip
from pdp.schema import Action, EntityType, Schema
from pdp.types import EntityTypes, FieldType, Primitive, RecordType, SetType, Type
from pdp.values import (
    INT_MAX,
    INT_MIN,
    MAX_SET,
    MAX_STRING,
    Datetime,
    Decimal,
    Duration,
    EntityRef,
    Ip,
    Record,
    Value,
    ValueSet,
)

NOTHING = RecordType({})
ACTION = Action(
    name="view",
    principals=frozenset(),
    resources=frozenset(),
    context=NOTHING,
    session=NOTHING,
    ref=EntityRef("Action", "view"),
    parents=(EntityRef("Action", "reads"),),
)
WORLD = Schema(
    entities={
        "U": EntityType(name="U", parents=frozenset(), attributes=NOTHING),
        "N::T": EntityType(name="N::T", parents=frozenset(), attributes=NOTHING),
        "E": EntityType(name="E", parents=frozenset(), attributes=NOTHING, ids=frozenset({"a", "b"})),
    },
    enums={},
    actions={"view": ACTION},
    groups={},
    roles={},
    obligations={},
)
USER = EntityTypes(frozenset({"U"}))
TIGHT = RecordType({"a": FieldType(Primitive.INT), "b": FieldType(Primitive.STRING, optional=True)})
IP, DECIMAL, DATETIME, DURATION = Primitive.IP, Primitive.DECIMAL, Primitive.DATETIME, Primitive.DURATION


def extension(name: str, *arguments: object) -> dict[str, object]:
    return {"__extn": {"fn": name, "arg": arguments[0]} if len(arguments) == 1 else {"fn": name, "args": [*arguments]}}


def reference(kind: str, id_: str) -> dict[str, object]:
    return {"__entity": {"type": kind, "id": id_}}


@pytest.mark.parametrize(
    ("kind", "data", "value"),
    [
        (Primitive.BOOL, True, True),
        (Primitive.INT, INT_MIN, INT_MIN),
        (Primitive.STRING, "\x00é", "\x00é"),
        (IP, "10.0.0.1", parse_ip("10.0.0.1")),
        (IP, extension("ip", "10.0.0.1"), parse_ip("10.0.0.1")),
        (IP, {"fn": "ip", "arg": "10.0.0.1"}, parse_ip("10.0.0.1")),
        (IP, {"fn": "ip", "args": ["10.0.0.1"]}, parse_ip("10.0.0.1")),
        (DECIMAL, "1.0", Decimal(10_000)),
        (DATETIME, "2024-01-01", parse_datetime("2024-01-01")),
        (DURATION, {"fn": "duration", "arg": "1h"}, parse_duration("1h")),
        (DATETIME, extension("offset", "2024-01-01", "1h"), parse_datetime("2024-01-01T01:00:00Z")),
        (DURATION, extension("toTime", extension("datetime", "1970-01-01")), Duration(0)),
        (USER, reference("U", "a"), EntityRef("U", "a")),
        (USER, {"type": "U", "id": ""}, EntityRef("U", "")),
        (EntityTypes(frozenset({"N::T"})), {"type": "N::T", "id": "\x00 \u202e"}, EntityRef("N::T", "\x00 \u202e")),
        (EntityTypes(frozenset({"E"})), {"type": "E", "id": "b"}, EntityRef("E", "b")),
        (EntityTypes(frozenset({"Action"})), {"type": "Action", "id": "reads"}, EntityRef("Action", "reads")),
        (SetType(IP), ["::1"], ValueSet([parse_ip("::1")])),
        (SetType(Primitive.INT), [1, 1, 2], ValueSet([1, 2])),
        (SetType(Primitive.INT), [], ValueSet([])),
        (TIGHT, {"a": 1}, Record({"a": 1})),
        (TIGHT, {"a": 1, "b": "x"}, Record({"a": 1, "b": "x"})),
        (RecordType({"__extn": FieldType(Primitive.STRING)}), {"__extn": "a"}, Record({"__extn": "a"})),
        (RecordType({"type": FieldType(Primitive.STRING)}), {"type": "U"}, Record({"type": "U"})),
    ],
)
def test_data_of_a_type_is_read(kind: Type, data: object, value: Value) -> None:
    assert read_value(data, kind, WORLD) == value


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        (Primitive.BOOL, 1, "expected `Bool`, found the number `1`"),
        (Primitive.INT, True, "expected `Long`, found `true`"),
        (Primitive.INT, "1", 'expected `Long`, found the string `"1"`'),
        (Primitive.INT, INT_MAX + 1, "the number does not fit in 64 bits"),
        (Primitive.INT, 1.0, "a number with a fraction or an exponent is not a value"),
        (Primitive.INT, math.nan, "NaN and Infinity are not values"),
        (Primitive.STRING, None, "null is not a value"),
        (Primitive.STRING, "\ud800", "U+D800 is half of a surrogate pair, not a character"),
        (Primitive.STRING, "x" * (MAX_STRING + 1), "a string has at most 1048576 characters, this one has 1048577"),
        (Primitive.STRING, extension("ip", "::1"), "expected `String`, found a record"),
        (IP, "x", "`x` is not an ipaddr: this is not an IP address"),
        (IP, extension("decimal", "1.0"), "expected `ipaddr`, found the Decimal `1.0`"),
        (IP, extension("ip", 1), "expected `String`, found the number `1`"),
        (IP, extension("nope", "1"), "there is no function `nope` for values in data"),
        (IP, {"fn": "ip"}, "expected `ipaddr`, found a record"),
        (IP, extension("ip", "::1", "::1"), "the function `ip` takes 1 argument"),
        (IP, {"__expr": 'ip("1.2.3.4")'}, "expected `ipaddr`, found a record"),
        (DECIMAL, 1, "expected `decimal`, found the number `1`"),
        (DATETIME, extension("offset", "2024-01-01"), "the function `offset` takes 2 arguments"),
        (DATETIME, extension("offset", "2024-01-01", "9223372036854775807ms"), "`offset` cannot be computed of these"),
        (USER, 'U::"a"', 'expected `U`, found the string `"U::\\"a\\""`'),
        (USER, {"type": "N::T", "id": "a"}, 'expected `U`, found `N::T::"a"`'),
        (USER, {"type": "U ", "id": "a"}, "`U ` is no entity type"),
        (USER, {"type": "U", "id": 1}, "expected `String`, found the number `1`"),
        (USER, {"type": "U"}, "the name of an entity needs `id`"),
        (USER, {"__entity": "a"}, 'expected an entity, found the string `"a"`'),
        (EntityTypes(frozenset({"E"})), {"type": "E", "id": "c"}, '`E::"c"` is not declared'),
        (EntityTypes(frozenset({"Action"})), {"type": "Action", "id": "c"}, '`Action::"c"` is not declared'),
        (SetType(Primitive.INT), [1, "a"], 'expected `Long`, found the string `"a"`'),
        (SetType(Primitive.INT), 1, "expected `Set<Long>`, found the number `1`"),
        (SetType(Primitive.INT), range(3), "expected `Set<Long>`, found something that is not data"),
        (SetType(Primitive.INT), [0] * (MAX_SET + 1), "a set has at most 100000 elements, this one has 100001"),
        (SetType(USER), EntityRef("U", "a"), 'expected `Set<U>`, found `U::"a"`'),
        (TIGHT, {"a": 1, "c": 1}, "there is no attribute `c` here"),
        (TIGHT, {}, "the attribute `a` is missing"),
        (TIGHT, {"a": 1, "b": None}, "null is not a value"),
        (TIGHT, [], "expected `{a: Long, b?: String}`, found a list"),
        # Cedar's engine passes over such a key; nobody can tell what it was for.
        (USER, {"type": "U", "id": "a", "z": 1}, "`z` means nothing here"),
        (USER, {"__entity": {"type": "U", "id": "a", "z": 1}}, "`z` means nothing here"),
        (USER, {"__entity": {"type": "U", "id": "a"}, "z": 1}, "`z` means nothing here"),
        (IP, {"fn": "ip", "arg": "::1", "z": 1}, "`z` means nothing here"),
    ],
)
def test_data_of_another_type_is_refused(kind: Type, data: object, message: str) -> None:
    with pytest.raises(Mismatch) as caught:
        read_value(data, kind, WORLD)

    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (True, True),
        (1, 1),
        ("::1", "::1"),
        ([1, True, "a", [1], {"a": 1}], ValueSet([1, True, "a", ValueSet([1]), Record({"a": 1})])),
        (reference("Anything::At_all", "a"), EntityRef("Anything::At_all", "a")),
        (extension("decimal", "1.5"), parse_decimal("1.5")),
        (extension("offset", extension("datetime", "1970-01-01"), extension("duration", "-1ms")), Datetime(-1000)),
        ({"type": "U", "id": "a"}, Record({"type": "U", "id": "a"})),
        ({"fn": "ip", "arg": "::1"}, Record({"fn": "ip", "arg": "::1"})),
        ({"__entity": "a", "z": 1}, Record({"__entity": "a", "z": 1})),
        ({"": 1, "a b": 2}, Record({"": 1, "a b": 2})),
    ],
)
def test_data_without_a_type_says_itself_what_it_is(data: object, value: Value) -> None:
    assert read_value(data, None, WORLD) == value


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "null is not a value"),
        (1.0, "a number with a fraction or an exponent is not a value"),
        ({"a": [None]}, "null is not a value"),
        ({"a\ud800": 1}, "U+D800 is half of a surrogate pair, not a character"),
        ({1: 1}, "expected `String`, found the number `1`"),
        (2**63, "the number does not fit in 64 bits"),
        (object(), "something that is not data is not a value"),
        (extension("nope", "a"), "there is no function `nope` for values in data"),
        (extension("offset", "2024-01-01", "1h"), "`offset` cannot be computed of these arguments"),
        (extension("ip", "a"), "`a` is not an ipaddr: this is not an IP address"),
        (reference("A\n", "a"), "`A\\u{a}` is no entity type"),
        ({"__expr": "1"}, "Cedar reads no expressions from data any more"),
        *(
            (reference(kind, "a"), f"`{kind}` is no entity type")
            for kind in ("", "if", "U::in", "__cedar", "__cedar::A", "::A", "1", "é", "a-b", "A ", "A :: B")
        ),
        # Cedar's engine takes these for records, though they can only be slips.
        ({"__entity": "a"}, 'expected an entity, found the string `"a"`'),
        ({"__entity": {"type": "U"}}, "the name of an entity needs `id`"),
        ({"__extn": "a"}, "this names no function and its argument"),
        ({"__expr": 1}, "Cedar reads no expressions from data any more"),
    ],
)
def test_data_that_is_no_value_is_refused(data: object, message: str) -> None:
    with pytest.raises(Mismatch) as caught:
        read_value(data, None, WORLD)

    assert caught.value.message == message


def test_a_mismatch_says_where_and_what_would_help() -> None:
    kind = RecordType({"inner": FieldType(SetType(TIGHT))})

    with pytest.raises(Mismatch) as caught:
        read_context({"inner": [{"a": 1}, {"a": 1, "clearance": "x"}]}, kind, WORLD)

    assert caught.value.path == ("inner", 1, "clearance")
    assert caught.value.code == "undeclared_attribute"
    assert caught.value.message == "there is no attribute `clearance` here"
    assert caught.value.help == "declared are `a`, `b`"


def test_a_missing_attribute_says_what_it_is() -> None:
    with pytest.raises(Mismatch) as caught:
        read_context(None, TIGHT, WORLD)

    assert (
        str(caught.value) == "the attribute `a` is missing (help: it is a `Long`; `a?` in the schema makes it optional)"
    )


def test_types_are_spelled_as_schemas_of_cedar_write_them() -> None:
    kind = RecordType({"a": FieldType(SetType(IP)), "b": FieldType(USER, optional=True)})

    assert spelled(kind) == "{a: Set<ipaddr>, b?: U}"


# ----------------------------------------------------------------------------------------------------------- context


def test_a_context_is_a_dict_of_values() -> None:
    assert read_context({"a": 1}, TIGHT, WORLD) == {"a": 1}
    assert read_context({"x": extension("ip", "::1")}, None, WORLD) == {"x": parse_ip("::1")}
    assert read_context(None, None, WORLD) == {}


NO_RECORD = r"expected `\{|no attribute `__"


@pytest.mark.parametrize("given", [[], "a", 1, reference("U", "a"), extension("ip", "::1")])
def test_a_context_that_is_no_record_is_refused(given: Any) -> None:
    with pytest.raises(Mismatch, match=NO_RECORD):
        read_context(given, None, WORLD)
    with pytest.raises(Mismatch, match=NO_RECORD):
        read_context(given, TIGHT, WORLD)


def test_a_context_reader_keeps_nothing_of_one_context_for_the_next() -> None:
    read = context_reader(TIGHT, WORLD)

    first, second = read({"a": 1, "b": "x"}), read({"a": 2})

    assert (first, second) == ({"a": 1, "b": "x"}, {"a": 2})


# ------------------------------------------------------------------------------------------------- values of Python


class Lying(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "another"

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1


class Masked:
    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return str


class Changing(dict[str, object]):
    def __getitem__(self, key: str) -> object:
        return 2

    def items(self) -> Any:
        return [("a", 3)]


class Raising(Mapping[str, object]):
    def __getitem__(self, key: str) -> object:
        raise MemoryError

    def __iter__(self) -> Iterator[str]:
        raise RecursionError

    def __len__(self) -> int:
        return 1


class Color(StrEnum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


def test_subclasses_become_what_they_hold() -> None:
    text = read_value(Lying("mine"), Primitive.STRING, WORLD)
    record = read_value(Changing(a=1), TIGHT, WORLD)

    assert type(text) is str and text == "mine"
    assert record == Record({"a": 1})
    assert type(read_value(Color.RED, None, WORLD)) is str
    assert type(read_value(Level.LOW, None, WORLD)) is int
    assert type(read_value([Lying("mine")], SetType(Primitive.STRING), WORLD)) is ValueSet
    assert [type(name) for name in read_context({Lying("a"): 1}, None, WORLD)] == [str]


@pytest.mark.parametrize("kind", [None, TIGHT, USER, IP, Primitive.STRING, Primitive.INT, SetType(Primitive.INT)])
@pytest.mark.parametrize("make", [Masked, Raising, object, lambda: len, lambda: type, bytes, complex, bytearray])
def test_what_is_no_data_is_a_mismatch_whatever_it_does(make: Callable[[], object], kind: Type | None) -> None:
    with pytest.raises(Mismatch):
        read_value(make(), kind, WORLD)


BERLIN = datetime.timezone(datetime.timedelta(hours=1))


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        (USER, EntityRef("U", "a"), EntityRef("U", "a")),
        (DECIMAL, Decimal(1), Decimal(1)),
        (DURATION, Duration(1000), Duration(1000)),
        (DATETIME, Datetime(INT_MIN * 1000), Datetime(INT_MIN * 1000)),
        (IP, parse_ip("10.1.0.0/8"), parse_ip("10.1.0.0/8")),
        (SetType(Primitive.INT), ValueSet([1]), ValueSet([1])),
        (SetType(Primitive.INT), {1}, ValueSet([1])),
        (SetType(Primitive.INT), frozenset({1}), ValueSet([1])),
        (SetType(Primitive.INT), (1,), ValueSet([1])),
        (TIGHT, Record({"a": 1}), Record({"a": 1})),
        (DATETIME, datetime.datetime(1970, 1, 1, 1, 0, 0, 1999, tzinfo=BERLIN), Datetime(1000)),
    ],
)
def test_values_of_pdp_and_of_python_are_taken_with_a_type_and_without(kind: Type, given: object, value: Value) -> None:
    assert read_value(given, kind, WORLD) == value
    assert read_value(given, None, WORLD) == value


@pytest.mark.parametrize(
    "given",
    [
        EntityRef("a b", "a"),
        EntityRef("U", "\ud800"),
        EntityRef("U", 1),  # type: ignore[arg-type]
        ("U", "a"),
        Datetime(1),
        Datetime(1000 * (INT_MAX + 1)),
        Duration("a"),  # type: ignore[arg-type]
        Decimal(INT_MAX + 1),
        Decimal(True),
        datetime.datetime(1970, 1, 1),
        datetime.date(1970, 1, 1),
        ValueSet([1.5]),  # type: ignore[list-item]
        Record({"a": None}),  # type: ignore[dict-item]
    ],
)
def test_values_of_pdp_that_do_not_hold_up_are_refused(given: object) -> None:
    for kind in (USER, DATETIME, DURATION, DECIMAL, SetType(Primitive.INT), TIGHT):
        with pytest.raises(Mismatch):
            read_value(given, kind, WORLD)
    if not isinstance(given, tuple) or isinstance(given, EntityRef):
        with pytest.raises(Mismatch):
            read_value(given, None, WORLD)


# ----------------------------------------------------------------------------------------------------------- bounds


def nested(depth: int) -> object:
    found: object = 1
    for _ in range(depth):
        found = [found]
    return found


def test_data_is_as_deep_as_elsewhere() -> None:
    read_value(nested(63), None, WORLD)

    with pytest.raises(Mismatch, match="at most 64 levels"):
        read_value(nested(64), None, WORLD)
    with pytest.raises(Mismatch, match="at most 64 levels"):
        read_value(nested(100_000), None, WORLD)


def test_functions_in_data_are_no_deeper_than_data() -> None:
    found: object = extension("datetime", "1970-01-01")
    for _ in range(2_000):
        found = extension("toDate", found)

    for kind in (None, DATETIME):
        with pytest.raises(Mismatch):
            read_value(found, kind, WORLD)


def test_lists_that_hold_one_another_again_and_again_are_not_followed_forever() -> None:
    shared: list[object] = [1, 2]
    kind: Type = SetType(Primitive.INT)
    for _ in range(60):
        shared, kind = [shared, shared], SetType(kind)

    for each in (None, kind):
        with pytest.raises(Mismatch, match=f"at most {MAX_VALUES} values"):
            read_value(shared, each, WORLD)


def test_a_list_that_holds_itself_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)

    with pytest.raises(Mismatch):
        read_value(loop, None, WORLD)


# --------------------------------------------------------------------------------------------------------- properties


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
SCALARS = st.one_of(
    st.booleans(),
    st.integers(INT_MIN, INT_MAX),
    TEXTS,
    st.builds(EntityRef, st.sampled_from(["U", "N::T"]), TEXTS),
    st.integers(INT_MIN, INT_MAX).map(Decimal),
    st.integers(INT_MIN, INT_MAX).map(lambda number: Datetime(number * 1000)),
    st.integers(INT_MIN, INT_MAX).map(lambda number: Duration(number * 1000)),
    st.sampled_from([parse_ip("10.1.0.0/8"), parse_ip("::1")]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3).map(ValueSet) | st.dictionaries(TEXTS, inner, max_size=3).map(Record),
    max_leaves=8,
)


def written(value: Value) -> object:
    """Write a value as Cedar's JSON does."""
    match value:
        case EntityRef():
            return reference(value.type, value.id)
        case Decimal() | Duration():
            return extension(type(value).__name__.lower(), str(value))
        case Datetime():
            length = extension("duration", f"{value.micros // 1000}ms")
            return extension("offset", extension("datetime", "1970-01-01"), length)
        case Ip():
            return extension("ip", str(value))
        case ValueSet():
            return [written(each) for each in value]
        case Record():
            return {name: written(each) for name, each in value.items()}
        case _:
            return value


def type_of(value: Value) -> Type | None:
    match value:
        case bool():
            return Primitive.BOOL
        case int():
            return Primitive.INT
        case str():
            return Primitive.STRING
        case EntityRef():
            return EntityTypes(frozenset({value.type}))
        case Record():
            fields = {name: type_of(each) for name, each in value.items()}
            return RecordType({name: FieldType(kind) for name, kind in fields.items() if kind is not None})
        case ValueSet():
            return None
        case _:
            return Primitive(type(value).__name__)


@given(VALUES)
def test_every_value_is_read_from_what_it_is_written_as(value: Value) -> None:
    assert read_value(written(value), None, WORLD) == value
    assert read_value(value, None, WORLD) == value


@given(SCALARS | st.dictionaries(TEXTS, SCALARS, max_size=4).map(Record))
def test_every_value_is_read_by_its_type(value: Value) -> None:
    kind = type_of(value)

    assert read_value(written(value), kind, WORLD) == value


@given(SCALARS, SCALARS)
def test_no_value_is_read_by_the_type_of_another_kind(value: Value, other: Value) -> None:
    kind = type_of(other)
    data = value if isinstance(value, str) else written(value)
    if kind == type_of(value) or (isinstance(value, str) and kind in (IP, DECIMAL, DATETIME, DURATION)):
        return

    with pytest.raises(Mismatch):
        read_value(data, kind, WORLD)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(st.characters(), max_size=4)
        | st.sampled_from(["ip", "U", "::1", "1.0", Lying("a"), Masked(), Color.RED]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["__entity", "__extn", "__expr", "type", "id", "fn", "arg", "args", "a", 1]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=8,
    ),
    st.sampled_from([None, TIGHT, USER, IP, DATETIME, SetType(Primitive.INT), SetType(USER)]),
)
def test_any_data_is_a_value_or_a_mismatch(data: object, kind: Type | None) -> None:
    try:
        found = read_value(data, kind, WORLD)
    except Mismatch as wrong:
        assert str(wrong)
    else:
        assert type(found).__module__ in ("builtins", "pdp.values")
