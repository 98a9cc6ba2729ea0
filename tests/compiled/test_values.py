"""What a request brings may lie, change or raise: compiled rules say what the interpreter says, or leave it to it."""

from __future__ import annotations

import copy
import datetime
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from pdp.engine import Engine
from pdp.model import Entity, Outcome, Reason, Request
from pdp.values import EntityRef
from tests.compiled import lying
from tests.compiled.beside import Beside, checked
from tests.compiled.lying import MAPPINGS, NOW, RIGHT, TIMES, VALUES, LyingRef, LyingText, Passing, Posing
from tests.differential.comparing import exactly, interpreted

KINDS = {
    "text": "String",
    "number": "Int",
    "truth": "Bool",
    "set": "[String]",
    "who": "User",
    "half": "Decimal",
    "when": "Datetime",
}
TESTS = {
    "text": ('{0} == "secret"', '{0} like "sec*"', '{0} in ["secret", "x"]', '{0} != "other"', '{0} like "s*e*t"'),
    "number": ("{0} == 7", "{0} >= 7", "{0} in [7, 8]", "{0} + 1 > 7", "principal.level < {0}"),
    "truth": ("{0}", "not {0}", "{0} == true"),
    "set": (
        '"secret" in {0}',
        "{0} is empty",
        '{0} == ["secret"]',
        '(any x in {0}: x == "secret")',
        '{0} containsAll ["secret"]',
    ),
    "who": (
        '{0} == User "ada"',
        '{0} in Team "t"',
        "{0}.level > 0",
        '{0} == User "secret"',
        "{0}.level == principal.level",
    ),
    "half": ("{0} == 1.5", "{0} > 1.0", "{0} in [1.5, 2.5]"),
    "when": ("{0} == 2026-11-23T09:00:00Z", "{0} < 2026-12-01", "now >= {0}"),
}


def text() -> str:
    lines = ["type Team", "type User in Team { level: Int }", "type Robot in Team { level: Int }", "type Page"]
    lines.append("obligation say { text: String }")
    for name, kind in KINDS.items():
        for way, optional in (("must", ""), ("may", "?")):
            lines.append(
                f"action {way}_{name}, un{way}_{name} on Page by User, Robot with {{ {name}{optional}: {kind} }}"
            )
            present = f"context has {name} and " if optional else ""
            for number, test in enumerate(TESTS[name]):
                condition = f"when {present}{test.format(f'context.{name}')}"
                lines.append(f"rule {way}_{name}_{number}: permit anyone to {way}_{name} on Page {condition}")
                shut = f"when {test.format(f'context.{name}')}" if number < 2 else condition
                lines.append(
                    f'rule un{way}_{name}_{number}: forbid anyone to un{way}_{name} on Page {shut} because "x"'
                )
            lines.append(f"rule open_{way}_{name}: permit anyone to un{way}_{name} on Page")
    lines.append('rule many: permit User in Team "t" to must_text on Page oblige say { text: "x" }')
    return "\n".join(lines)


POLICY = checked(text())
TEAM = EntityRef("Team", "t")
ENTITIES = [
    Entity("Team", "t"),
    Entity("User", "secret", {"level": 1}, [TEAM]),
    Entity("User", "ada", {"level": 2}),
    Entity("Robot", "secret", {"level": 1}),
    Entity("Page", "p"),
]
ADA, SECRET, PAGE = EntityRef("User", "ada"), EntityRef("User", "secret"), EntityRef("Page", "p")


def beside(**options: Any) -> Beside:
    return Beside(POLICY, ENTITIES, handles=["say"], **options)


ASKED = beside()
"""One engine for all values: what it remembers of one must not answer another."""


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, family in VALUES.items() for kind in family])
def test_a_value_counts_for_what_the_interpreter_takes_it_for(name: str, kind: str):
    for way, right_first in itertools.product(("must", "may", "unmust", "unmay"), (False, True)):
        if right_first:
            ASKED.ask(ADA, f"{way}_{name}", PAGE, {name: RIGHT[name]}, None, NOW)
        ASKED.ask(ADA, f"{way}_{name}", PAGE, {name: VALUES[name][kind]}, None, NOW)


def test_the_right_values_are_read_by_compiled_rules():
    for name, way in itertools.product(VALUES, ("must", "may", "unmust", "unmay")):
        beside().ask(ADA, f"{way}_{name}", PAGE, {name: copy.copy(RIGHT[name])}, None, NOW, fast=True)


def test_the_families_are_answered_differently():
    for name, family in VALUES.items():
        seen = {ASKED.rules(ADA, f"must_{name}", PAGE, {name: value}, None, NOW) for value in family.values()}
        assert len(seen) >= 2, name


def test_what_lies_about_itself_is_unknown_or_what_it_is():
    for name, value in (
        ("text", LyingText("other")),
        ("text", Passing(str, "secret")),
        ("text", Posing("secret")),
        ("number", lying.LyingNumber(3)),
        ("number", Passing(int, 7)),
        ("truth", Passing(bool, True)),
        ("number", lying.LyingNumber(10**400)),
    ):
        found = ASKED.rules(EntityRef("Robot", "secret"), f"must_{name}", PAGE, {name: value}, None, NOW)
        assert f"must_{name}_0" not in found, (name, type(value))


def test_a_reference_is_what_it_holds_and_not_what_it_equals():
    found = ASKED.rules(EntityRef("Robot", "secret"), "must_who", PAGE, {"who": LyingRef("User", "ada")}, None, NOW)

    assert "must_who_0" in found
    assert "must_who_3" not in found


def test_a_value_that_is_not_there_is_not_one_that_is_empty():
    for name, family in (("text", ("",)), ("set", ([],)), ("number", (0,)), ("truth", (False,))):
        for way, value in itertools.product(("must", "may", "unmust", "unmay"), family):
            there = exactly(ASKED.ask(ADA, f"{way}_{name}", PAGE, {name: value}, None, NOW))
            absent = exactly(ASKED.ask(ADA, f"{way}_{name}", PAGE, {}, None, NOW))
            null = exactly(ASKED.ask(ADA, f"{way}_{name}", PAGE, {name: None}, None, NOW))
            assert there != absent or way == "may", (way, name)
            assert there != null or way == "may", (way, name)


# ------------------------------------------------------------------------------------------------ what holds the values


@pytest.mark.parametrize("kind", MAPPINGS)
@pytest.mark.parametrize("way", ["must", "may", "unmust", "unmay"])
def test_a_context_of_any_class_is_read_as_the_interpreter_reads_it(kind: str, way: str):
    for name, value in (("text", "secret"), ("text", "other"), ("number", 7), ("truth", True)):
        if kind == "generator":
            continue
        ASKED.ask(ADA, f"{way}_{name}", PAGE, MAPPINGS[kind]({name: value}), None, NOW)
        ASKED.ask(ADA, f"{way}_{name}", PAGE, MAPPINGS[kind]({}), None, NOW)


@pytest.mark.parametrize("kind", MAPPINGS)
def test_a_session_of_any_class_is_read_as_the_interpreter_reads_it(kind: str):
    asked = Beside(
        """
        type User
        type Page
        action read on Page by User
        rule proved: permit User to read on Page when session.mfa needs session.methods containsAll ["otp"]
        rule bound: forbid User to read on Page when session has bound and not session.bound because "x"
        """
    )
    for given in ({"mfa": True, "methods": ["otp"]}, {"mfa": True}, {"mfa": True, "methods": ["otp"], "bound": False}):
        asked.ask(ADA, "read", PAGE, None, MAPPINGS[kind](given), NOW)


ALLOWED_AT = ("it", "another zone", "odd", "none", "first", "last")


@pytest.mark.parametrize("name", TIMES)
def test_a_time_of_any_class_is_read_as_the_interpreter_reads_it(name: str):
    for action in ("must_when", "may_when"):
        found = ASKED.ask(ADA, action, PAGE, {"when": NOW}, None, TIMES[name])
        assert found.outcome is Outcome.DENY or name in ALLOWED_AT


# ------------------------------------------------------------------------------------------------- who asks, and what


NAMES: dict[str, Any] = {
    "reference of a class of its own": LyingRef("User", "ada"),
    "passing for a reference": Passing(EntityRef, EntityRef("User", "secret")),
    "lying id": EntityRef("User", LyingText("ada")),
    "lying type": EntityRef(LyingText("Robot"), "secret"),
    "posing id": EntityRef("User", Posing("secret")),  # type: ignore[arg-type]
    "posing type": EntityRef(Posing("User"), "secret"),  # type: ignore[arg-type]
    "number for an id": EntityRef("User", 1),  # type: ignore[arg-type]
    "plain tuple": ("User", "secret"),
    "longer tuple": ("User", "secret", 1),
    "list": ["User", "secret"],
    "text": 'User "secret"',
    "nothing": None,
    "entity": Entity("User", "secret", {"level": 9}),
    "entity of no type": Entity("Nobody", "secret"),
    "same id of another type": EntityRef("Robot", "secret"),
    "boom": lying.Boom(ValueError),
    "raising id": EntityRef("User", lying.Boom(ValueError)),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("role", ["principal", "resource"])
def test_what_is_no_name_is_refused_as_the_interpreter_refuses_it(name: str, role: str):
    asked = beside()
    for first in (False, True):
        if first:
            asked.ask(SECRET, "must_text", PAGE, {"text": "secret"})
        if role == "principal":
            asked.ask(NAMES[name], "must_text", PAGE, {"text": "secret"})
        else:
            asked.ask(SECRET, "must_text", NAMES[name], {"text": "secret"})


@pytest.mark.parametrize(
    "action",
    [LyingText("must_number"), Posing("must_text"), Passing(str, "must_text"), b"must_text", None, 3, ["must_text"]],
    ids=lambda each: type(each).__name__,
)
def test_what_is_no_action_is_refused_as_the_interpreter_refuses_it(action: Any):
    asked = beside()
    asked.ask(SECRET, "must_text", PAGE, {"text": "secret"})

    asked.ask(SECRET, action, PAGE, {"text": "secret"})


BROUGHT: dict[str, tuple[Any, Reason]] = {
    "number": (5, Reason.INVALID_REQUEST),
    "none": (None, Reason.INVALID_REQUEST),
    "boom": (lying.Boom(ValueError), Reason.INVALID_REQUEST),
    "lying": (lying.LyingTuple((Entity("Nobody", "x"),)), Reason.INVALID_REQUEST),
    "unknown type": ([Entity("Nobody", "x")], Reason.INVALID_REQUEST),
    "no entity": ([5], Reason.PERMITTED),
    "nothing": ([], Reason.PERMITTED),
}


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("name", BROUGHT)
def test_what_is_brought_is_never_left_out_and_never_raises(name: str, compiled: bool):
    brought, reason = BROUGHT[name]
    engine = Engine.from_text(text(), entities=ENTITIES, handles=["say"], compiled=compiled)
    assert engine.allows(SECRET, "must_text", PAGE, {"text": "secret"})

    found = engine.decide(SECRET, "must_text", PAGE, {"text": "secret"}, entities=brought)
    allowed = engine.allows(SECRET, "must_text", PAGE, {"text": "secret"}, entities=brought)

    assert found.reason is reason
    assert bool(found) is allowed is (reason is Reason.PERMITTED)


# --------------------------------------------------------------------------------------------------- what changes


def test_what_is_changed_after_the_call_changes_nothing_that_was_decided():
    asked = beside()
    given: dict[str, Any] = {"set": ["secret"]}
    first = asked.engine.decide(ADA, "must_set", PAGE, given, None, NOW)
    before = exactly(first)

    given["set"].append("x")
    second = asked.engine.decide(ADA, "must_set", PAGE, given, None, NOW)
    given["set"].clear()
    third = asked.engine.decide(ADA, "must_set", PAGE, given, None, NOW)
    given.clear()
    fourth = asked.engine.decide(ADA, "must_set", PAGE, given, None, NOW)

    assert exactly(first) == before
    assert len({first.determining_rules, second.determining_rules, third.determining_rules}) == 3
    assert fourth.outcome is Outcome.DENY


class Changing(str):
    """A key that changes the dict that it is in when it is compared."""

    def __new__(cls, text: str, change: Callable[[], None]) -> Changing:
        found = super().__new__(cls, text)
        found.change = change  # type: ignore[attr-defined]
        return found

    def __eq__(self, other: object) -> bool:
        self.change()  # type: ignore[attr-defined]
        return str.__eq__(self, other)

    __hash__ = str.__hash__


@pytest.mark.parametrize("name", ["text", "number", "truth"])
@pytest.mark.parametrize("to", ["it", "other"])
def test_a_context_that_changes_while_it_is_read_is_answered_for_one_of_its_states(name: str, to: str):
    asked = beside()
    wrong = {"text": "other", "number": 1, "truth": False}[name]
    states = [RIGHT[name], wrong]
    for way in ("must", "may", "unmust", "unmay"):
        action = f"{way}_{name}"
        possible = {
            asked.judge.decide(ADA, action, PAGE, {name: each} if there else {}, None, NOW).determining_rules
            for each in states
            for there in (True, False)
        }
        for _ in range(2):
            context: dict[str, Any] = {}
            change = (lambda given=context: given.update({name: wrong})) if to == "other" else context.clear
            context[Changing(name, change)] = RIGHT[name]
            found = asked.engine.decide(ADA, action, PAGE, context, None, NOW)
            assert found.determining_rules in possible or found.outcome is Outcome.DENY


class Elsewhere:
    """A source that changes what the caller gave while it is asked."""

    def __init__(self, change: Callable[[], None]) -> None:
        self.change = change

    def entity(self, ref: EntityRef) -> Entity | None:
        self.change()
        return Entity(ref.type, ref.id, {"level": 5})


def test_a_context_that_a_source_changes_is_answered_for_one_of_its_states():
    given: dict[str, Any] = {"number": 7}
    options = {"providers": [Elsewhere(given.clear)]}
    asked = beside(**options)
    engine, judge = asked.engine, asked.judge
    stranger = EntityRef("User", "elsewhere")

    for each in (engine, judge):
        given["number"] = 7
        found = each.decide(stranger, "must_number", PAGE, given, None, NOW)
        assert given == {}
        assert exactly(found) == exactly(judge.decide(stranger, "must_number", PAGE, {"number": 7}, None, NOW))
        assert each.decide(stranger, "must_number", PAGE, given, None, NOW).outcome is Outcome.DENY


def test_a_generator_is_no_set_and_is_not_used_up():
    given = (each for each in ["secret"])

    assert ASKED.ask(ADA, "must_set", PAGE, {"set": given}, None, NOW).outcome is Outcome.DENY
    assert list(given) == ["secret"]


# ------------------------------------------------------------------------------------------------------ what raises


@pytest.mark.parametrize("error", [ValueError, KeyError, RecursionError, MemoryError, StopIteration, AttributeError])
def test_what_raises_while_it_is_read_is_unknown_and_no_allow(error: type[Exception]):
    for name, way in itertools.product(VALUES, ("must", "may", "unmust", "unmay")):
        found = ASKED.ask(ADA, f"{way}_{name}", PAGE, {name: lying.Boom(error)}, None, NOW)
        assert found.outcome is Outcome.DENY


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_meant_to_end_the_program_is_not_swallowed(error: type[BaseException]):
    class Ending(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            raise error

    engine = beside().engine
    engine.allows(ADA, "must_text", PAGE, {"text": "secret"})

    for ask in (engine.decide, engine.allows):
        with pytest.raises(error):
            ask(ADA, "must_text", PAGE, Ending(text="secret"))
    assert engine.allows(ADA, "must_text", PAGE, {"text": "secret"})


def test_an_engine_that_read_all_this_still_answers_by_compiled_rules():
    for name, way in itertools.product(VALUES, ("must", "may")):
        ASKED.ask(ADA, f"{way}_{name}", PAGE, {name: copy.copy(RIGHT[name])}, None, NOW, fast=True)


def test_a_time_after_all_that_can_be_written_is_no_allow():
    with interpreted():
        found = ASKED.engine.answer(Request(ADA, "must_when", PAGE, {"when": NOW}, None, datetime.datetime.max))
    assert found.reason is Reason.INVALID_REQUEST
