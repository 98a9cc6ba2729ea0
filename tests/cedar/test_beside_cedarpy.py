"""pdp answers random policy sets as Cedar's own engine does, and the comparison finds what would not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.beside import running, sabotage
from tests.beside.cases import Case, draw
from tests.beside.comparing import Difference, differences
from tests.beside.oracle import VARIABLE, Crashed, Oracle, interpreter
from tests.beside.tally import ENOUGH, LEAST, LEAST_SETS, Tally

PART = 100
"""So many policy sets for each part of the slice. `make differential` compares far more."""

PATIENCE = 300
"""Within so many policy sets each breach has to be found."""


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    python = interpreter()
    if python is None:
        pytest.skip(f"no cedarpy to compare with: {VARIABLE} names the interpreter of an environment that has it")
    found = Oracle(python)
    yield found
    found.close()


@pytest.mark.parametrize("part", range(3))
def test_pdp_answers_as_cedar_does(oracle: Oracle, part: int):
    tally, found = running.run("tests", range(part * PART, (part + 1) * PART), oracle)

    print(tally)
    assert not found, "\n".join(running.told(case, difference, oracle) for case, difference in found)
    assert tally.sets == PART
    assert tally.decisions > PART * 20


def test_a_case_is_the_same_each_time():
    assert draw("again", 7) == draw("again", 7)
    assert draw("again", 7).message() != draw("again", 8).message()


def test_an_engine_that_ends_is_told_and_begun_again(oracle: Oracle):
    message = draw("again", 8).message()
    first = oracle.ask(message)
    assert oracle._process is not None
    oracle._process.kill()
    oracle._process.wait()

    with pytest.raises(Crashed, match=r"ended with -9"):
        oracle.ask(message)

    assert oracle.ask(message) == first


# ---------------------------------------------------------------------------------------------- that it would be found

_DRAWN: dict[int, tuple[Case, dict[str, Any]]] = {}


def found_in(name: str, number: int, oracle: Oracle) -> Difference | None:
    if number not in _DRAWN:
        case = draw("sabotage", number)
        _DRAWN[number] = case, oracle.ask(case.message(validate=False))
    case, answer = _DRAWN[number]
    return next(differences(case, answer, lambda: sabotage.broken(name)), None)


@pytest.mark.parametrize("name", sabotage.BREACHES)
def test_a_breach_is_found(name: str, oracle: Oracle):
    found = next((number for number in range(PATIENCE) if found_in(name, number, oracle) is not None), None)

    assert found is not None, f"{name} was not found in {PATIENCE} policy sets"


def test_what_shows_a_breach_is_small_enough_to_read(oracle: Oracle):
    def around() -> Any:
        return sabotage.broken("an_overflow_wraps")

    cases = (draw("sabotage", number) for number in range(PATIENCE))
    pairs = ((case, running.compare(case, oracle, around)) for case in cases)
    case, found = next((case, found) for case, found in pairs if found is not None)

    text = running.told(case, found, oracle, around, seconds=20)

    assert f"SEED=sabotage CASE={case.number}" in text
    assert text.count("@id(") <= 2
    assert len(text) < 4000, text


def test_shares_that_are_too_small_are_told():
    tally = Tally(decisions=100, sets=ENOUGH)
    tally.counts.update({**dict.fromkeys(LEAST, 50), "erring": 19})
    tally.kinds.update({**dict.fromkeys(LEAST_SETS, ENOUGH), "tags": 0})

    assert tally.lacking() == [
        "erring is 19.0% of the decisions, and has to be 20.0%",
        "tags is 0.0% of the policy sets, and has to be 10.0%",
    ]
