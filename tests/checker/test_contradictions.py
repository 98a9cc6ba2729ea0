"""Conditions that never hold together, and alternatives of which one always does, are told; nothing else is."""

from __future__ import annotations

import time

import pytest

from pdp.folder import load_sources
from pdp.source import Source

WORLD = """
enum Env { dev, staging, prod }
type Group
type User in Group { level: Int, name: String, on: Bool, nick?: String, at: Datetime, days: [Int] }
type Bot in Group { level: Int, name: String, on: Bool, nick?: String, at: Datetime, days: [Int] }
type Page { env: Env, owner: User, ip: Ip }
action read on Page by User, Bot
"""


def told(*clauses: str, effect: str = "permit") -> list[tuple[str, str]]:
    end = 'because "x"' if effect == "forbid" else ""
    lines = "\n  ".join([f"rule r:\n  {effect} User, Bot to read on Page", *clauses, end])
    found = load_sources([Source("p.pdp", WORLD + lines + "\n")]).diagnostics
    assert {each.code for each in found} <= {"contradiction", "has_in_forbid"}
    return [(each.message, each.span.text) for each in found if each.code == "contradiction" and each.span]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("resource.env == prod", "resource.env == dev"),
        ("resource.env == prod", "resource.env != prod"),
        ("resource.env in [dev, staging]", "resource.env == prod"),
        ("resource.env in [dev, staging]", "prod == resource.env"),
        ("principal.level < 3", "principal.level > 5"),
        ("principal.level < 3", "principal.level >= 3"),
        ("3 <= principal.level", "principal.level < 3"),
        ("principal.level == 3", "principal.level > 3"),
        ("principal.level > 3", "principal.level == 3"),
        ("principal.level in [1, 2]", "principal.level > 2"),
        ("principal.at < 2026-01-01", "principal.at > 2027-01-01"),
        ('principal.name == "a"', 'principal.name == "b"'),
        ('resource.owner == User "a"', 'resource.owner == User "b"'),
        ("resource.ip == 10.0.0.1", "resource.ip == 10.0.0.2"),
    ],
)
def test_two_conditions_that_never_hold_together_are_told(first: str, second: str) -> None:
    message = f"`{first}` and `{second}` never hold together"

    assert told(f"when {first} and {second}") == [(message, second)]
    assert told(f"when {first}", f"needs {second}") == [(message, second)]
    assert told(f"when session.mfa and (session.mfa or ({first} and {second}))") == [(message, second)]
    assert told(f"when not (not ({first}) or not ({second}))") == [(message, second)]


def test_a_forbid_that_is_lifted_wherever_it_applies_is_told() -> None:
    assert told("when principal.on", "unless session.mfa or principal.on", effect="forbid") == [
        ("`principal.on` and `not principal.on` never hold together", "principal.on")
    ]
    assert told("when resource.env == prod", "unless resource.env != dev", effect="forbid") == [
        ("`resource.env == prod` and `not resource.env != dev` never hold together", "resource.env != dev")
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("principal.on", "not principal.on"),
        ("principal has nick", "not principal has nick"),
        ('principal in Group "a"', 'not (principal in Group "a")'),
        ("now < 2026-01-01", "not (now < 2026-01-01)"),
        ("principal.days containsAny [1, 2]", "not principal.days containsAny [1, 2]"),
    ],
)
def test_a_condition_and_its_opposite_are_told(first: str, second: str) -> None:
    bare = second.removeprefix("not ").removeprefix("(").removesuffix(")")

    (together,) = told(f"when {first} and {second}")
    (either,) = told(f"when {first} or {second}")

    assert together == (f"`{first}` and `not {bare}` never hold together", bare)
    assert either == (f"one of `{first}` and `not {bare}` always holds", bare)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("principal.level < 3", "principal.level >= 3"),
        ("resource.env == prod", "resource.env != prod"),
        ("principal.level != 3", "principal.level > 2"),
    ],
)
def test_alternatives_that_leave_nothing_out_are_told(first: str, second: str) -> None:
    assert told(f"when {first} or {second}") == [(f"one of `{first}` and `{second}` always holds", second)]


@pytest.mark.parametrize(
    "condition",
    [
        "resource.env == prod or resource.env == dev",
        "resource.env != prod and resource.env != dev",
        "resource.env in [prod, dev] and resource.env in [dev, staging]",
        "principal.level > 3 and principal.level < 5",
        "principal.level >= 3 and principal.level <= 3",
        "principal.level == 3 and principal.level >= 3",
        "principal.level > 3 and principal.level > 5",
        "principal.level != 3 and principal.level in [3, 4]",
        "principal.level < 3 or principal.level > 3",
        'principal in Group "a" and principal in Group "b"',
        "resource.ip in [10.0.0.0/8] and resource.ip in [10.1.0.0/16]",
        "(principal.on and session.mfa) or (not principal.on and not session.mfa)",
        "(any day in principal.days: day == 1) and (any day in principal.days: day == 2)",
        "(resource.env == prod and principal.level > 3) or (resource.env == dev and principal.level > 1)",
        "(principal is User and principal.level > 3) or (principal is Bot and principal.level > 3)",
        "if principal.on then session.mfa else not session.mfa",
    ],
)
def test_conditions_that_go_together_are_not_told(condition: str) -> None:
    assert told(f"when {condition}") == []


def test_several_unless_of_which_one_always_lifts_are_told() -> None:
    assert told("unless principal.on", "unless not principal.on", effect="forbid") == [
        ("`not principal.on` and `principal.on` never hold together", "principal.on")
    ]


def test_the_other_condition_is_shown() -> None:
    text = WORLD + "rule r:\n  permit User to read on Page\n  when principal.level < 3\n  when principal.level > 5\n"

    (found,) = load_sources([Source("p.pdp", text)]).diagnostics

    assert [(message, span.text) for message, span in found.notes] == [("the other one is here", "principal.level < 3")]
    assert found.help == "remove one of them, or mend it"


def test_very_many_conditions_on_one_path_are_looked_at_in_moments() -> None:
    excluded = " and ".join(f"principal.level != {index}" for index in range(5_000))
    start = time.process_time()

    assert told(f"when {excluded} and principal.level in [1, 30000]") == []
    assert time.process_time() - start < 10
