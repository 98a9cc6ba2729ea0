"""What defines come to when they are written out is bounded, counted once, and told once."""

from __future__ import annotations

import time

import pytest

from pdp.checker import expansion
from pdp.folder import load_sources
from pdp.source import Source

WORLD = "type User { x: Int, on: Bool }\ntype Page\naction read on Page by User\n"


def told(text: str) -> list[tuple[str, str]]:
    return [(each.code, each.span.text if each.span else "") for each in load_sources([Source("p.pdp", text)]).errors]


def doubling(count: int) -> str:
    lines = [f"define d{index + 1} = d{index} and not d{index}\n" for index in range(count)]
    return "define d0 = principal.on\n" + "".join(lines)


def rules(count: int, condition: str) -> str:
    return "".join(f"rule r{index}:\n  permit User to read on Page\n  when {condition}\n" for index in range(count))


def test_defines_that_double_each_other_are_told_once_and_at_once() -> None:
    text = WORLD + doubling(40) + rules(1000, "d40")
    start = time.process_time()

    found = told(text)

    assert [code for code, _ in found] == ["expansion_too_large"]
    # Every rule by itself would take seconds.
    assert time.process_time() - start < 10


def test_the_define_that_is_too_large_is_underlined_and_what_uses_it_is_not_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(expansion, "MAX_TERMS", 100)

    found = told(WORLD + doubling(9) + rules(3, "d8 and d9"))

    # Six pairs come to 3 * 2 ** 6 - 2 terms and more.
    assert found == [("expansion_too_large", "d5")]


def test_what_defines_add_to_a_policy_is_bounded_though_each_rule_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expansion, "MAX_ADDED", 10_000)
    few, many = WORLD + doubling(8) + rules(2, "d8"), WORLD + doubling(8) + rules(20, "d8")

    assert told(few) == []
    # It is told where the rule uses the define, once for all rules.
    assert told(many) == [("expansion_too_large", "d8")]


def test_a_longer_policy_may_write_more_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expansion, "MAX_ADDED", 10_000)
    comment = "# " + "x" * 12_000 + "\n"

    assert told(comment + WORLD + doubling(8) + rules(20, "d8")) == []


def test_what_is_handed_to_a_define_counts_where_it_stands() -> None:
    nested = "f(" * 40 + "principal.x" + ")" * 40
    text = WORLD + "define f(x: Int) = x + x\n" + rules(1, f"{nested} > 1")

    assert [code for code, _ in told(text)] == ["expansion_too_large"]


def test_a_define_may_not_go_deeper_with_what_it_is_handed() -> None:
    deep = "(" * 30 + "x" + " + 1)" * 30
    text = WORLD + f"define f(x: Int) = {deep}\n" + rules(1, "f(f(f(principal.x))) > 1")

    assert told(text) == [("expansion_too_large", "f(f(principal.x))")]


@pytest.mark.parametrize(
    ("loop", "around"),
    [
        ("define a = a\n", "a → a"),
        ("define a = not b\ndefine b = c and principal.on\ndefine c = a\n", "a → b → c → a"),
        ("define a = b\ndefine b = b\n", "b → b"),
        ("define a(x: Bool) = x and b(x)\ndefine b(x: Bool) = a(x)\n", "a → b → a"),
    ],
)
def test_a_way_around_is_told_once(loop: str, around: str) -> None:
    found = load_sources([Source("p.pdp", WORLD + loop + rules(2, "a" if "(" not in loop else "a(true)"))])

    assert [(each.code, each.help) for each in found.errors] == [
        ("recursive_define", f"the way around is {around}"),
    ]


def test_two_ways_around_are_told_each() -> None:
    text = WORLD + "define a = b\ndefine b = a\ndefine c = d\ndefine d = c\n"

    assert told(text) == [("recursive_define", "a"), ("recursive_define", "c")]


def test_a_parameter_with_the_name_of_its_define_is_no_way_around() -> None:
    assert [code for code, _ in told(WORLD + "define a(a: Int) = a > 1\n")] == ["shadowed_name"]


def test_a_long_chain_of_defines_overflows_nothing() -> None:
    chain = "".join(f"define d{index} = d{index + 1}\n" for index in range(5_000)) + "define d5000 = principal.on\n"

    assert {code for code, _ in told(WORLD + chain + rules(1, "d0"))} == {"expansion_too_large"}
