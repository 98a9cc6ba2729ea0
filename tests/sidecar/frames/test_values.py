"""Values of Python go to the sidecar and are there what they were."""

from __future__ import annotations

import datetime
import decimal
import enum
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pdp
from pdp.model import Membership
from pdp.values import Datetime, Decimal, Duration, EntityRef, EnumMember, Ip, Record, ValueSet
from pdp_sidecar.frames.codec import Read, Written, asked, leaf_of, packed_leaf, question
from pdp_sidecar.frames.values import MAX_DEPTH, ODD, Unreadable, careful, pack, packer, unpack
from tests.sidecar.scene import ADA, HOME, PLAN, WITH_MFA, engine

UTC = datetime.UTC


class Colour(enum.StrEnum):
    RED = "red"


class Number(enum.IntEnum):
    ONE = 1


SAME: list[Any] = [
    None, True, False, 0, 1, -1, 2**63 - 1, -(2**63), 2**64 - 1, 0.5, "", "x", "\0", "é", b"x", [], [1, [2]], {},
    {"a": {"b": 1}},
    datetime.datetime(2026, 1, 1, tzinfo=UTC), datetime.datetime.max.replace(tzinfo=UTC), datetime.timedelta(days=-1),
    decimal.Decimal("1.50"), decimal.Decimal("-0"), Datetime(5), Duration(-5), Decimal(15), Ip.parse("10.0.0.0/8"),
    Ip.parse("::1"), Ip(4, 167772160, 184549375, 167772161), EnumMember("Env", "prod"), EntityRef("User", "\ud800"),
    "\udfff",
    Membership(EntityRef("Group", "g"), Datetime(9)),
    pdp.Entity("User", "u", {"a": [EntityRef("User", "v")]}, parents=[EntityRef("Group", "g")], tags={"t": 1}),
]  # fmt: skip


@pytest.mark.parametrize("value", SAME, ids=lambda value: repr(value)[:40])
def test_a_value_comes_back_as_it_was(value):
    found = unpack(pack({"x": value}))["x"]

    if isinstance(value, Datetime | Duration):
        found = type(value).of(found) if not isinstance(found, type(value)) else found
    if isinstance(value, datetime.timedelta):
        found = found.micros * datetime.timedelta(microseconds=1)
    assert found == value
    assert repr(found) == repr(value)


def test_what_another_class_holds_comes_back_plain():
    given = {"a": Colour.RED, "b": Number.ONE, "c": (1, 2), "d": {3}, "e": ValueSet([4]), "f": Record({"g": 5})}

    found = unpack(pack(given))

    assert found == {"a": "red", "b": 1, "c": [1, 2], "d": [3], "e": [4], "f": {"g": 5}}
    assert type(found["a"]) is str
    assert type(found["b"]) is int


@pytest.mark.parametrize(
    "value",
    [
        object(),
        EntityRef("User", 1),  # type: ignore[arg-type]
        EnumMember("Env", True),  # type: ignore[arg-type]
        2**64,
        -(2**63) - 1,
        1j,
        datetime.datetime(2026, 1, 1),
        datetime.timedelta.max,
        Decimal(2**70),
        range(3),
    ],
    ids=lambda each: type(each).__name__,
)
def test_what_is_no_value_is_none_there_either(value):
    assert unpack(pack({"x": value, "y": 1})) == {"x": ODD, "y": 1}


def test_names_that_are_no_texts_take_nothing_with_them():
    found = unpack(careful({"a": 1, 2: 3, (4,): 5, "b": {6: 7, "c": 8}}))

    assert {name: value for name, value in found.items() if isinstance(name, str)}["a"] == 1
    assert len(found) == 3
    assert found["b"]["c"] == 8


def test_data_that_is_nested_too_deep_is_no_value_and_the_rest_is():
    deep: Any = 1
    for _ in range(2000):
        deep = [deep]
    endless: list[Any] = []
    endless.append(endless)

    found = unpack(pack({"deep": deep, "endless": endless, "x": 1}))

    assert found["x"] == 1
    depth, inner = 0, found["deep"]
    while inner is not ODD:
        depth, inner = depth + 1, inner[0]
    assert depth < MAX_DEPTH


def test_an_object_that_fails_when_it_is_looked_at_is_no_value():
    class Odd(dict[str, Any]):
        def __iter__(self) -> Any:
            raise RuntimeError("no")

        def keys(self) -> Any:
            raise RuntimeError("no")

    assert unpack(careful({"x": Odd(), "y": 1}))["y"] == 1


BAD = [
    b"", b"\xc1", b"\x91", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff",
    b"\x81\x01\x02", b"\xa1\xff",
    msgpack.packb(1) * 2, msgpack.packb(msgpack.ExtType(99, b"")), msgpack.packb(msgpack.ExtType(2, b"short")),
    msgpack.packb(msgpack.ExtType(7, b"")), msgpack.packb(msgpack.ExtType(9, msgpack.packb(["User", 1]))),
    msgpack.packb(msgpack.ExtType(10, msgpack.packb([]))), msgpack.packb(msgpack.ExtType(5, b"x" * 50)),
    b"\x91" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("data", BAD, ids=lambda data: repr(data)[:40])
def test_bytes_that_are_no_message_are_refused(data):
    with pytest.raises(Unreadable):
        unpack(data)


def test_values_of_ours_within_one_another_are_bounded():
    data = msgpack.packb(None)
    for _ in range(500):
        data = msgpack.packb(msgpack.ExtType(10, msgpack.packb(["User", "u", {}, [], {}])[:-1] + data))

    with pytest.raises(Unreadable):
        unpack(data)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    try:
        asked(unpack(data))
    except Unreadable:
        pass


# ------------------------------------------------------------------------------------------------------------- answers


def test_a_leaf_is_told_once_and_known_by_its_number_after_that():
    written, read = Written(frozenset()), Read()
    leaf = engine().answer(pdp.Request(ADA, "edit", PLAN, {}, WITH_MFA))._leaf

    number, told = written.number(leaf)

    assert read.leaf(number, unpack(pack(told))) == leaf
    assert written.number(leaf) == (number, None)
    assert read.leaf(number, None) == leaf


def test_of_very_many_leaves_the_oldest_are_told_anew():
    written, read = Written(frozenset()), Read()
    leaves = [pdp.Decision(outcome="deny", reason="default", revision=str(n))._leaf for n in range(3000)]  # type: ignore[arg-type]

    for leaf in leaves * 2:
        assert read.leaf(*written.number(leaf)).revision == leaf.revision


GOOD = packed_leaf(engine().answer(pdp.Request(ADA, "read", HOME))._leaf, frozenset())
DENIED = packed_leaf(engine().answer(pdp.Request(ADA, "edit", PLAN))._leaf, frozenset())


def test_each_part_of_an_answer_that_is_another_is_no_allow():
    assert leaf_of(GOOD).granted

    for place in range(len(GOOD)):
        for odd in (None, 1, "allow", "deny", True, False, [], ["x"], {}, "permitted", "unknown"):
            changed = [*DENIED[:place], odd, *DENIED[place + 1 :]]
            try:
                assert not leaf_of(changed).granted, (place, odd)
            except Unreadable:
                pass


def test_an_answer_that_says_nothing_is_refused():
    for fields in (None, [], {}, [0], [0, None, None, None, "", ""], [0, [], None, None, "", ""], [None] * 6, "x"):
        with pytest.raises(Unreadable):
            Read().reply(fields)
    for fields in (None, [], ["", "", [], [0, None, None]], ["", "", [], [0]], ["", "", [[0, None]], []]):
        with pytest.raises(Unreadable):
            Read().replies(fields) or pytest.fail("no answers")


# ------------------------------------------------------------------------------------------- the engine here and there

TEXTS = st.sampled_from(["", "ada", "User", "Page", "read", "edit", "home", "plan", "editors", "Group"]) | st.text(
    max_size=5
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.binary(max_size=3) | st.decimals()
    | st.datetimes(timezones=st.none() | st.just(UTC)) | st.timedeltas() | st.builds(EntityRef, TEXTS, TEXTS)
    | st.builds(Decimal, st.integers()) | st.just(Ip.parse("10.0.0.1")) | st.builds(object) | st.just(Number.ONE)
)  # fmt: skip
WILD = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXTS | st.integers(), inner, max_size=3)
        | st.builds(pdp.Entity, TEXTS, TEXTS, st.dictionaries(TEXTS, inner, max_size=2))
    ),
    max_leaves=6,
)
NAMED = st.sampled_from([ADA, HOME, PLAN]) | st.builds(EntityRef, TEXTS, TEXTS) | WILD
CONTEXTS = st.none() | st.dictionaries(st.sampled_from(["note", "score", "other"]), WILD, max_size=3) | WILD
SESSIONS = (
    st.none() | st.just(WITH_MFA) | st.dictionaries(st.sampled_from([*WITH_MFA, "actor", "x"]), WILD, max_size=3) | WILD
)
LOCAL = engine(handles=["log"])


@settings(max_examples=150, deadline=None)
@given(NAMED, TEXTS | WILD, NAMED, CONTEXTS, SESSIONS, st.lists(st.builds(pdp.Entity, TEXTS, TEXTS), max_size=2))
def test_a_wild_question_gets_the_same_answer_there(
    who: Any, act: Any, what: Any, context: Any, session: Any, entities: Any
) -> None:
    request = pdp.Request(who, act, what, context, session, None, tuple(entities))
    data = question(request, packer())
    try:
        found = unpack(data)
    except Unreadable:
        # As a client does when it is told so.
        data = question_with_care(request)
        found = unpack(data)

    there = asked(found)

    one, other = LOCAL.answer(request), LOCAL.answer(there)
    assert (one.outcome, one.reason, one.determining_rules, one.erring_rules) == (
        other.outcome, other.reason, other.determining_rules, other.erring_rules,
    )  # fmt: skip
    assert (one.obligations, one.remedies, bool(one)) == (other.obligations, other.remedies, bool(other))


def question_with_care(request: pdp.Request) -> bytes:
    from pdp_sidecar.frames.codec import careful_question

    return careful_question(tuple(request))
