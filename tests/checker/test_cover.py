"""A rule is checked for every combination of types that it covers, and those that are alike for it once."""

from __future__ import annotations

import time

import pytest

from pdp.checker import expansion
from pdp.checker.conditions import Conditions
from pdp.folder import load_sources
from pdp.schema import Cell
from pdp.source import Source


def told(text: str) -> list[tuple[str, str]]:
    return [(each.code, each.message) for each in load_sources([Source("p.pdp", text)]).errors]


def types(count: int, attributes: str = "x: Int") -> str:
    names = ", ".join(f"T{index}" for index in range(count))
    declared = "".join(f"type T{index} {{ {attributes}, k{index}: Int }}\n" for index in range(count))
    return f"{declared}action look on {names} by {names}\n"


def looked_at(monkeypatch: pytest.MonkeyPatch, text: str) -> tuple[list[tuple[str, str]], list[Cell]]:
    found: list[Cell] = []
    check = Conditions._check_cell

    def seen(self: Conditions, cell: Cell) -> None:
        found.append(cell)
        check(self, cell)

    monkeypatch.setattr(Conditions, "_check_cell", seen)
    return told(text), found


RULE = "rule r:\n  permit anyone to any on anything\n  when "


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ("principal.x == 1", 1),
        ("principal.x == 1 and resource.x > 1", 1),
        ("principal is T3 and resource.x > 1", 2),
        ("principal is T3 or (resource is T1 and principal.x == 1)", 4),
        ("principal == resource.best", 30),
        ("session.mfa", 1),
    ],
)
def test_types_that_come_out_alike_are_looked_at_once(
    condition: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = " | ".join(f"T{index}" for index in range(30))

    errors, cells = looked_at(monkeypatch, types(30, f"x: Int, best: {every}") + RULE + condition + "\n")

    assert (errors, len(cells)) == ([], count)


def test_membership_tells_types_apart_by_what_they_can_be_in(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "type A\ntype B\ntype C in A\ntype D in B\ntype E\ntype F\naction look on E by C, D, E, F\n"

    errors, cells = looked_at(monkeypatch, text + RULE + 'principal in [A "a", B "b"] and resource == E "e"\n')

    assert (errors, [cell.principal for cell in cells]) == ([], ["C", "E"])


def test_the_one_type_that_lacks_an_attribute_is_found_among_many() -> None:
    text = types(40) + "type Odd\naction look2 on Odd, T1 by T3\n"

    assert told(text + RULE + "resource.x > 1\n") == [
        ("unknown_attribute", "attribute `x` not found on entity type `Odd`")
    ]


def test_an_attribute_of_another_type_is_found_among_many() -> None:
    text = types(40) + "type Odd { x: String }\naction look2 on Odd, T1 by T3\n"

    assert told(text + RULE + "resource.x > 1\n") == [("type_mismatch", "`String` is compared with `Int`")]


def test_actions_that_differ_by_their_context_alone_are_looked_at_each() -> None:
    text = "type U\naction a on U with { x: Int }\naction b on U with { x: Int }\naction c on U\n"

    assert told(text + RULE + "context.x > 1\n") == [
        ("unknown_attribute", "attribute `x` not found on the context of `c`")
    ]


def test_a_rule_about_too_many_combinations_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expansion, "MAX_LOOKS", 50)
    monkeypatch.setattr(expansion, "LOOKS_PER_CHARACTER", 0)
    every = " | ".join(f"T{index}" for index in range(8))
    text = types(8, f"best: {every}") + RULE + "principal.best == resource and resource.best != principal\n"

    assert [code for code, _ in told(text)] == ["too_many_combinations"]


@pytest.mark.parametrize(
    "condition", ["principal.x == 1 and resource.x > 1", "principal.y == 1", "principal == resource.best"]
)
def test_many_types_actions_and_rules_check_in_moments(condition: str) -> None:
    count = 50
    every = " | ".join(f"T{index}" for index in range(count))
    names = ", ".join(f"T{index}" for index in range(count))
    actions = "".join(f"action a{index} on {names} by {names}\n" for index in range(count))
    rules = "".join(RULE.replace("rule r", f"rule r{index}") + condition + "\n" for index in range(20))
    start = time.process_time()

    found = told(types(count, f"x: Int, best: {every}") + actions + rules)

    assert {code for code, _ in found} <= {"unknown_attribute"}
    assert time.process_time() - start < 5
