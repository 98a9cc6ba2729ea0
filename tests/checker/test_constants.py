"""What comes to the same for every request is told, whether its form shows it or the types of what it asks about."""

from __future__ import annotations

import pytest

from pdp.folder import load_sources
from pdp.source import Source

WORLD = """
enum Stage { draft, live }
enum Only { one }
type User { level: Int, name: String, tags: [String], on: Bool, only: Only }
type Page { stage: Stage, names: [String] }
action read on Page by User
"""


def told(condition: str) -> list[tuple[str, str]]:
    text = f"{WORLD}rule r:\n  permit User to read on Page\n  when session.mfa and ({condition})\n"
    return [(each.code, each.message) for each in load_sources([Source("p.pdp", text)]).diagnostics]


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        ("principal.level > 9223372036854775807", "never"),
        ("principal.level <= 9223372036854775807", "always"),
        ("principal.level >= -9223372036854775808", "always"),
        ("principal.level < -9223372036854775808", "never"),
        ("9223372036854775807 < principal.level", "never"),
        ("-9223372036854775808 <= principal.level", "always"),
        ('principal.name like "*"', "always"),
        ('principal.name like "**"', "always"),
        ("resource.stage in [draft, live]", "always"),
        ("resource.stage in [live, draft, live]", "always"),
        ("principal.on in [true, false]", "always"),
        ("principal.only == one", "always"),
        ("one != principal.only", "never"),
        ("principal.tags containsAll []", "always"),
        ("principal.tags containsAny []", "never"),
        ("[] containsAny principal.tags", "never"),
        ("any tag in []: tag == principal.name", "never"),
        ("all tag in []: tag == principal.name", "always"),
    ],
)
def test_what_the_types_settle_is_told(condition: str, outcome: str) -> None:
    assert told(condition) == [("constant_condition", f"`{condition}` is {outcome} true")]


@pytest.mark.parametrize(
    "condition",
    [
        "now.hour < 0",
        "now.hour >= 0",
        "now.hour <= 23",
        "now.hour > 23",
        "now.month < 1",
        "now.month != 12 or now.month <= 12",
        "now.year >= 1",
        "now.weekday in [mon, tue, wed, thu, fri, sat, sun]",
        '12 >= now["Europe/Berlin"].month',
    ],
)
def test_what_the_calendar_settles_is_told(condition: str) -> None:
    assert [code for code, _ in told(condition)] == ["constant_condition"]


@pytest.mark.parametrize(
    "condition",
    [
        "principal.level > 9223372036854775806",
        "principal.level == 9223372036854775807",
        "principal.level >= 9223372036854775807",
        "principal.level > -9223372036854775808",
        'principal.name like "**a"',
        'principal.name like ""',
        "resource.stage in [draft]",
        "not (resource.stage in [draft])",
        "resource.stage == draft",
        "principal.on == true",
        "[] containsAll principal.tags",
        "principal.tags == []",
        "now.hour > 0",
        "now.hour == 23",
        "now.hour <= 22",
        "now.day in [31]",
        "now.year <= 2030",
        "now.weekday in [mon, tue, wed, thu, fri, sat]",
        "now.weekday != mon",
    ],
)
def test_what_can_be_otherwise_is_none(condition: str) -> None:
    assert told(condition) == []


@pytest.mark.parametrize(
    ("condition", "count"),
    [("1 == 1 and 2 == 2", 1), ("not (1 == 2)", 1), ('"a" in ["a"]', 1), ("[] is empty", 1), ("not not true", 1)],
)
def test_a_constant_is_one_mistake(condition: str, count: int) -> None:
    assert [code for code, _ in told(condition)] == ["constant_condition"] * count
