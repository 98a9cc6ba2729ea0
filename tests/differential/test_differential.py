"""Compiled rules answer as the interpreter does, and the comparison finds what would not."""

from __future__ import annotations

import itertools
import re

import pytest

from pdp.terms import Or
from tests.differential import comparing, running, sabotage
from tests.differential.cases import Case, draw
from tests.differential.comparing import Difference, Seen, differences, exactly, judge_of
from tests.differential.tally import Tally

SLICE = 100
"""So many policies for each part of the slice, each asked 20 times. `make differential` compares far more."""

PATIENCE = 1000
"""Within so many policies each breach has to be found."""


@pytest.mark.parametrize("part", range(4))
def test_compiled_rules_answer_as_the_interpreter_does(part: int):
    tally, found = running.run("tests", range(part * SLICE, (part + 1) * SLICE))

    print(tally)
    assert not found, "\n".join(running.told(case, difference) for case, difference in found)
    assert tally.triples == SLICE * 20
    assert tally.lacking() == []


def test_a_case_is_the_same_each_time():
    first, second = draw("again", 7), draw("again", 7)

    assert (first.policy, first.text, first.facts.nodes) == (second.policy, second.text, second.facts.nodes)
    assert repr(first.requests) == repr(second.requests)
    assert repr(draw("again", 8).requests) != repr(first.requests)


def test_every_shape_is_among_the_cases():
    cases = [draw("tests", number) for number in range(400)]

    assert {bool(case.text) for case in cases} == {True, False}
    assert {case.wild for case in cases} == {True, False}
    assert max(len(case.policy.rules) for case in cases) > 150
    assert any(both_plain_and_under_or(case) for case in cases)
    for name in ("provided", "failing", "brought", "revoked", "revoked_sessions", "clock"):
        assert any(getattr(case.facts, name) for case in cases), name
    assert any(case.facts.approvals is None for case in cases)


def both_plain_and_under_or(case: Case) -> bool:
    conditions = [clause.condition for rule in case.policy.rules for clause in rule.clauses]
    plain = set(conditions)
    return any(each in plain for term in conditions if isinstance(term, Or) for each in term.operands)


# ---------------------------------------------------------------------------------------------- that it would be found

_DRAWN: dict[int, tuple[Case, list[Seen]]] = {}


def drawn(number: int) -> tuple[Case, list[Seen]]:
    if number not in _DRAWN:
        case = draw("sabotage", number)
        judge = judge_of(case)
        _DRAWN[number] = case, [exactly(judge.answer(request)) for request in case.requests]
    return _DRAWN[number]


def found_in(name: str, number: int) -> Difference | None:
    case, expected = drawn(number)
    if name in sabotage.BREACHES:
        return next(differences(case, expected, judge_of(case), lambda: sabotage.broken(name)), None)
    return next(differences(case, expected, comparing.subject_of(sabotage.spoilt(case, name))), None)


@pytest.mark.parametrize("name", [*sabotage.BREACHES, *sabotage.LOSSES])
def test_a_breach_is_found(name: str):
    numbers = (number for number in range(PATIENCE) if found_in(name, number) is not None)

    assert next(numbers, None) is not None, f"{name} was not found in {PATIENCE} policies"


@pytest.mark.parametrize("name", ["or_takes_unknown_for_false", "a_test_of_time_has_no_edge"])
def test_what_shows_a_breach_is_small_enough_to_read(name: str):
    def around():
        return sabotage.broken(name)

    cases = (draw("sabotage", number) for number in itertools.count())
    case, found = next((case, found) for case in cases if (found := running.compare(case, around)) is not None)

    text = running.told(case, found, around, seconds=20)

    assert f"SEED=sabotage CASE={case.number}" in text
    assert len(re.findall(r"^(?:rule|grant) ", text, re.MULTILINE)) == 1
    assert len(text) < 2500, text


def test_shares_that_are_too_small_are_told():
    tally = Tally(triples=100)
    tally.counts.update(allow=50, deny=50, erring=19)

    assert tally.lacking() == [
        "erring is 19.0% of the triples, and has to be 20%",
        "finite lease is 0.0% of the triples, and has to be 20%",
        "by compiled rules is 0.0% of the triples, and has to be 15%",
    ]
